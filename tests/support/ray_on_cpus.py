"""vLLM's platform for CPUs, but one that Ray may place: for tests of models that span pods.

vLLM places workers by the GPUs that Ray's nodes offer, and its CPU platform names no such resource.
This one says `GPU`, and the tests' nodes pretend to have one each. Everything else is vLLM's own.
"""

from pathlib import Path

_MODULE = """from vllm.platforms.cpu import CpuPlatform


class RayOnCpus(CpuPlatform):
    ray_device_key = "GPU"


def register():
    return "ray_on_cpus_platform.RayOnCpus"
"""
_METADATA = "Metadata-Version: 2.1\nName: ray-on-cpus-platform\nVersion: 1.0\n"
_ENTRY_POINTS = "[vllm.platform_plugins]\nray_on_cpus = ray_on_cpus_platform:register\n"


def install_platform(folder: Path) -> Path:
    """Write the plugin's distribution into `folder`; with it on PYTHONPATH, vLLM takes it."""
    info = folder / "ray_on_cpus_platform-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "ray_on_cpus_platform.py").write_text(_MODULE)
    (info / "METADATA").write_text(_METADATA)
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    return folder
