"""Which Workspaces are refused, and in which words."""

from typing import Any

import msgspec
import pytest

from kaito.api.validation import validate_workspace
from kaito.api.workspace import Workspace
from kaito.catalog.lookup import check_preset

PRESET = {"preset": {"name": "phi-4"}}
TUNING = {
    "preset": {"name": "phi-4"},
    "method": "QLoRA",
    "input": {"urls": ["https://example.com/a.parquet"]},
    "output": {"image": "example.com/a:1", "imagePushSecret": "s"},
}


def make(**fields: Any) -> Workspace:
    document = {
        "metadata": {"name": "w"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "w"}}, "instanceType": "T"},
        **(fields or {"inference": PRESET}),
    }
    return msgspec.convert(document, Workspace)


def problems(new: Workspace, old: Workspace | None = None) -> list[str]:
    return [str(error) for error in validate_workspace(new, old, check_preset=check_preset)]


@pytest.mark.parametrize(
    "fields",
    [
        {"inference": PRESET},
        {"inference": {"preset": {"name": "anyone/any-model"}}},
        {"inference": {"template": {"spec": {"containers": [{"name": "c"}]}}}},
        {"tuning": TUNING},
    ],
)
def test_what_is_right_is_admitted(fields: dict[str, Any]) -> None:
    assert problems(make(**fields)) == []


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({"metadata": {"name": "w"}}, "inference: Either Inference or Tuning must be"),
    "both": ({"inference": PRESET, "tuning": TUNING}, "tuning: Either Inference or Tuning"),
    "unknown preset": (
        {"inference": {"preset": {"name": "smollm2-135-instruct"}}},
        "did you mean smollm2-135m-instruct",
    ),
    "name": ({"metadata": {"name": "My.Model"}, "inference": PRESET}, "metadata.name: 'My.Model'"),
    "preset and template": (
        {"inference": {**PRESET, "template": {"spec": {"containers": [{"name": "c"}]}}}},
        "inference.template: Preset and Template cannot be set at the same time",
    ),
    "neither preset nor template": ({"inference": {}}, "inference: Preset or Template must be"),
    "empty template": (
        {"inference": {"template": {}}},
        "inference.template.spec.containers: at least one container",
    ),
    "runtime": (
        {
            "metadata": {"name": "w", "annotations": {"kaito.sh/runtime": "tgi"}},
            "inference": PRESET,
        },
        "'tgi' is not a runtime; choose one of: vllm, transformers",
    ),
    "reserved labels only": (
        {
            "inference": PRESET,
            "resource": {"labelSelector": {"matchLabels": {"kaito.sh/workspace": "w"}}},
        },
        "resource.labelSelector: matchLabels must contain at least one non-reserved label",
    ),
    "adapter without source": (
        {"inference": {**PRESET, "adapters": [{}]}},
        "inference.adapters[0].source: Source is required",
    ),
    "adapter twice": (
        {"inference": {**PRESET, "adapters": [{"source": {"name": "a", "image": "i"}}] * 2}},
        "Duplicate adapter source name found: a",
    ),
    "adapter strength": (
        {
            "inference": {
                **PRESET,
                "adapters": [{"source": {"name": "a", "image": "i"}, "strength": "2"}],
            }
        },
        "inference.adapters[0].strength: '2' is not a number from 0 to 1",
    ),
    "tuning method": ({"tuning": {**TUNING, "method": "full"}}, "choose one of: lora, qlora"),
    "tuning input": (
        {"tuning": {**TUNING, "input": {"image": "i", "urls": ["u"]}}},
        "tuning.input: Exactly one of URLs, Volume, or Image",
    ),
    "push secret": (
        {"tuning": {**TUNING, "output": {"image": "i"}}},
        "tuning.output.imagePushSecret: Must specify imagePushSecret",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_refused_by_one_line(case: tuple[dict[str, Any], str]) -> None:
    fields, said = case
    (problem,) = problems(make(**fields))
    assert said in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"inference": PRESET}, {"tuning": TUNING}, "inference: cannot be toggled once set"),
        (
            {"inference": PRESET},
            {"inference": {"preset": {"name": "phi-3-mini-4k-instruct"}}},
            "inference.preset: field is immutable",
        ),
        (
            {"tuning": TUNING},
            {"tuning": {**TUNING, "method": "lora"}},
            "tuning.method: Method cannot be changed",
        ),
    ],
)
def test_what_may_not_change_is_kept(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    assert any(problem.startswith(said) for problem in problems(make(**after), make(**before)))


def test_an_update_elsewhere_does_not_bring_up_an_old_fault() -> None:
    faulty = {"inference": {**PRESET, "adapters": [{}]}}
    assert problems(make(**faulty), make(**faulty)) == []


def test_a_preset_that_left_the_catalogue_can_still_be_edited() -> None:
    gone = {"inference": {"preset": {"name": "no-such-model"}}}
    assert problems(make(**gone), make(**gone)) == []
