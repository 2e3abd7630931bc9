"""What is refused before the engine sees it, and in which words.

Properties: whatever bytes are in the two files, the check ends, and only with `AdapterInvalid`.
"""

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_adapters import make_adapter, write_config, write_tensors

from kaito.runtimes.serving.adapters.base_model import BaseModel, observe_base, to_base_model
from kaito.runtimes.serving.adapters.check import check_adapter, to_allowed_rank
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, to_line
from kaito.runtimes.serving.adapters.header import read_header

LAYER = "model.layers.0.self_attn.q_proj"
MODULES = {LAYER: (6, 4)}
BASE = to_base_model({LAYER: (6, 4), "model.embed_tokens": (10, 4)}, ("org/tiny-phi",))


def refusal(folder: Path, base: BaseModel = BASE, max_rank: int = 8) -> str:
    with pytest.raises(AdapterInvalid) as caught:
        check_adapter(folder, base, max_rank)
    return to_line(caught.value)


def test_an_adapter_that_fits_is_taken(tmp_path: Path) -> None:
    facts = check_adapter(make_adapter(tmp_path, modules=MODULES, rank=2), BASE, 8)
    assert facts.rank == 2
    assert facts.warnings == ()


def test_another_base_model_of_the_same_shape_is_a_warning_naming_both(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path, modules=MODULES, base_model_name_or_path="org/other")
    assert check_adapter(folder, BASE, 8).warnings == (
        "it was trained on org/other, served is org/tiny-phi",
    )


def test_a_rank_beyond_the_engines_says_what_to_set(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path, modules=MODULES, rank=9)
    assert refusal(folder) == (
        "its rank is 9 and the engine takes at most 8; "
        "set max-lora-rank: 16 under vllm in inference_config.yaml"
    )
    assert [to_allowed_rank(rank) for rank in (1, 2, 8, 9, 300, 9999)] == [1, 8, 8, 16, 320, 512]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"peft_type": "IA3"}, "PEFT type IA3"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "bias='all'"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save=['lm_head']"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'"),
        ({"r": 0}, "its rank is 0"),
        ({"r": 4}, "not of rank 4"),
        ({"r": "many"}, "is not a LoRA adapter's: Expected `int`"),
        ({"lora_alpha": None}, "is not a LoRA adapter's"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_named(
    tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    assert words in refusal(make_adapter(tmp_path, modules=MODULES, rank=2, **config))


def test_modules_that_the_base_model_does_not_have_are_named(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path, modules={"model.layers.0.mlp.gate": (6, 4)})
    assert refusal(folder) == (
        "it changes model.layers.0.mlp.gate, which the base model does not have; "
        "it was trained on org/tiny-phi"
    )


@pytest.mark.parametrize("shape", [(6, 5), (5, 4), (4, 6)])
def test_shapes_of_another_size_are_named(tmp_path: Path, shape: tuple[int, int]) -> None:
    words = f"as {shape[0]}x{shape[1]}, where the base model has 6x4"
    assert words in refusal(make_adapter(tmp_path, modules={LAYER: shape}))


def test_a_different_prefix_is_the_same_module(tmp_path: Path) -> None:
    base = to_base_model({"model.language_model.layers.0.self_attn.q_proj": (6, 4)}, ())
    check_adapter(make_adapter(tmp_path / "a", modules=MODULES), base, 8)
    assert "6x5" in refusal(make_adapter(tmp_path / "b", modules={LAYER: (6, 5)}), base)


def test_a_name_that_two_towers_share_is_taken_where_one_of_them_fits(tmp_path: Path) -> None:
    base = to_base_model(
        {
            "language_model.model.layers.0.self_attn.q_proj": (6, 4),
            "vision_tower.encoder.layers.0.self_attn.q_proj": (3, 3),
        },
        (),
    )
    check_adapter(make_adapter(tmp_path / "a", modules=MODULES), base, 8)
    words = "as 6x5, where the base model has 6x4 or 3x3"
    assert words in refusal(make_adapter(tmp_path / "b", modules={LAYER: (6, 5)}), base)


def test_packed_weights_have_names_and_no_shapes(tmp_path: Path) -> None:
    base = to_base_model({LAYER: None}, ())
    check_adapter(make_adapter(tmp_path, modules={LAYER: (9, 9)}), base, 8)


def test_embeddings_are_compared_the_other_way_round(tmp_path: Path) -> None:
    write_config(tmp_path, modules=MODULES, rank=2)
    name = "base_model.model.model.embed_tokens.lora_embedding_"

    def write(vocabulary: int) -> None:
        factors = {f"{name}A": (2, vocabulary), f"{name}B": (4, 2)}
        write_tensors(
            tmp_path / "adapter_model.safetensors",
            {key: (shape, [0.1] * math.prod(shape)) for key, shape in factors.items()},
        )

    write(10)
    check_adapter(tmp_path, BASE, 8)
    write(11)
    assert "4x11, where the base model has 4x10" in refusal(tmp_path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused_wherever_they_are(tmp_path: Path, value: float) -> None:
    write_config(tmp_path, modules=MODULES, rank=2)
    numbers = [0.5] * 12
    numbers[11] = value
    prefix = f"base_model.model.{LAYER}.lora_"
    write_tensors(
        tmp_path / "adapter_model.safetensors",
        {f"{prefix}A.weight": ((2, 4), [1e38] * 8), f"{prefix}B.weight": ((6, 2), numbers)},
    )
    assert refusal(tmp_path) == f"{prefix}B.weight has numbers that are infinite or not a number"


def test_half_a_pair_and_foreign_tensors_are_named(tmp_path: Path) -> None:
    write_config(tmp_path, modules=MODULES, rank=2)
    path = tmp_path / "adapter_model.safetensors"
    prefix = f"base_model.model.{LAYER}"
    write_tensors(path, {f"{prefix}.lora_A.weight": ((2, 4), [0.0] * 8)})
    assert refusal(tmp_path) == f"{LAYER} has only one of its two factors"
    write_tensors(path, {f"{prefix}.weight": ((2, 4), [0.0] * 8)})
    assert "which is no part of a LoRA" in refusal(tmp_path)
    write_tensors(path, {})
    assert "has no LoRA tensors" in refusal(tmp_path)


def test_pickled_weights_are_not_even_opened(tmp_path: Path) -> None:
    write_config(tmp_path, modules=MODULES, rank=2)
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    assert "its weights are pickled (adapter_model.bin)" in refusal(tmp_path)


def test_a_file_that_is_cut_short_says_how_much_is_there(tmp_path: Path) -> None:
    make_adapter(tmp_path, modules=MODULES, rank=2)
    path = tmp_path / "adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert refusal(tmp_path) == (
        f"adapter_model.safetensors is truncated: 3 of {len(whole)} bytes are missing"
    )
    path.write_bytes(whole + b"more")
    assert "has 4 bytes more than its header says" in refusal(tmp_path)


@given(cut=st.integers(min_value=0, max_value=10_000))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_goes_unnoticed(tmp_path: Path, cut: int) -> None:
    make_adapter(tmp_path, modules=MODULES, rank=2)
    path = tmp_path / "adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    assert refusal(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "BF16", "I8", "F9"]) | json_values,
        "shape": st.lists(st.integers(-2, 9), max_size=3) | json_values,
        "data_offsets": st.lists(st.integers(-2, 40), max_size=3) | json_values,
    },
)
names = st.sampled_from([f"base_model.model.{LAYER}.lora_{side}.weight" for side in "AB"])


@given(
    header=st.dictionaries(names | st.text(max_size=5), entries | json_values, max_size=3)
    | json_values,
    data=st.binary(max_size=64),
    config=st.dictionaries(st.sampled_from(["r", "lora_alpha", "bias", "peft_type"]), json_values),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_content_is_taken_or_refused(
    tmp_path: Path, header: object, data: bytes, config: dict[str, object]
) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    settings = json.dumps({"r": 2, "lora_alpha": 4, **config})
    (tmp_path / "adapter_config.json").write_text(settings)
    with contextlib.suppress(AdapterInvalid):
        assert check_adapter(tmp_path, BASE, 8).rank > 0


@given(content=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_header_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with contextlib.suppress(AdapterInvalid):
        assert sum(tensor.size for tensor in read_header(path).values()) < len(content)


def test_the_base_models_modules_are_read_off_its_files(tmp_path: Path) -> None:
    write_tensors(
        tmp_path / "model-00001-of-00001.safetensors",
        {
            f"{LAYER}.weight": ((6, 4), [0.0] * 24),
            f"{LAYER}.bias": ((1, 6), [0.0] * 6),
            "model.embed_tokens.weight": ((10, 4), [0.0] * 40),
        },
    )
    assert dict(observe_base(tmp_path, ("phi",)).shapes) == {}, "no config.json: other names"
    (tmp_path / "config.json").write_text("{}")
    base = observe_base(tmp_path, ("phi",))
    assert dict(base.shapes) == {LAYER: (6, 4), "model.embed_tokens": (10, 4), "lm_head": (10, 4)}
    (tmp_path / "damaged.safetensors").write_bytes(b"??")
    assert dict(observe_base(tmp_path, ("phi",)).shapes) == {}
