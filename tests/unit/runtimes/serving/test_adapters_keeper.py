"""The loop around the decision: real files and folders, an engine that remembers, time that waits.

`settle_down` looks until nothing is under way; each look's fetches have ended when it returns.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tiny_adapters import make_adapter

from kaito.api.adapters import AdapterWish, AdapterWishes
from kaito.api.report import AdapterReport
from kaito.base.clock import ManualClock
from kaito.runtimes.serving.adapters.base_model import BaseModel, to_base_model
from kaito.runtimes.serving.adapters.errors import EngineRefused
from kaito.runtimes.serving.adapters.fetch import Fetcher
from kaito.runtimes.serving.adapters.keeper import (
    GRACE_SECONDS,
    POLL_SECONDS,
    Keeper,
    Surroundings,
)
from kaito.runtimes.serving.adapters.metrics import AdapterMetrics
from kaito.runtimes.serving.adapters.peft_config import read_config
from kaito.runtimes.serving.adapters.store import Store
from kaito.runtimes.serving.adapters.version import Version
from kaito.runtimes.serving.adapters.wishes import WishFile

LAYER = "model.layers.0.self_attn.q_proj"
MODULES = {LAYER: (6, 4)}


@dataclass
class RememberingEngine:
    """Serves nothing, but knows what it would."""

    max_rank: int = 8
    taken_names: frozenset[str] = frozenset({"base"})
    served: dict[str, Version] = field(default_factory=dict)
    known: set[Version] = field(default_factory=set)
    used: set[Version] = field(default_factory=set)
    refusals: int = 0
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def load(self, version: Version) -> None:
        if self.refusals:
            self.refusals -= 1
            raise EngineRefused("vLLM refuses it: no")
        assert read_config(version.folder).rank <= self.max_rank
        self.served[version.name] = version
        self.known.add(version)
        self.loaded.set()

    async def unload(self, name: str) -> None:
        del self.served[name]

    def is_used(self, version: Version) -> bool:
        return version in self.used

    async def forget(self, version: Version) -> None:
        self.known.remove(version)


class World:
    """A keeper and everything around it."""

    def __init__(self, root: Path, clock: ManualClock) -> None:
        self.root = root
        self.clock = clock
        self.engine = RememberingEngine()
        self.reports: tuple[AdapterReport, ...] = ()
        self.base: BaseModel = to_base_model(MODULES, ())
        self.seconds: dict[str, float] = {}
        self.keeper = self.restart()

    def restart(self) -> Keeper:
        self.keeper = Keeper(
            Surroundings(
                file=WishFile(self.root / "adapters.json"),
                store=Store(self.root / "store"),
                fetcher=Fetcher(clock=self.clock),
                engine=self.engine,
                base=self.base,
                clock=self.clock,
                report=self.note,
                note_load=self.seconds.__setitem__,
            )
        )
        return self.keeper

    def note(self, reports: tuple[AdapterReport, ...]) -> None:
        self.reports = reports

    def wish(self, *wishes: AdapterWish) -> None:
        text = AdapterWishes(adapters=wishes).to_json()
        (self.root / "adapters.json").write_text(text)

    async def settle_down(self) -> None:
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                await self.keeper.look(group)

    def report(self, name: str) -> AdapterReport:
        return next(report for report in self.reports if report.name == name)

    def stored(self) -> list[str]:
        return sorted(path.parent.name for path in (self.root / "store").glob("*/*/"))


def wish(name: str, folder: Path, strength: float = 1.0) -> AdapterWish:
    return AdapterWish(name=name, source=f"folder:{folder}", strength=strength)


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> World:
    return World(tmp_path, clock)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "adapter", modules=MODULES)


async def test_what_the_file_says_is_served_and_said(world: World, adapter: Path) -> None:
    world.wish(wish("poet", adapter), wish("shy", adapter, 0.25))
    await world.settle_down()
    assert set(world.engine.served) == {"poet", "shy"}
    assert world.report("poet").state == "Ready"
    assert world.report("poet").digest.startswith("sha256:")
    assert world.report("shy").strength == 0.25
    full, shy = (read_config(world.engine.served[name].folder) for name in ("poet", "shy"))
    assert shy.lora_alpha == full.lora_alpha / 4
    world.wish()
    await world.settle_down()
    assert world.engine.served == {}
    assert world.reports == ()


async def test_files_of_a_version_stay_while_an_answer_needs_them(
    world: World, adapter: Path, clock: ManualClock
) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    version = world.engine.served["poet"]
    world.engine.used.add(version)
    world.wish()
    await world.settle_down()
    await clock.advance(GRACE_SECONDS * 2)
    await world.settle_down()
    assert version.folder.is_dir()
    assert version in world.engine.known
    world.engine.used.clear()
    await world.settle_down()
    assert version.folder.is_dir(), "a request may just have come in"
    await clock.advance(GRACE_SECONDS)
    await world.settle_down()
    assert world.engine.known == set()
    assert world.stored() == []


async def test_a_changed_folder_replaces_without_unloading(world: World, adapter: Path) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    before = world.engine.served["poet"]
    make_adapter(adapter, modules=MODULES, seed=2)
    await world.settle_down()
    after = world.engine.served["poet"]
    assert after.folder != before.folder
    assert before.folder.is_dir()
    assert world.report("poet").digest == after.content.digest != before.content.digest


async def test_a_broken_change_leaves_the_version_before_and_says_so(
    world: World, adapter: Path
) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    before = world.engine.served["poet"]
    make_adapter(adapter, modules={LAYER: (6, 5)})
    await world.settle_down()
    assert world.engine.served["poet"] == before
    report = world.report("poet")
    assert report.state == "Failed"
    assert "as 6x5, where the base model has 6x4" in report.message
    assert report.message.endswith("; the version before is still served")
    assert report.digest == before.content.digest


async def test_one_that_fails_keeps_no_other_from_being_served(
    world: World, adapter: Path, tmp_path: Path
) -> None:
    world.wish(
        wish("gone", tmp_path / "nowhere"),
        AdapterWish(name="odd", source="ftp:x"),
        wish("base", adapter),
        wish("poet", adapter),
    )
    await world.settle_down()
    assert set(world.engine.served) == {"poet"}
    assert world.report("gone").message == f"{tmp_path}/nowhere is not a folder here"
    assert world.report("odd").message == "source 'ftp:x' is not understood"
    assert world.report("base").message == "the base model is called 'base' already"


async def test_what_the_engine_refuses_is_tried_again_later(
    world: World, adapter: Path, clock: ManualClock
) -> None:
    world.engine.refusals = 1
    world.wish(wish("poet", adapter))
    await world.settle_down()
    assert world.report("poet").message == "vLLM refuses it: no"
    await clock.advance(1.0)
    await world.settle_down()
    assert world.report("poet").state == "Ready"
    assert world.seconds == {"poet": 1.0}


async def test_an_engine_without_lora_is_said_of_every_adapter(world: World, adapter: Path) -> None:
    world.engine.max_rank = 0
    world.wish(wish("poet", adapter))
    await world.settle_down()
    assert world.report("poet").message == (
        "the engine was started without LoRA; remove enable-lora from inference_config.yaml"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"adapters": 3}',
        '{"adapters": [{"name": "../up", "source": "folder:/x"}]}',
        '{"adapters": [{"name": "a", "source": "x"}, {"name": "a", "source": "y"}]}',
        '{"adapters": [{"name": "a", "source": "x", "strength": 2}]}',
    ],
)
async def test_a_file_of_nonsense_changes_nothing(
    world: World, adapter: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    (world.root / "adapters.json").write_text(text)
    await world.settle_down()
    (world.root / "adapters.json").unlink()
    await world.settle_down()
    assert set(world.engine.served) == {"poet"}
    assert caplog.messages.count("adapters stay as they are") == 2


async def test_what_was_fetched_is_used_again_after_a_restart(world: World, adapter: Path) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    folder = world.engine.served["poet"].folder
    inode = (folder / "adapter_model.safetensors").stat().st_ino
    world.engine = RememberingEngine()
    world.restart()
    await world.settle_down()
    assert world.engine.served["poet"].folder == folder
    assert (folder / "adapter_model.safetensors").stat().st_ino == inode


async def test_a_removed_adapter_that_comes_back_at_once_is_the_same(
    world: World, adapter: Path, clock: ManualClock
) -> None:
    world.wish(wish("poet", adapter))
    await world.settle_down()
    version = world.engine.served["poet"]
    world.wish()
    await world.settle_down()
    world.wish(wish("poet", adapter))
    await world.settle_down()
    await clock.advance(GRACE_SECONDS)
    await world.settle_down()
    assert world.engine.served == {"poet": version}
    assert version.folder.is_dir()


async def test_the_loop_looks_again_and_again(
    world: World, adapter: Path, clock: ManualClock
) -> None:
    task = asyncio.create_task(world.keeper.run())
    await clock.advance(POLL_SECONDS)
    world.wish(wish("poet", adapter))
    await clock.advance(POLL_SECONDS)
    async with asyncio.timeout(10):
        await world.engine.loaded.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_metrics_show_each_adapters_state_and_forget_the_removed() -> None:
    registry = CollectorRegistry()
    metrics = AdapterMetrics(registry)
    metrics.note_states((AdapterReport(name="poet", state="Ready"), AdapterReport(name="b")))
    metrics.note_load("poet", 1.5)

    def value(name: str, state: str) -> float | None:
        return registry.get_sample_value("kaito_adapter_state", {"adapter": name, "state": state})

    assert (value("poet", "Ready"), value("poet", "Failed"), value("b", "Fetching")) == (1, 0, 1)
    assert registry.get_sample_value("kaito_adapter_load_seconds", {"adapter": "poet"}) == 1.5
    metrics.note_states((AdapterReport(name="b", state="Failed"),))
    assert value("poet", "Ready") is None
    assert (value("b", "Failed"), value("b", "Fetching")) == (1, 0)
    assert registry.get_sample_value("kaito_adapter_load_seconds", {"adapter": "poet"}) is None
