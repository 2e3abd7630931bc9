"""What is learned of a sample: the answers, with the sign that they are over, and nothing else."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.runtimes.tuning.data.encode import IGNORED, Encoded, Encoder
from kaito.runtimes.tuning.data.rows import Chat, Message, Pair, Sample, Text

FORGETFUL = (
    "{% for m in messages %}<|{{ m['role'] }}|>"
    "{{ m['content'] if loop.last or m['role'] == 'user' else '...' }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""A template that rewrites earlier answers, as those of thinking models do."""


def chat(*turns: str) -> Chat:
    roles = ("user", "assistant")
    return Chat(
        messages=tuple(
            Message(role=roles[index % 2], content=turn) for index, turn in enumerate(turns)
        )
    )


def encode(tokenizer: Any, sample: Sample, *, most: int = 512) -> Encoded:
    [encoded] = Encoder(tokenizer, max_length=most).encode([sample])
    assert isinstance(encoded, Encoded), encoded
    return encoded


def learned(tokenizer: Any, encoded: Encoded) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != IGNORED]))


def test_every_answer_of_a_conversation_is_learned_with_its_end(tokenizer: Any) -> None:
    encoded = encode(tokenizer, chat("one?", "first.", "two?", "second."))

    assert learned(tokenizer, encoded) == "first.<|end|>second.<|end|>"
    assert tokenizer.decode(encoded.ids).startswith("<|user|>one?<|end|><|assistant|>first.")


def test_of_a_template_that_rewrites_history_the_last_answer_is_learned(tokenizer: Any) -> None:
    forgetful = copy.deepcopy(tokenizer)
    forgetful.chat_template = FORGETFUL

    encoded = encode(forgetful, chat("one?", "first.", "two?", "second."))

    assert learned(forgetful, encoded) == "second.<|end|>"


def test_a_prompt_is_asked_as_a_chat_where_the_model_knows_chats(tokenizer: Any) -> None:
    as_pair = encode(tokenizer, Pair(prompt="one?", completion="first."))

    assert as_pair == encode(tokenizer, chat("one?", "first."))


def test_a_prompt_with_the_models_own_signs_is_left_as_it_is(tokenizer: Any) -> None:
    encoded = encode(tokenizer, Pair(prompt="<|user|>one? ", completion="first."))

    assert tokenizer.decode(encoded.ids) == "<|user|>one? first.<|end|>"
    assert learned(tokenizer, encoded).strip() == "first.<|end|>"


def test_of_bare_text_everything_is_learned(tokenizer: Any) -> None:
    encoded = encode(tokenizer, Text(text="some words"))

    assert learned(tokenizer, encoded) == "some words<|end|>"
    assert encoded.learned == len(encoded.ids)


def test_a_model_without_a_template_gets_lines_with_roles(tokenizer: Any) -> None:
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None

    encoded = encode(plain, chat("one?", "first."))

    assert plain.decode(encoded.ids) == "user: one?\nassistant: first.\n<|end|>"
    assert learned(plain, encoded) in ("first.\n<|end|>", " first.\n<|end|>")


def test_a_sample_is_cut_and_one_whose_answer_is_cut_off_has_none(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, max_length=16)

    cut, lost = encoder.encode([chat("a?", "word " * 40), chat("word " * 40, "b.")])

    assert isinstance(cut, Encoded)
    assert len(cut.ids) == 16
    assert cut.length > 16
    assert lost == "has its answer after the first 16 tokens"


def test_a_template_that_refuses_a_conversation_costs_that_one_alone(tokenizer: Any) -> None:
    strict = copy.deepcopy(tokenizer)
    strict.chat_template = "{{ raise_exception('no system here') if messages[0].role == 'system' }}"
    system = Chat(messages=(Message(role="system", content="x"), *chat("a?", "b.").messages))

    refused, _ = Encoder(strict, max_length=64).encode([system, Text(text="fine")])

    assert refused == "does not fit the model's chat template: no system here"


@pytest.mark.parametrize("count", [1, 3])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_what_is_learned_is_what_the_assistant_says(
    tokenizer: Any, count: int, data: st.DataObject
) -> None:
    words = st.text(st.characters(codec="utf-8", exclude_characters="<|>"), min_size=1, max_size=40)
    turns = data.draw(st.lists(words, min_size=2 * count, max_size=2 * count))

    encoded = encode(tokenizer, chat(*turns), most=4096)

    assert learned(tokenizer, encoded) == "".join(f"{turn}<|end|>" for turn in turns[1::2])
