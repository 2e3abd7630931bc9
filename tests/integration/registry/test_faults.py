"""Pulling from and pushing to a registry that misbehaves, and what crosses the wire meanwhile."""

import asyncio
import errno
import itertools
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from registry_clients import Counted, login_for, read_files, talking, write_files
from registry_double import RegistryDouble, digest_of

from kaito.registry import bulk, download, upload
from kaito.registry.content import pull_content, push_content
from kaito.registry.errors import RegistryError
from kaito.registry.reference import Reference, parse_reference

MIB = 1 << 20
WEIGHTS = random.Random(2).randbytes(20 * MIB)
TITLE = "org.opencontainers.image.title"


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges as small, to the file, as real ones are to a model."""
    monkeypatch.setattr(download, "RANGE_BYTES", 5 * MIB)
    monkeypatch.setattr(download, "_NOTE_BYTES", MIB)


def publish(double: RegistryDouble, contents: dict[str, bytes]) -> Reference:
    """Put files there as `oras` would."""
    layers = [
        {
            "mediaType": "application/octet-stream",
            "digest": double.add_blob("tests/model", content),
            "size": len(content),
            "annotations": {TITLE: name},
        }
        for name, content in contents.items()
    ]
    kind = "application/vnd.oci.image.manifest.v1+json"
    document = {"schemaVersion": 2, "mediaType": kind, "layers": layers}
    double.add_manifest("tests/model", "1", document, kind)
    return parse_reference(f"{double.host}/tests/model:1")


async def pull(double: RegistryDouble, folder: Path, **contents: bytes) -> Counted:
    """Publish `contents` (or the weights), pull them, and see that they are the same."""
    files = contents or {"weights": WEIGHTS}
    progress = Counted()
    async with talking() as registry:
        await pull_content(registry, publish(double, files), folder, progress=progress)
    assert read_files(folder) == files
    assert progress.done == progress.total
    return progress


async def test_only_what_is_asked_for_is_served(double: RegistryDouble, tmp_path: Path) -> None:
    await pull(double, tmp_path)
    assert double.served == len(WEIGHTS)
    assert double.counts["GET"] == 1 + 4


async def test_cut_connections_go_on_where_they_were_cut(
    double: RegistryDouble, tmp_path: Path
) -> None:
    double.faults.cuts, double.faults.cut_after = 6, 2 * MIB
    await pull(double, tmp_path)
    # What is on the wire when a connection is cut is lost: less than a buffer each.
    assert double.served < len(WEIGHTS) + 6 * 2 * MIB
    assert double.faults.cuts == 0


async def test_what_cannot_be_spliced_is_received_and_goes_on_where_it_was_cut(
    double: RegistryDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every registry that is spoken to in TLS."""
    monkeypatch.setattr(bulk, "can_splice", lambda _: False)
    double.faults.cut_after, double.faults.cuts = 3 * MIB, 2
    progress = await pull(double, tmp_path)
    assert progress.arrived == len(WEIGHTS)


async def test_a_network_that_fails_under_way_is_an_interruption(
    double: RegistryDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.splice, itertools.count()

    def failing(source: int, target: int, count: int, **rest: int) -> int:
        if "offset_dst" not in rest and next(calls) in (0, 3):
            raise OSError(errno.EHOSTUNREACH, "No route to host")
        return real(source, target, count, **rest)

    monkeypatch.setattr(os, "splice", failing)
    progress = await pull(double, tmp_path)
    assert progress.arrived == len(WEIGHTS)
    assert next(calls) > 3


async def test_what_a_connection_cannot_be_had_for_is_asked_for_again(
    double: RegistryDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.pipe, itertools.count()

    def failing() -> tuple[int, int]:
        if not next(calls):
            raise OSError(errno.EMFILE, "Too many open files")
        return real()

    monkeypatch.setattr(os, "pipe", failing)
    await pull(double, tmp_path)
    assert next(calls) > 1


async def test_a_server_without_ranges_sends_the_whole(
    double: RegistryDouble, tmp_path: Path
) -> None:
    double.faults.has_ranges = False
    await pull(double, tmp_path)
    assert double.served == len(WEIGHTS)


async def test_a_busy_or_failing_server_is_asked_again(
    double: RegistryDouble, tmp_path: Path
) -> None:
    double.faults.busy, double.faults.failing = 2, 2
    await pull(double, tmp_path)


async def test_a_server_that_fails_for_good_is_given_up(
    double: RegistryDouble, tmp_path: Path
) -> None:
    double.faults.failing = 1000
    with pytest.raises(RegistryError, match="weights: the server answered 503") as caught:
        await pull(double, tmp_path)
    assert caught.value.kind == "unreachable"


async def test_silence_is_an_interruption(
    double: RegistryDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ANSWER_SECONDS", 0.05)
    double.faults.stall_after = 0
    with pytest.raises(RegistryError, match="sent nothing for"):
        await pull(double, tmp_path)
    double.faults.stall_after = -1
    await pull(double, tmp_path)


async def test_damaged_bytes_are_fetched_again_once(double: RegistryDouble, tmp_path: Path) -> None:
    double.faults.damaged = 1
    await pull(double, tmp_path)
    double.faults.damaged = 1000
    with pytest.raises(RegistryError, match="small arrived damaged twice") as caught:
        await pull(double, tmp_path / "other", small=b"content")
    assert caught.value.kind == "damaged"
    assert not (tmp_path / "other" / "small").exists()


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
async def test_a_wrong_manifest_is_refused(
    double: RegistryDouble, tmp_path: Path, progress: Counted, kind: str
) -> None:
    reference = publish(double, {"a": b"a"})
    wanted = digest_of(b"another") if kind == "sha256" else f"sha512:{'0' * 128}"
    double.manifests["tests/model", wanted] = double.manifests["tests/model", "1"]
    asked = parse_reference(f"{reference.registry}/tests/model@{wanted}")
    async with talking() as registry:
        with pytest.raises(RegistryError, match="was promised"):
            await pull_content(registry, asked, tmp_path, progress=progress)


async def test_a_login_does_not_follow_a_redirect(
    double: RegistryDouble, tmp_path: Path, progress: Counted
) -> None:
    double.faults.auth = "bearer"
    double.faults.blob_host = f"http://localhost:{double.host.rpartition(':')[2]}"
    reference = publish(double, {"weights": WEIGHTS})
    async with talking(login_for(double.host)) as registry:
        await pull_content(registry, reference, tmp_path, progress=progress)
    assert double.served == len(WEIGHTS)
    assert double.leaked == []


async def test_a_token_that_expires_is_renewed(
    double: RegistryDouble, tmp_path: Path, progress: Counted
) -> None:
    double.faults.auth, double.faults.token_uses = "bearer", 2
    reference = publish(double, {"weights": WEIGHTS})
    async with talking(login_for(double.host)) as registry:
        await pull_content(registry, reference, tmp_path, progress=progress)
    assert read_files(tmp_path) == {"weights": WEIGHTS}
    assert len(double.tokens) > 1


@pytest.mark.parametrize("title", ["../evil", "a/../../evil", ".kaito-pull/journal"])
async def test_a_title_may_not_lead_out_of_the_folder(
    double: RegistryDouble, tmp_path: Path, progress: Counted, title: str
) -> None:
    reference = publish(double, {title: b"evil"})
    async with talking() as registry:
        with pytest.raises(RegistryError) as caught:
            await pull_content(registry, reference, tmp_path / "in", progress=progress)
    assert caught.value.kind == "refused"
    assert not (tmp_path / "evil").exists()


async def test_what_a_killed_process_had_fetched_is_not_fetched_again(
    double: RegistryDouble, tmp_path: Path
) -> None:
    double.faults.stall_after = 9 * MIB
    publish(double, {"weights": WEIGHTS})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kaito", "models", "pull", f"{double.host}/tests/model:1",
        "--output", str(tmp_path),
        env={**os.environ, "DOCKER_CONFIG": "/nonexistent"}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    journal = tmp_path / ".kaito-pull" / "journal"
    async with asyncio.timeout(60):
        await double.stalled.wait()
        # It has sent twice what the journal hears of at once; let that arrive.
        for _ in range(500):
            if journal.exists() and "have" in journal.read_text():
                break
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    kept = sum(
        int(line.split()[2]) - int(line.split()[1]) for line in journal.read_text().splitlines()
    )
    assert kept > 0
    double.faults.stall_after, double.served = -1, 0
    progress = await pull(double, tmp_path)
    assert progress.arrived == double.served == len(WEIGHTS) - kept


async def test_a_cut_upload_goes_on_where_it_was_cut(
    double: RegistryDouble, tmp_path: Path, progress: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "CHUNK_BYTES", 6 * MIB)
    double.faults.patch_cuts = 2
    files = write_files(tmp_path, {"weights": WEIGHTS})
    reference = parse_reference(f"{double.host}/tests/pushed:1")
    async with talking() as registry:
        await push_content(
            registry, reference, files, artifact_type="a/b", annotations={}, progress=progress
        )
    assert double.blobs[digest_of(WEIGHTS)] == WEIGHTS
    assert progress.done == progress.total
    assert double.faults.patch_cuts == 0


async def test_a_registry_that_takes_no_chunks_gets_the_whole(
    double: RegistryDouble, tmp_path: Path, progress: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "CHUNK_BYTES", 6 * MIB)
    double.faults.takes_chunks = False
    files = write_files(tmp_path, {"weights": WEIGHTS})
    reference = parse_reference(f"{double.host}/tests/pushed:1")
    async with talking() as registry:
        await push_content(
            registry, reference, files, artifact_type="a/b", annotations={}, progress=progress
        )
    assert double.blobs[digest_of(WEIGHTS)] == WEIGHTS
    assert progress.done == progress.total


async def test_a_blob_of_another_repository_is_mounted(
    double: RegistryDouble, progress: Counted
) -> None:
    digest = double.add_blob("tests/other", WEIGHTS)
    reference = parse_reference(f"{double.host}/tests/pushed:1")
    blob = upload.Blob(digest=digest, size=len(WEIGHTS), content=WEIGHTS)
    async with talking() as registry:
        await upload.push_blob(registry, reference, blob, progress, mount_from="tests/other")
    assert ("tests/pushed", digest) in double.homes
    assert (double.counts["PUT"], double.counts["PATCH"]) == (0, 0)
    assert progress.done == len(WEIGHTS)


@pytest.mark.parametrize("digest", ["sha256:x/../../victim", "sha256:", "foo:abc", "md5:"])
async def test_a_manifest_whose_digests_are_none_is_damage_and_nothing_is_written(
    double: RegistryDouble, tmp_path: Path, progress: Counted, digest: str
) -> None:
    kind = "application/vnd.oci.image.manifest.v1+json"
    layer = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": digest,
        "size": 4,
    }
    double.add_manifest("tests/model", "1", {"schemaVersion": 2, "layers": [layer]}, kind)
    reference = parse_reference(f"{double.host}/tests/model:1")
    async with talking() as registry:
        with pytest.raises(RegistryError) as caught:
            await pull_content(registry, reference, tmp_path / "in", progress=progress)
    assert caught.value.kind == "damaged"
    assert read_files(tmp_path) == {}
