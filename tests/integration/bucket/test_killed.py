"""The weights program and a bucket: killed in the middle of either direction, and started again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_server import (
    LOGIN,
    NOWHERE,
    BucketServer,
    SpiedWire,
    running_bucket_server,
    spied_wire,
)
from msgspec.structs import replace

from kaito.api.runtime import ExitCode, MirrorArguments, WeightsArguments
from kaito.api.weight_source import S3Source
from kaito.bucket.inventory import INVENTORY
from kaito.bucket.turn import WRITER

MIB = 1 << 20
PROGRAM = [sys.executable, "-m", "kaito.runtimes.weights"]


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with running_bucket_server() as server:
        yield server


def safetensors(content: bytes, name: str) -> bytes:
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({name: tensor}).encode()
    return len(header).to_bytes(8, "little") + header + content


def a_model(shards: int, size: int) -> dict[str, bytes]:
    """Files of a model whose tensors are random bytes, one a shard."""
    names = [f"model-{n:05d}-of-{shards:05d}.safetensors" for n in range(1, shards + 1)]
    index = {"weight_map": {f"weight.{n}": name for n, name in enumerate(names)}}
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "tokenizer.json": b"{}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{
            name: safetensors(os.urandom(size), f"weight.{n}") for n, name in enumerate(names)
        },
    }  # fmt: skip


def put_sealed(server: BucketServer, source: S3Source, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        server.put(source, name, content)
    listed = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]
    document = {"formatVersion": 1, "source": "hub:a/b@main", "files": listed}
    server.put(source, INVENTORY, json.dumps(document).encode())


def start(arguments: tuple[str, ...], folder: Path, **login: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        **NOWHERE,
        **(login or LOGIN),
        "KAITO_TERMINATION_LOG": str(folder / "ending"),
    }
    return subprocess.Popen(
        [*PROGRAM, *arguments], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(arguments: tuple[str, ...], folder: Path, **login: str) -> tuple[int, str]:
    """The status, and the last words."""
    process = start(arguments, folder, **login)
    _, said = process.communicate(timeout=60)
    return process.returncode, said.strip().splitlines()[-1] if said.strip() else ""


def kill_when(
    wire: SpiedWire, arguments: tuple[str, ...], folder: Path, *, sent: int = 0, answered: int = 0
) -> None:
    """Start the program, and kill it when so many bytes have passed."""
    started: list[subprocess.Popen[str]] = []

    def kill() -> None:
        started[0].kill()

    wire.limit = lambda wire: wire.sent > (sent or 1 << 60) or wire.answered > (answered or 1 << 60)
    wire.act = kill
    process = start(arguments, folder)
    started.append(process)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_a_download_that_was_killed_goes_on_where_it_was(
    server: BucketServer, tmp_path: Path
) -> None:
    files, bucket = a_model(1, 20 * MIB), server.make_bucket("killed-download")
    put_sealed(server, bucket, files)
    with spied_wire(server.url) as (url, wire):
        # The address is part of where the weights come from: both tries take the same.
        source = str(replace(bucket, endpoint=url, is_sealed=True))
        asked = WeightsArguments(key="m", root=str(tmp_path), source=(source,), port=0).to_argv()
        kill_when(wire, asked, tmp_path, answered=13 * MIB)
        before = wire.answered
        assert not (tmp_path / "m").exists(), "nobody sees half a model"
        wire.asked.clear()
        wire.limit = lambda _: False
        assert run(asked, tmp_path)[0] == ExitCode.OK
        (again,) = wire.asked_for("model-00001-of-00001.safetensors")
        assert int(again[1].partition("-")[0]) >= 8 * MIB
        assert wire.answered - before < 13 * MIB
    assert {name: (tmp_path / "m" / name).read_bytes() for name in files} == files
    record = json.loads((tmp_path / "m" / "kaito-weights.json").read_bytes())
    assert record["source"] == source


def test_an_upload_that_was_killed_is_not_a_mirror_and_goes_on(
    server: BucketServer, tmp_path: Path
) -> None:
    files, bucket = a_model(3, 6 * MIB), server.make_bucket("killed-upload")
    model = tmp_path / "model"
    model.mkdir()
    for name, content in files.items():
        (model / name).write_bytes(content)
    with spied_wire(server.url) as (url, wire):
        asked = MirrorArguments(
            bucket=str(replace(bucket, endpoint=url)),
            key="m",
            root=str(tmp_path / "root"),
            source=(f"folder:{model}",),
            port=0,
        ).to_argv()
        kill_when(wire, ("mirror", *asked), tmp_path, sent=9 * MIB)
        there = server.names(bucket)
        assert INVENTORY not in there
        done = {name for name in there if name.endswith(".safetensors")}
        assert done
        assert len(done) < 3
        wire.asked.clear()
        wire.limit = lambda _: False
        assert run(("mirror", *asked), tmp_path)[0] == ExitCode.OK
        puts = {path.rpartition("/")[2] for method, path, _ in wire.asked if method == "PUT"}
        assert puts == {name for name in files if name not in there} | {INVENTORY, WRITER}
        assert server.names(bucket) == {*files, INVENTORY}
        wire.asked.clear()
        assert run(("mirror", *asked), tmp_path)[0] == ExitCode.OK
        assert {method for method, _, _ in wire.asked} == {"GET"}, "there was nothing left to do"


def test_each_way_to_fail_is_one_line_with_a_status(server: BucketServer, tmp_path: Path) -> None:
    files, bucket = a_model(1, 5000), server.make_bucket("refusing")
    put_sealed(server, bucket, files)

    def fetch(source: S3Source) -> tuple[int, str]:
        asked = WeightsArguments(key="m", root=str(tmp_path), source=(str(source),), port=0)
        return run(asked.to_argv(), tmp_path)

    code, said = fetch(replace(bucket, bucket="no-such-bucket"))
    assert code == ExitCode.UNAVAILABLE
    assert "there is no bucket 'no-such-bucket'" in said
    server.put(bucket, "model-00001-of-00001.safetensors", b"cut")
    code, said = fetch(bucket)
    assert "model-00001-of-00001.safetensors is damaged: it has 3 bytes" in said
    assert (tmp_path / "ending").read_text().strip() == said
    look = MirrorArguments(bucket=str(replace(bucket, prefix="elsewhere")), port=0)
    code, said = run(("mirror", *look.to_argv()), tmp_path)
    assert code == ExitCode.UNAVAILABLE
    assert said.startswith("s3://refusing/elsewhere has no files; look at the folder")
