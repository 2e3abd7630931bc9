"""Facts from a model's files: which of them count, and what the engine loads of them."""

import json
from typing import Any

import pytest

from kaito.catalog.model_files import WeightFile, choose_weight_files, parse_model

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 8,
    "num_attention_heads": 2,
}
_BITS = {"F32": 32, "BF16": 16, "F8_E4M3": 8, "U8": 8}


def weight_file(name: str, tensors: dict[str, tuple[str, int]]) -> WeightFile:
    """A file with tensors of a type and a number of elements each."""
    header, end = {}, 0
    for tensor, (dtype, elements) in tensors.items():
        size = elements * _BITS[dtype] // 8
        header[tensor] = {"dtype": dtype, "shape": [elements], "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    head = len(text).to_bytes(8, "little") + text
    return WeightFile(name=name, size_bytes=len(head) + end, head=head)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (
            ("model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"),
            ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ),
        (
            ("model.safetensors", "original/model.safetensors", "metal/model.bin"),
            ("model.safetensors",),
        ),
        (("model.safetensors", "consolidated.safetensors"), ("model.safetensors",)),
        (("consolidated.safetensors",), ("consolidated.safetensors",)),
        (("pytorch_model-00001-of-2.bin", "training_args.bin"), ("pytorch_model-00001-of-2.bin",)),
        (("model.safetensors", "pytorch_model.bin"), ("model.safetensors",)),
        (("../model.safetensors", "/model.safetensors", "a\\b.safetensors", "x.pt"), ()),
        ((".safetensors", "m\n.safetensors", "m" * 300 + ".safetensors"), ()),
    ],
)
def test_only_files_that_the_engine_loads_count(
    names: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert choose_weight_files(names) == chosen


def test_mistrals_format_takes_the_consolidated_files() -> None:
    names = ("model.safetensors", "consolidated-00001-of-00001.safetensors")
    assert choose_weight_files(names, load_format="mistral") == names[1:]


def facts_of(tensors: dict[str, tuple[str, int]], **changes: object) -> tuple[int, int, int]:
    """Weights' bytes, all parameters, and those that one token goes through."""
    config = json.dumps({**CONFIG, **changes}).encode()
    facts = parse_model(config, [weight_file("model.safetensors", tensors)])
    return facts.weights_bytes, facts.parameters, facts.active_parameters


def test_weights_are_counted_as_they_are_cast() -> None:
    tensors = {"model.layers.0.w": ("F32", 100), "model.layers.1.w": ("BF16", 50)}
    assert facts_of(tensors) == (300, 150, 150)


def test_quantised_weights_are_counted_as_they_lie() -> None:
    tensors = {"model.layers.0.w": ("F8_E4M3", 100), "model.layers.0.w_scale": ("F32", 25)}
    quantised = {"quantization_config": {"quant_method": "fp8"}}
    assert facts_of(tensors, **quantised) == (200, 200, 200)


def test_what_the_engine_leaves_aside_is_not_counted() -> None:
    tensors = {
        "model.embed_tokens.weight": ("BF16", 10),
        "model.layers.1.w": ("BF16", 10),
        "model.layers.2.speculation": ("BF16", 10),
        "mtp.layers.0.w": ("BF16", 10),
        "model.layers.0.self_attn.rotary_emb.inv_freq": ("F32", 10),
        "lm_head.weight": ("BF16", 10),
    }
    assert facts_of(tensors)[1] == 30
    assert facts_of(tensors, tie_word_embeddings=True)[1] == 20


def test_an_encoders_layers_have_numbers_of_their_own() -> None:
    tensors = {
        "model.language_model.layers.1.w": ("BF16", 10),
        "model.language_model.layers.2.w": ("BF16", 10),
        "vision_tower.encoder.layers.26.w": ("BF16", 10),
    }
    assert facts_of(tensors)[1] == 20


def test_experts_that_a_token_is_not_sent_to_are_idle() -> None:
    tensors = {
        "model.layers.0.self_attn.w": ("BF16", 100),
        "model.layers.0.mlp.experts.0.w": ("BF16", 400),
        "model.layers.0.mlp.experts.1.w": ("BF16", 400),
    }
    experts = {"num_local_experts": 8, "num_experts_per_tok": 2}
    assert facts_of(tensors, **experts) == (1800, 900, 900 - 800 * 6 // 8)


def test_without_headers_the_sizes_count() -> None:
    files = [WeightFile(name="pytorch_model.bin", size_bytes=1000)]
    facts = parse_model(json.dumps(CONFIG).encode(), files)
    assert (facts.weights_bytes, facts.parameters) == (1000, 500)


def test_a_broken_file_is_named() -> None:
    good = weight_file("model-1.safetensors", {"w": ("BF16", 1)})
    bad = WeightFile(name="model-2.safetensors", size_bytes=20, head=b"\xff" * 20)
    with pytest.raises(ValueError, match=r"^model-2\.safetensors: safetensors header of \d+ bytes"):
        parse_model(json.dumps(CONFIG).encode(), [good, bad])


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no weights"):
        parse_model(json.dumps(CONFIG).encode(), [WeightFile(name="README.md", size_bytes=1)])
