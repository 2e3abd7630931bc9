"""What the model says to a few prompts, greedily: before and after training, side by side."""

from collections.abc import Sequence
from typing import Any, Final

from kaito.api.tuning_record import Answer
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.data.rows import Sample

_NEW_TOKENS: Final = 32
_PROMPT_TOKENS: Final = 512
_SHOWN_CHARACTERS: Final = 2000


def ask_model(
    model: Any, tokenizer: Any, encoder: Encoder, samples: Sequence[Sample]
) -> tuple[Answer, ...]:
    """The prompts of `samples`, what is expected, and what the model says now (as `before`)."""
    import torch

    if not samples:
        return ()
    pairs = [encoder.render_prompt(sample) for sample in samples]
    batch = tokenizer(
        [prompt for prompt, _ in pairs],
        add_special_tokens=False,
        return_tensors="pt",
        padding=True,
        padding_side="left",
        truncation=True,
        max_length=_PROMPT_TOKENS,
        return_token_type_ids=False,
    ).to(model.device)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        said = model.generate(
            **batch,
            max_new_tokens=_NEW_TOKENS,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            use_cache=True,
            pad_token_id=tokenizer.pad_token_id,
        )
    model.train(was_training)
    start = batch["input_ids"].shape[1]
    texts = tokenizer.batch_decode(said[:, start:], skip_special_tokens=True)
    return tuple(
        Answer(
            prompt=prompt[-_SHOWN_CHARACTERS:],
            expected=expected[:_SHOWN_CHARACTERS],
            before=text.strip(),
        )
        for (prompt, expected), text in zip(pairs, texts, strict=True)
    )
