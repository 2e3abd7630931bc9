"""Weights from a registry: artifacts, images, logins, and what is said when it does not work."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from registry_double import PASSWORD, USER, RegistryDouble, serving

from kaito.api.weight_source import OciSource
from kaito.base.clock import SystemClock
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.oci import fetch_oci
from kaito.runtimes.weights.progress import Reporter

OCI = "application/vnd.oci.image.manifest.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
async def double() -> AsyncIterator[RegistryDouble]:
    made = RegistryDouble()
    async with serving(made):
        yield made


async def fetch(host: str, folder: Path, reporter: Reporter, *secrets: Path) -> str:
    source = OciSource(f"{host}/models/tiny:1")
    arrived = await fetch_oci(
        source,
        folder,
        pull_secrets=tuple(map(str, secrets)),
        clock=SystemClock(),
        reporter=reporter,
    )
    for name, total in arrived.sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == total
    return arrived.revision


def publish(double: RegistryDouble, layers: list[dict[str, object]]) -> str:
    document = {"schemaVersion": 2, "mediaType": OCI, "layers": layers}
    return double.add_manifest("models/tiny", "1", document, OCI)


def file_layer(double: RegistryDouble, title: str, content: bytes) -> dict[str, object]:
    return {
        "mediaType": "application/octet-stream",
        "digest": double.add_blob("models/tiny", content),
        "size": len(content),
        "annotations": {"org.opencontainers.image.title": title},
    }


async def test_an_artifacts_layers_become_files(
    double: RegistryDouble, reporter: Reporter, tmp_path: Path
) -> None:
    digest = publish(double, [file_layer(double, "model.safetensors", b"weights")])
    assert await fetch(double.host, tmp_path, reporter) == digest
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"


async def test_an_old_image_of_weights_is_read(
    double: RegistryDouble, reporter: Reporter, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("usr/bin/python", "workspace/weights/model.safetensors"):
            entry = tarfile.TarInfo(name)
            entry.size = 7
            tar.addfile(entry, io.BytesIO(b"weights"))
    content = buffer.getvalue()
    digest = double.add_blob("models/tiny", content)
    publish(double, [{"mediaType": TAR, "digest": digest, "size": len(content)}])
    await fetch(double.host, tmp_path, reporter)
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "python").exists()


async def test_a_mounted_secret_opens_the_registry_and_is_named_when_it_does_not(
    double: RegistryDouble, reporter: Reporter, tmp_path: Path
) -> None:
    double.faults.auth = "bearer"
    publish(double, [file_layer(double, "model.safetensors", b"weights")])
    secret = tmp_path / "regcred"
    secret.mkdir()
    with pytest.raises(SourceFailed, match=r"refuses access .* no login was given"):
        await fetch(double.host, tmp_path / "to", reporter, secret)
    for password in ("wrong", PASSWORD):
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        text = json.dumps({"auths": {double.host: {"auth": auth}}})
        (secret / ".dockerconfigjson").write_text(text)
        if password == "wrong":
            with pytest.raises(SourceFailed, match="the logins of regcred do not open it"):
                await fetch(double.host, tmp_path / "to", reporter, secret)
    await fetch(double.host, tmp_path / "to", reporter, secret)
    assert (tmp_path / "to" / "model.safetensors").exists()


async def test_a_missing_artifact_is_a_reason(
    double: RegistryDouble, reporter: Reporter, tmp_path: Path
) -> None:
    with pytest.raises(SourceFailed, match="no such artifact"):
        await fetch(double.host, tmp_path, reporter)


async def test_a_reference_that_is_none_is_a_reason(reporter: Reporter, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="is not understood"):
        await fetch("Not A Host", tmp_path, reporter)
