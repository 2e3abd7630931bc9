"""Every layout of a row becomes one of three shapes, or says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.runtimes.tuning.data.rows import (
    Chat,
    Columns,
    Message,
    Pair,
    Text,
    Unusable,
    check_columns,
    to_sample,
)
from kaito.runtimes.tuning.errors import SettingRefused

USUAL = Columns()
ASKED = Message(role="user", content="a?")
SAID = Message(role="assistant", content="b.")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ("messages", "conversations", "prompt", "completion", "text", "instruction", "output", "role")
)


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        (
            {
                "messages": [
                    {"role": "user", "content": "a?"},
                    {"role": "assistant", "content": "b."},
                ]
            },
            Chat(messages=(ASKED, SAID)),
        ),
        (
            {"conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "b."}]},
            Chat(messages=(ASKED, SAID)),
        ),
        (
            {
                "prompt": [{"role": "user", "content": "a?"}],
                "completion": [{"role": "assistant", "content": [{"type": "text", "text": "b."}]}],
            },
            Chat(messages=(ASKED, SAID)),
        ),
        ({"prompt": "a?", "completion": "b."}, Pair(prompt="a?", completion="b.")),
        (
            {"instruction": "a?", "input": " x ", "output": "b."},
            Pair(prompt="a?\n\nx", completion="b."),
        ),
        ({"instruction": "a?", "input": "", "output": "b."}, Pair(prompt="a?", completion="b.")),
        ({"question": "a?", "answer": "b."}, Pair(prompt="a?", completion="b.")),
        ({"input": "a?", "output": "b."}, Pair(prompt="a?", completion="b.")),
        ({"Prompt": "a?", " COMPLETION ": "b."}, Pair(prompt="a?", completion="b.")),
        ({"question": "2 + 2", "answer": 4}, Pair(prompt="2 + 2", completion="4")),
        (
            {
                "messages": '[{"role": "user", "content": "a?"},'
                ' {"role": "assistant", "content": "b."}]'
            },
            Chat(messages=(ASKED, SAID)),
        ),
        ({"text": "all of it", "id": 3}, Text(text="all of it")),
    ],
)
def test_usual_layouts_are_recognized(row: dict[str, object], sample: object) -> None:
    assert to_sample(row, USUAL) == sample


def test_named_columns_win_over_usual_names() -> None:
    row = {"text": "no", "frage": "a?", "antwort": "b."}

    assert to_sample(row, Columns(context="frage", response="antwort")) == Pair(
        prompt="a?", completion="b."
    )
    assert to_sample(row, Columns(response="antwort")) == Text(text="b.")


def test_a_system_message_may_ask_for_the_first_answer() -> None:
    turns = [
        {"role": "system", "content": "You greet."},
        {"role": "assistant", "content": "b."},
    ]

    assert to_sample({"messages": turns}, USUAL) == Chat(
        messages=(Message(role="system", content="You greet."), SAID)
    )


def test_what_follows_the_last_answer_is_left_out() -> None:
    turns = [
        {"role": "user", "content": "a?"},
        {"role": "assistant", "content": "b."},
        {"role": "user", "content": "more?"},
    ]

    assert to_sample({"messages": turns}, USUAL) == Chat(messages=(ASKED, SAID))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": []}, "no list of messages"),
        ({"messages": [{"role": "user", "content": "a?"}]}, "no answer"),
        ({"messages": [{"role": "wizard", "content": "a?"}]}, "unknown role 'wizard'"),
        ({"messages": ["a?"]}, "no object"),
        ({"messages": [{"content": "a?"}]}, "without a role"),
        ({"messages": "[{'role': 'user'}]"}, "that is not a list of messages as JSON"),
        ({"messages": [{"role": "assistant", "content": "b."}]}, "nothing was asked"),
        (
            {
                "messages": [
                    {"role": "user", "content": "a?"},
                    {"role": "assistant", "content": " \n"},
                ]
            },
            "no answer of an assistant",
        ),
        ({"prompt": "a?", "chosen": "b.", "rejected": "c."}, "preferences are not trained on"),
        ({"prompt": b"a?", "completion": "b."}, "binary data in 'prompt'"),
        ({"prompt": {"a": 1}, "completion": "b."}, "an object in 'prompt'"),
        ({"prompt": True, "completion": "b."}, "true or false in 'prompt'"),
        ({"prompt": "a\ud800", "completion": "b."}, "half a character in 'prompt'"),
        ({"text": "  "}, "nothing in 'text'"),
        ({"text": "a\x00b"}, "binary data"),
        ({"image": b"", "label": 3}, "its columns are image, label"),
    ],
)
def test_rows_that_teach_nothing_say_why(row: dict[str, object], reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        to_sample(row, USUAL)


def test_a_column_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingRefused) as refusal:
        check_columns(Columns(response="respone"), ("context", "response"))

    assert "response" in refusal.value.line


@given(row=st.dictionaries(NAMES | st.text(max_size=6), JSON, max_size=5))
def test_no_row_does_anything_but_fit_or_be_unusable(row: dict[str, object]) -> None:
    try:
        sample = to_sample(row, USUAL)
    except Unusable:
        return
    assert isinstance(sample, Chat | Pair | Text)


def test_a_context_alone_goes_with_text_as_in_kaito_or_is_refused() -> None:
    columns = Columns(context="q")
    check_columns(columns, ("q", "text"))
    assert to_sample({"q": "who?", "text": "me"}, columns) == Pair(prompt="who?", completion="me")
    with pytest.raises(SettingRefused) as refusal:
        check_columns(columns, ("q", "a"))
    assert refusal.value.line == (
        "DatasetConfig.context_column needs response_column beside it; its columns are a, q"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"content": None, "tool_calls": [{"id": "1"}]}, "has calls of tools, which are not"),
        ({"content": "x", "function_call": {"name": "f"}}, "has calls of tools, which are not"),
        ({"content": " "}, "has an empty answer of the assistant"),
    ],
)
def test_an_answer_that_says_nothing_is_never_taught(answer: dict[str, object], said: str) -> None:
    question = {"role": "user", "content": "q", "tool_calls": None}
    last = {"role": "assistant", "content": "done", "tool_calls": []}
    to_sample({"messages": [question, last]}, Columns())
    row = {"messages": [question, {"role": "assistant", **answer}, question, last]}
    with pytest.raises(Unusable, match=said):
        to_sample(row, Columns())


def test_an_empty_turn_at_the_end_costs_nobody_the_answers_before_it() -> None:
    told = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b."}]
    waiting = [{"role": "user", "content": "c?"}, {"role": "assistant", "content": ""}]
    assert to_sample({"messages": [*told, *waiting]}, Columns()) == Chat(messages=(ASKED, SAID))


def test_a_number_as_the_input_of_an_instruction_is_asked_too() -> None:
    row = {"instruction": "Double it.", "input": 5, "output": "10"}
    assert to_sample(row, Columns()) == Pair(prompt="Double it.\n\n5", completion="10")
