"""Weights and a config.json that belong together, and those that do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaito.registry.weight_shapes import require_matching

LLAMA: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 2, "vocab_size": 4}


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
    ],
)  # fmt: skip
def test_what_may_be_right_is_left_alone(
    tmp_path: Path, config: dict[str, Any], tensors: dict[str, list[int]], dtype: str
) -> None:
    write(tmp_path, config, tensors, dtype=dtype)
    require_matching(tmp_path, ["model.safetensors"])


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
        require_matching(tmp_path, ["model.safetensors"])
