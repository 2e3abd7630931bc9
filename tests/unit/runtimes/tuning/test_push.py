"""A push that fails: the end where the result outlives the pod, and not before a day where not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from registry_double import PASSWORD, USER, RegistryDouble, serving

from kaito.api.report import TuningReport
from kaito.api.tuning_job import ADAPTER, TuningArguments
from kaito.api.tuning_record import FULL_MODEL_TYPE, DatasetRecord, TuningRecord
from kaito.base.clock import SystemClock
from kaito.runtimes.tuning.errors import SourceFailed
from kaito.runtimes.tuning.push import deliver_result, push_result
from kaito.runtimes.tuning.result import ADAPTER_FILES


class Hurried(SystemClock):
    """Its hours pass at once, and are counted."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class Uncounted:
    def start(self, *, total: int, done: int) -> None:
        pass

    def advance(self, size: int, *, item: str = "") -> None:
        pass


@pytest.fixture
async def double() -> AsyncIterator[RegistryDouble]:
    made = RegistryDouble()
    made.faults.auth = "basic"
    async with serving(made):
        yield made


def arguments(tmp_path: Path, host: str, *, keeps_results: bool) -> TuningArguments:
    folder = tmp_path / ADAPTER
    folder.mkdir()
    for name in ADAPTER_FILES:
        (folder / name).write_bytes(b"{}")
    write_login(tmp_path / "secret", host, "guess")
    return TuningArguments(
        model="m",
        results=str(tmp_path),
        image=f"{host}/team/adapter:1",
        push_secret=str(tmp_path / "secret"),
        keeps_results=keeps_results,
    )


def write_login(folder: Path, host: str, password: str) -> None:
    folder.mkdir(exist_ok=True)
    word = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / ".dockerconfigjson").write_text(json.dumps({"auths": {host: {"auth": word}}}))


async def test_results_on_a_volume_end_a_job_whose_push_is_refused(
    double: RegistryDouble, tmp_path: Path
) -> None:
    given, warned = arguments(tmp_path, double.host, keeps_results=True), list[str]()
    with pytest.raises(SourceFailed, match="cannot push"):
        await deliver_result(
            given, TuningRecord(), clock=Hurried(), progress=Uncounted(), warn=warned.append
        )
    assert warned == []


async def test_results_that_end_with_the_pod_wait_for_the_right_password(
    double: RegistryDouble, tmp_path: Path
) -> None:
    given, warned = arguments(tmp_path, double.host, keeps_results=False), list[str]()

    def mend(line: str) -> None:
        warned.append(line)
        if len(warned) == 3:
            write_login(tmp_path / "secret", double.host, PASSWORD)

    result = await deliver_result(
        given, TuningRecord(), clock=Hurried(), progress=Uncounted(), warn=mend
    )

    assert result.startswith(f"{given.image}@sha256:")
    assert len(warned) == 3
    assert "refuses access" in warned[0]


async def test_nobody_is_waited_for_longer_than_a_day_nor_longer_than_minutes_at_once(
    double: RegistryDouble, tmp_path: Path
) -> None:
    given, clock = arguments(tmp_path, double.host, keeps_results=False), Hurried()
    with pytest.raises(SourceFailed, match="cannot push"):
        await deliver_result(
            given, TuningRecord(), clock=clock, progress=Uncounted(), warn=lambda line: None
        )
    assert 24 * 3600 <= clock.monotonic() < 24 * 3600 + 300
    assert max(clock.waits) <= 300


async def test_one_result_is_pushed_once_and_a_lost_record_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / ADAPTER).mkdir()
    for name in ADAPTER_FILES:
        (tmp_path / ADAPTER / name).write_bytes(b"{}")
    double, known = RegistryDouble(), TuningRecord(adapter_digest="sha256:ada9")
    async with serving(double):
        image = f"{double.host}/team/result:1"
        given = TuningArguments(model="m", results=str(tmp_path), image=image)
        pushed = [
            await push_result(given, record, clock=Hurried(), progress=Uncounted())
            for record in (known, known, TuningRecord())
        ]

    assert pushed[0] == pushed[1] != pushed[2], "whose annotation says less"


@pytest.mark.parametrize(
    ("files", "artifact_type"),
    [(ADAPTER_FILES, None), (("config.json", "model.safetensors"), FULL_MODEL_TYPE)],
    ids=["an adapter as an image", "a whole model as an artifact"],
)
async def test_the_manifest_says_what_the_result_was_made_of_and_how_good_it_is(
    tmp_path: Path, files: tuple[str, ...], artifact_type: str | None
) -> None:
    (tmp_path / ADAPTER).mkdir()
    for name in files:
        (tmp_path / ADAPTER / name).write_bytes(b"{}")
    record = TuningRecord(
        dataset=DatasetRecord(digest="sha256:da7a"),
        adapter_digest="sha256:ada9",
        progress=TuningReport(step=40, steps=40, loss=1.23456, evaluation=1.5),
    )
    double = RegistryDouble()
    async with serving(double):
        given = TuningArguments(
            model="m",
            base="microsoft/Phi-3-mini-4k-instruct",
            base_revision="c1358f8a35e6d2af81890deffbbfa575b978c62f",
            preset="phi-3-mini-4k-instruct",
            method="qlora",
            results=str(tmp_path),
            image=f"{double.host}/team/result:1",
        )
        await push_result(given, record, clock=Hurried(), progress=Uncounted())

    manifest = json.loads(double.manifests["team/result", "1"][1])
    assert manifest.get("artifactType") == artifact_type
    assert manifest["annotations"] == {
        "sh.kaito.model.name": "phi-3-mini-4k-instruct",
        "sh.kaito.base.model": "microsoft/Phi-3-mini-4k-instruct",
        "sh.kaito.base.revision": "c1358f8a35e6d2af81890deffbbfa575b978c62f",
        "sh.kaito.tuning.method": "qlora",
        "sh.kaito.tuning.dataset": "sha256:da7a",
        "sh.kaito.tuning.adapter": "sha256:ada9",
        "sh.kaito.tuning.loss": "1.2346",
        "sh.kaito.tuning.evaluation": "1.5000",
        "sh.kaito.tuning.steps": "40",
    }
