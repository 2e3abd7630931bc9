"""Room for LoRA at the engine's start, from what is wanted and what is on the machine."""

from pathlib import Path

import pytest
from tiny_adapters import make_adapter

from kaito.api.adapters import AdapterWish, AdapterWishes
from kaito.api.runtime import ServingArguments
from kaito.runtimes.serving.adapters.limits import decide_lora_options
from kaito.runtimes.serving.config import Options, OptionValue

MODULES = {"model.layers.0.q_proj": (6, 4)}


def decide(
    root: Path,
    *wishes: AdapterWish,
    max_lora_rank: int = 0,
    max_loras: int = 0,
    options: Options | None = None,
) -> dict[str, OptionValue]:
    (root / "adapters.json").write_text(AdapterWishes(adapters=wishes).to_json())
    return decide_lora_options(
        ServingArguments(
            model="/m",
            adapters_file=str(root / "adapters.json"),
            adapters_folder=str(root / "store"),
            max_lora_rank=max_lora_rank,
            max_loras=max_loras,
        ),
        options or {},
    )


def test_without_an_adapters_file_lora_stays_off() -> None:
    assert decide_lora_options(ServingArguments(model="/m"), {}) == {}


def test_usual_adapters_fit_before_any_is_known(tmp_path: Path) -> None:
    remote = AdapterWish(name="poet", source="oci:registry/poet:1")
    assert decide(tmp_path, remote) == {
        "enable-lora": True,
        "max-lora-rank": 64,
        "max-loras": 2,
        "max-cpu-loras": 12,
    }


@pytest.mark.parametrize(("rank", "room"), [(8, 64), (65, 128), (300, 320)])
def test_the_largest_rank_at_hand_fits(tmp_path: Path, rank: int, room: int) -> None:
    folder = make_adapter(tmp_path / "a", modules=MODULES, rank=rank)
    wish = AdapterWish(name="poet", source=f"folder:{folder}")
    assert decide(tmp_path, wish)["max-lora-rank"] == room


@pytest.mark.parametrize(("count", "at_once", "ready"), [(0, 2, 12), (5, 5, 12), (20, 8, 12)])
def test_a_batch_has_room_for_the_adapters_there_are(
    tmp_path: Path, count: int, at_once: int, ready: int
) -> None:
    wishes = [AdapterWish(name=f"a{number}", source="oci:r/a:1") for number in range(count)]
    options = decide(tmp_path, *wishes)
    assert (options["max-loras"], options["max-cpu-loras"]) == (at_once, ready)


def test_what_is_asked_for_wins_and_a_damaged_adapter_holds_nothing_up(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text("{")
    wishes = (
        AdapterWish(name="a", source=f"folder:{broken}"),
        AdapterWish(name="b", source="nonsense"),
    )
    options = decide(tmp_path, *wishes, max_lora_rank=12, max_loras=20)
    assert options["max-lora-rank"] == 16
    assert (options["max-loras"], options["max-cpu-loras"]) == (20, 20)


def test_what_the_config_file_lets_into_a_batch_is_kept_ready(tmp_path: Path) -> None:
    assert decide(tmp_path, options={"max_loras": 16})["max-cpu-loras"] == 16
