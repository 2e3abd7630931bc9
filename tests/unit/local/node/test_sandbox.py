"""The arguments of the sandbox: every mount point exists, and the machine is never written to."""

from pathlib import Path

from kaito.local.node.mounts import Mount
from kaito.local.node.sandbox import plan_sandbox


class FakeHost:
    """A file system of folders with their entries; links are entries with a target."""

    def __init__(self, **folders: tuple[tuple[str, str], ...]) -> None:
        self._folders = {"/" + name.replace("__", "/"): e for name, e in folders.items()}
        self._folders["/"] = (("bin", "usr/bin"), ("mnt", ""), ("usr", ""))

    def is_folder(self, path: str) -> bool:
        return path in self._folders

    def exists(self, path: str) -> bool:
        return path in self._folders

    def entries(self, path: str) -> tuple[tuple[str, str], ...]:
        return self._folders[path]


HOST = FakeHost(
    mnt=(("disk", ""),), mnt__disk=(), usr=(), dev=(("null", ""), ("nvidia0", ""), ("shm", ""))
)


def plan(*mounts: tuple[str, str]) -> str:
    wanted = [Mount(path=path, source=Path(source)) for path, source in mounts]
    return " ".join(plan_sandbox("bwrap", wanted, cwd="/w", host=HOST))


def test_a_mount_point_that_exists_is_mounted_over() -> None:
    assert plan(("/mnt/disk", "/s")) == (
        "bwrap --dev-bind / / --bind /s /mnt/disk --die-with-parent --chdir /w --"
    )


def test_a_missing_mount_point_is_made_in_a_copy_of_its_folder() -> None:
    assert "--tmpfs /mnt --dev-bind-try /mnt/disk /mnt/disk --bind /s /mnt/config" in plan(
        ("/mnt/config", "/s")
    )


def test_a_missing_folder_of_the_root_keeps_its_links() -> None:
    found = plan(("/workspace/weights", "/s"))
    assert "--tmpfs / --symlink usr/bin /bin --dev-bind-try /mnt /mnt" in found
    assert found.endswith("--bind /s /workspace/weights --die-with-parent --chdir /w --")


def test_a_folder_is_copied_once_for_several_mounts() -> None:
    assert plan(("/mnt/a", "/s"), ("/mnt/b", "/t")).count("--tmpfs") == 1


def test_the_entries_of_a_large_folder_are_links_but_for_those_that_lead_to_a_mount() -> None:
    many = tuple((f"e{number}", "") for number in range(100))
    host = FakeHost(tmp=(*many, ("link", "e1")), tmp__e7=())
    wanted = [Mount(path=path, source=Path("/s")) for path in ("/tmp/box", "/tmp/e7/in")]
    found = " ".join(plan_sandbox("bwrap", wanted, cwd="/w", host=host))
    assert "--tmpfs /tmp --dev-bind /tmp /tmp/.kaito-original" in found
    assert "--dev-bind-try /tmp/e7 /tmp/e7" in found
    assert "/tmp/e8" not in found
    assert " -- /bin/sh -c (cd /tmp && find .kaito-original " in found
    assert found.endswith('; exec "$0" "$@"')


def test_a_mount_in_dev_gets_a_new_dev_with_the_accelerators() -> None:
    found = plan(("/dev/termination-log", "/s"))
    assert "--dev /dev --dev-bind-try /dev/nvidia0 /dev/nvidia0" in found
    assert "/dev/null" not in found


def test_a_mount_that_is_read_only_stays_so() -> None:
    mount = Mount(path="/mnt/disk", source=Path("/s"), is_read_only=True)
    assert "--ro-bind" in plan_sandbox("bwrap", [mount], cwd="/", host=HOST)
