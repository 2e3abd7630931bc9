"""What must be true of any registry: Debian's, and the double that other tests rely on."""

import random
from pathlib import Path

import pytest
from registry_clients import Counted, login_for, read_files, talking, write_files

from kaito.registry.content import pull_content, push_content, push_image
from kaito.registry.errors import RegistryError
from kaito.registry.reference import parse_reference

CONTENTS = {
    "config.json": b"{}",
    "model.safetensors": random.Random(1).randbytes(9 << 20),
    "more/empty": b"",
}
TYPE = "application/vnd.example"


async def test_what_is_pushed_as_an_artifact_comes_back(
    host: str, tmp_path: Path, progress: Counted
) -> None:
    files = write_files(tmp_path / "from", CONTENTS)
    reference = parse_reference(f"{host}/tests/artifact:1")
    async with talking() as registry:
        digest = await push_content(
            registry, reference, files, artifact_type=TYPE, annotations={"a": "b"},
            progress=progress,
        )  # fmt: skip
        assert progress.done == progress.total
        pulled = await pull_content(registry, reference, tmp_path / "to", progress=progress)
    assert read_files(tmp_path / "to") == CONTENTS
    assert (pulled.digest, pulled.artifact_type) == (digest, TYPE)
    assert pulled.annotations == {"a": "b"}
    assert progress.done == progress.total


async def test_what_is_pushed_as_an_image_comes_back(
    host: str, tmp_path: Path, progress: Counted
) -> None:
    files = write_files(tmp_path / "from", CONTENTS)
    reference = parse_reference(f"{host}/tests/image:1")
    async with talking() as registry:
        first = await push_image(registry, reference, files, annotations={}, progress=progress)
        again = await push_image(registry, reference, files, annotations={}, progress=progress)
        await pull_content(registry, reference, tmp_path / "to", progress=progress)
    assert first == again
    assert read_files(tmp_path / "to") == CONTENTS


async def test_what_is_there_is_neither_sent_nor_fetched_again(
    host: str, tmp_path: Path, progress: Counted
) -> None:
    files = write_files(tmp_path / "from", CONTENTS)
    reference = parse_reference(f"{host}/tests/again:1")
    async with talking() as registry:
        for _ in range(2):
            await push_content(
                registry, reference, files, artifact_type=TYPE, annotations={}, progress=progress
            )
        await pull_content(registry, reference, tmp_path / "to", progress=progress)
        second = Counted()
        await pull_content(registry, reference, tmp_path / "to", progress=second)
    assert (second.arrived, second.done) == (0, second.total)


async def test_what_is_not_there_is_not_found(host: str, tmp_path: Path, progress: Counted) -> None:
    reference = parse_reference(f"{host}/tests/none:1")
    async with talking() as registry:
        with pytest.raises(RegistryError, match="has no such artifact") as caught:
            await pull_content(registry, reference, tmp_path, progress=progress)
    assert caught.value.kind == "not found"


async def test_a_guarded_registry_opens_to_the_right_login_only(
    guarded: str, tmp_path: Path, progress: Counted
) -> None:
    files = write_files(tmp_path / "from", CONTENTS)
    reference = parse_reference(f"{guarded}/tests/secret:1")
    async with talking(login_for(guarded)) as registry:
        await push_content(
            registry, reference, files, artifact_type=TYPE, annotations={}, progress=progress
        )
        await pull_content(registry, reference, tmp_path / "to", progress=progress)
    assert read_files(tmp_path / "to") == CONTENTS
    async with talking(login_for(guarded, password="wrong")) as registry:
        with pytest.raises(RegistryError, match="refuses access to tests/secret") as caught:
            await pull_content(registry, reference, tmp_path / "none", progress=progress)
    assert caught.value.kind == "auth"
    assert caught.value.hint == "the logins of regcred do not open it"
