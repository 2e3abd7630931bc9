"""The calls that our chat templates show a model, against the engine's parsers of its answers."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = [
    pytest.mark.extended,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),
]

PROMPTS = Path(__file__).parents[1] / "unit" / "runtimes" / "serving" / "prompts"
# Their tokens have a wide bar, and a block for a space.
DEEPSEEK = ("deepseek_v3", "<\uff5cAssistant\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
PARSED = {
    "deepseekr1": DEEPSEEK,
    "deepseekv3": DEEPSEEK,
    "gemma3-pythonic": ("pythonic", "<start_of_turn>model\n", "<end_of_turn>"),
    "phi4-mini": ("phi4_mini_json", "<|assistant|>", "<|end|>"),
}
"""By template: the parser that the catalogue sets, and what an answer stands between."""


class Vocabulary:
    """A tokenizer that has every token a parser asks for."""

    def get_vocab(self) -> "Vocabulary":
        return self

    def get(self, token: str, default: int = 0) -> int:
        return len(token)


@pytest.mark.parametrize("name", PARSED)
def test_the_engine_reads_a_call_as_we_show_it(name: str) -> None:
    from vllm.tool_parsers import ToolParserManager

    parser_name, before, after = PARSED[name]
    prompt = (PROMPTS / f"{name}.calls").read_text(encoding="utf-8")
    said = prompt.split(before)[1].partition(after)[0]
    parser = ToolParserManager.get_tool_parser(parser_name)(Vocabulary())
    found = parser.extract_tool_calls(said, SimpleNamespace(tools=None))
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in found.tool_calls]
    assert calls == [
        ("get_weather", {"city": "Rome", "n": 1}),
        ("get_weather", {"city": 'Par"is', "n": 1}),
    ]
