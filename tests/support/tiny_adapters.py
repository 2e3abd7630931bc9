"""LoRA adapters small enough to make in milliseconds, whole or broken in a chosen way.

Written as bytes: no machine-learning library is needed, and any header can be made.
"""

import json
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Matrix = tuple[int, int]

PHI3_MODULES: Mapping[str, Matrix] = {
    f"model.layers.{layer}.{name}": shape
    for layer in range(2)
    for name, shape in (
        ("self_attn.qkv_proj", (512, 256)),
        ("self_attn.o_proj", (256, 256)),
        ("mlp.gate_up_proj", (1024, 256)),
        ("mlp.down_proj", (256, 512)),
    )
}
"""The linear layers of `tiny_models.make_tiny_phi3`: outputs, inputs."""


def make_adapter(
    folder: Path,
    *,
    modules: Mapping[str, Matrix] = PHI3_MODULES,
    rank: int = 8,
    seed: int = 0,
    size: float = 0.5,
    **config: object,
) -> Path:
    """An adapter with random factors in [-size, size]; `config` overrides adapter_config.json."""
    tensors = {}
    chance = random.Random(seed)
    for name, (outputs, inputs) in modules.items():
        for side, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
            values = [chance.uniform(-size, size) for _ in range(shape[0] * shape[1])]
            tensors[f"base_model.model.{name}.lora_{side}.weight"] = (shape, values)
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, modules=modules, rank=rank, **config)
    write_tensors(folder / "adapter_model.safetensors", tensors)
    return folder


def write_config(
    folder: Path, *, modules: Mapping[str, Matrix], rank: int, **config: object
) -> None:
    """adapter_config.json as PEFT writes it."""
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": sorted({name.rpartition(".")[2] for name in modules}),
        "base_model_name_or_path": "org/tiny-phi",
        "bias": "none",
        "inference_mode": True,
        **config,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))


def write_tensors(path: Path, tensors: Mapping[str, tuple[Matrix, Sequence[float]]]) -> None:
    """A safetensors file of 32-bit floats."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    blocks, offset = [], 0
    for name, (shape, values) in tensors.items():
        block = struct.pack(f"<{len(values)}f", *values)
        end = offset + len(block)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        blocks.append(block)
        offset = end
    text = json.dumps(header).encode()
    new = path.with_suffix(".new")
    new.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blocks))
    new.rename(path)


def make_byte_tokenizer(folder: Path) -> Path:
    """A tokenizer with one token per byte: enough for a model of random weights."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(["<s>", "</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    words = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    words.chat_template = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    words.save_pretrained(folder)
    return folder
