"""Weights and a config.json that belong together, and those that do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaito.registry.safetensors import read_tensors
from kaito.registry.weight_shapes import require_matching

LLAMA: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 2, "vocab_size": 4}


def judge(folder: Path, name: str = "model.safetensors") -> None:
    require_matching(folder, {name: read_tensors(folder / name)})


def write(
    folder: Path, config: dict[str, Any], tensors: dict[str, list[int]], *, dtype: str
) -> None:
    entries = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for name, shape in tensors.items()
    }
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "config.json").write_text(json.dumps(config))


def layers(number: int, prefix: str = "model.layers") -> dict[str, list[int]]:
    return {f"{prefix}.{index}.mlp.up_proj.weight": [1] for index in range(number)}


@pytest.mark.parametrize(
    ("config", "tensors", "dtype"),
    [
        pytest.param(
            LLAMA, {"model.embed_tokens.weight": [4, 8], **layers(2)}, "BF16", id="plain"
        ),
        pytest.param(LLAMA, {"lm_head.weight": [4, 8], **layers(2)}, "BF16", id="no embedding"),
        pytest.param(
            LLAMA, {"model.embed_tokens.weight": [4, 1], **layers(2)}, "U8", id="packed numbers"
        ),
        pytest.param(
            LLAMA, {"model.embed_tokens.weight": [4, 8], **layers(3)}, "BF16",
            id="a layer more, that guesses ahead",
        ),
        pytest.param(
            {"vision_config": {"hidden_size": 5, "num_hidden_layers": 9}, "text_config": LLAMA},
            {
                "vision_tower.layers.0.w": [1],
                "model.language_model.embed_tokens.weight": [4, 8],
                **layers(2, "model.language_model.layers"),
            },
            "BF16",
            id="a tower for images",
        ),
        pytest.param(
            {**LLAMA, "word_embed_proj_dim": 6},
            {"decoder.embed_tokens.weight": [4, 6], **layers(2)},
            "F16",
            id="an embedding of another width",
        ),
        pytest.param(
            {**LLAMA, "num_hidden_groups": 1}, layers(1, "encoder.layers"), "F32",
            id="layers that share their weights",
        ),
        pytest.param(LLAMA, {"unknown.weight": [3, 3]}, "BF16", id="names that nobody knows"),
        pytest.param({}, {"model.embed_tokens.weight": [4, 9]}, "BF16", id="an empty config"),
        pytest.param(
            {
                "text_config": {"model_type": "llama", "vocab_size": 4},
                "vision_config": {"hidden_size": 5, "num_hidden_layers": 9},
            },
            {"language_model.model.embed_tokens.weight": [4, 8], **layers(2)},
            "F16",
            id="a width left to the class's default, as in llava-1.5",
        ),
        pytest.param(
            {**LLAMA, "num_hidden_layers": 9, "text_config": {"model_type": "llama"}},
            {"language_model.model.embed_tokens.weight": [4, 16], **layers(2)},
            "F16",
            id="a part that leaves everything to its class",
        ),
        pytest.param(
            {"thinker_config": {"audio_config": {"d_model": 5}, "text_config": LLAMA}},
            {"thinker.model.embed_tokens.weight": [4, 8], **layers(2, "thinker.model.layers")},
            "BF16",
            id="a part within a part",
        ),
        pytest.param(
            {**LLAMA, "decoder": {"hidden_size": 16}}, {"decoder.embed_tokens.weight": [4, 16]},
            "F32", id="a width of a part that is named otherwise",
        ),
        pytest.param(
            {**LLAMA, "num_hidden_layers": 4},
            {name: one for name, one in layers(4).items() if ".2." not in name},
            "BF16",
            id="a layer pruned away",
        ),
        pytest.param(
            {**LLAMA, "num_hidden_layers": 4, "block_configs": []}, layers(3), "BF16",
            id="the last layer pruned away, as in Nemotron-NAS",
        ),
        pytest.param(
            LLAMA, layers(1, "mtp.layers"), "BF16", id="only layers of what may be another stack"
        ),
        pytest.param(
            LLAMA, layers(1, "base_model.model.model.layers"), "F32", id="an adapter's names"
        ),
        pytest.param(
            LLAMA, {"model.layers.0.self_attn.q_proj.lora_a": [8, 8]}, "F32",
            id="an adapter with its base's names",
        ),
    ],
)  # fmt: skip
def test_what_may_be_right_is_left_alone(
    tmp_path: Path, config: dict[str, Any], tensors: dict[str, list[int]], dtype: str
) -> None:
    write(tmp_path, config, tensors, dtype=dtype)
    judge(tmp_path)


def test_an_adapters_files_are_not_the_models(tmp_path: Path) -> None:
    write(tmp_path, LLAMA, layers(1), dtype="BF16")
    (tmp_path / "model.safetensors").rename(tmp_path / "adapter_model.safetensors")
    judge(tmp_path, "adapter_model.safetensors")


def test_the_language_models_part_is_what_its_weights_are_held_to(tmp_path: Path) -> None:
    config = {"vision_config": {"hidden_size": 5, "num_hidden_layers": 1}, "text_config": LLAMA}
    write(tmp_path, config, {"language_model.model.embed_tokens.weight": [4, 16]}, dtype="BF16")
    with pytest.raises(ValueError, match=r"is 16 wide, where config\.json says 8:"):
        judge(tmp_path)
    write(tmp_path, config, layers(1, "language_model.model.layers"), dtype="BF16")
    with pytest.raises(ValueError, match=r"have 1 layers, where config\.json says 2:"):
        judge(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        (
            {"model.embed_tokens.weight": [4, 16], **layers(2)},
            r"^model\.embed_tokens\.weight of model\.safetensors is 16 wide, where config",
        ),
        (layers(1), r"^the weights have 1 layers, where config\.json says 2: the two are"),
    ],
)
def test_weights_of_another_model_are_named_with_what_shows_it(
    tmp_path: Path, tensors: dict[str, list[int]], problem: str
) -> None:
    write(tmp_path, LLAMA, tensors, dtype="BF16")
    with pytest.raises(ValueError, match=problem):
        judge(tmp_path)
