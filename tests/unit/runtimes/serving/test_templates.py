"""The chat templates that we bring, rendered as both engines render them.

What they must write lies in `prompts/`: NAME.plain is a question without tools, as the model's own
template writes it; NAME.calls is one with a tool, two calls in the form that the engine's parser
reads, and their results.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from kaito.api.runtime import ExitCode
from kaito.catalog.lookup import PRESETS
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.model import find_template

NAMES = ("deepseekr1", "deepseekv3", "gemma3-pythonic", "phi4-mini")
PROMPTS = Path(__file__).with_name("prompts")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city <now>.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASSISTANT = "<\uff5cAssistant\uff5c>"
"""DeepSeek's turn begins."""
QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it warmer in Rome?"},
]
CALLS = [
    {"type": "function", "function": {"name": "get_weather", "arguments": {"city": city, "n": 1}}}
    for city in ("Rome", 'Par"is')
]
ANSWERED = [
    *QUESTION,
    {"role": "assistant", "content": None, "tool_calls": CALLS},
    {"role": "tool", "content": "30 degrees"},
    {"role": "tool", "content": "20 degrees"},
]


def render(name: str, messages: list[Any], *, tools: list[Any] | None = None) -> str:
    made, _ = render_jinja_template(
        conversations=[messages],
        tools=tools,
        chat_template=Path(find_template(name)).read_text(encoding="utf-8"),
        add_generation_prompt=True,
        bos_token="<bos>",
    )
    return str(made[0])


def test_every_template_that_the_catalogue_names_is_there_and_no_other() -> None:
    assert {preset.serving.chat_template for preset in PRESETS} - {""} == set(NAMES)
    folder = Path(find_template(NAMES[0])).parent
    assert {path.name for path in folder.iterdir()} == {f"{name}.jinja" for name in NAMES}


def test_a_name_that_is_not_ours_ends_the_server_with_the_nearest() -> None:
    with pytest.raises(Ending, match="no chat template 'phi-4-mini'") as ended:
        find_template("phi-4-mini")
    assert ended.value.code is ExitCode.CONFIG
    assert "phi4-mini" in ended.value.line
    assert find_template("/mnt/mine.jinja") == "/mnt/mine.jinja"
    assert find_template("") == ""


@pytest.mark.parametrize("name", NAMES)
def test_without_tools_a_prompt_is_as_the_models_own_template_writes_it(name: str) -> None:
    assert render(name, QUESTION) == (PROMPTS / f"{name}.plain").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_tools_are_shown_and_their_calls_and_results_in_the_models_form(name: str) -> None:
    said = render(name, ANSWERED, tools=[WEATHER])
    assert said == (PROMPTS / f"{name}.calls").read_text(encoding="utf-8")
    assert said.count(json.dumps(WEATHER["function"])) == 1


def test_deepseeks_thoughts_of_earlier_turns_are_not_shown() -> None:
    earlier = {"role": "assistant", "content": "<think>\nhm\n</think>Hello"}
    said = render("deepseekr1", [QUESTION[1], earlier, QUESTION[1]])
    assert "Hello" in said
    assert "hm" not in said


@pytest.mark.parametrize("name", ["deepseekr1", "deepseekv3"])
def test_deepseek_is_asked_for_an_answer_whoever_spoke_last_but_itself(name: str) -> None:
    asked = render(name, QUESTION).rpartition(ASSISTANT)[2]
    for role in ("system", "developer", "user"):
        assert render(name, [{"role": role, "content": "Hi"}]).endswith(ASSISTANT + asked)
    # A call's results are gone on from, and an answer is whole.
    for said in (ANSWERED, [QUESTION[1], {"role": "assistant", "content": "No."}]):
        assert not render(name, said).endswith(ASSISTANT + asked)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_words_is_written_as_one(name: str) -> None:
    said = render(name, [QUESTION[1], {"role": "assistant", "content": None}, QUESTION[1]])
    assert "None" not in said


def test_gemmas_pictures_are_one_token_each() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "What is it?"}]
    said = render("gemma3-pythonic", [{"role": "user", "content": parts}])
    assert "<start_of_image>What is it?" in said
