"""Debian's docker-registry for tests: the real one, on loopback, in a folder of the test's.

KAITO_TEST_REGISTRY or PATH name the program; else it is unpacked once into .cache/tools from the
package that apt downloads, without installing anything.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaito.api.meta import Manifest

_PACKAGE = "docker-registry"
_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "tools"
_SECONDS = 60
USER, PASSWORD = "kaito", "secret"
# bcrypt, the one form that this registry reads.
_HTPASSWD = f"{USER}:$2b$05$aaaaaaaaaaaaaaaaaaaaaufF5ln6hkSmsXQlUal7F4e6KigLYzXK6\n"


def registry_path() -> Path:
    """The program; `LookupError` says why there is none."""
    named = os.environ.get("KAITO_TEST_REGISTRY") or shutil.which(_PACKAGE)
    if named:
        return Path(named)
    target = _CACHE / _PACKAGE
    if not target.exists():
        _download(target)
    return target


@contextmanager
def running_registry(folder: Path, *, has_auth: bool = False) -> Iterator[str]:
    """A registry that keeps everything in `folder`; its `host:port`.

    Where the program cannot be had, the test that asks for it is skipped and says why.
    """
    try:
        program = registry_path()
    except LookupError as error:
        pytest.skip(str(error))
    port = _free_port()
    auth = ""
    if has_auth:
        (folder / "htpasswd").write_text(_HTPASSWD)
        auth = f"auth: {{htpasswd: {{realm: tests, path: {folder / 'htpasswd'}}}}}\n"
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'store'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: tests}}\n{auth}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", config], stdout=log, stderr=log)
        try:
            _wait(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it listens; connecting is refused at once until then."""
    for _ in range(_SECONDS * 20):
        if process.poll() is not None:
            raise RuntimeError(f"docker-registry ended with {process.returncode}")
        with socket.socket() as probe:
            probe.settimeout(0.05)
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("docker-registry does not listen")


def read_manifest(registry: str, repository: str, tag: str) -> tuple[Manifest, str]:
    """A manifest as the tests' own user may read it, and its digest."""
    pair = f"{USER}:{PASSWORD}".encode()
    request = urllib.request.Request(
        f"http://{registry}/v2/{repository}/manifests/{tag}",
        headers={
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Accept": "application/vnd.oci.image.manifest.v1+json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer), answer.headers["Docker-Content-Digest"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _download(target: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LookupError(f"{_PACKAGE} is not installed, and there is no apt to download it with")
    with tempfile.TemporaryDirectory() as scratch:
        fetched = subprocess.run(
            ["apt-get", "download", _PACKAGE],
            cwd=scratch,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        packages = list(Path(scratch).glob("*.deb"))
        if fetched.returncode or not packages:
            raise LookupError(f"{_PACKAGE} is not installed, and apt-get cannot download it")
        subprocess.run(["dpkg-deb", "-x", packages[0], scratch], check=True, timeout=_SECONDS)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        shutil.copy2(Path(scratch, "usr/bin", _PACKAGE), partial)
        partial.rename(target)
