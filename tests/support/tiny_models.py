"""Models small enough to make in seconds: the real architecture, random weights."""

from pathlib import Path

import torch
from transformers import AutoTokenizer, Phi3Config, Phi3ForCausalLM


def make_tiny_phi3(
    folder: Path, *, tokenizer: Path, hidden: int = 256, layers: int = 2, shard_size: str = "5GB"
) -> Path:
    """A small Phi-3 with the tokenizer of another model's folder, as safetensors.

    `shard_size` as `save_pretrained` takes it: "500KB" makes several files.
    """
    words = AutoTokenizer.from_pretrained(tokenizer)
    torch.manual_seed(0)
    config = Phi3Config(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        original_max_position_embeddings=4096,
        pad_token_id=words.pad_token_id,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        dtype="bfloat16",
    )
    model = Phi3ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size=shard_size)
    words.save_pretrained(folder)
    return folder
