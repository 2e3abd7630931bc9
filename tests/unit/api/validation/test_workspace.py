"""Every rule of a Workspace: what is admitted, what is refused and in which words."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from workspace_cases import (
    CHANGES,
    PRESET,
    RESOURCE,
    SLICED,
    SOUND,
    TUNING,
    WRONG,
    Manifest,
    adapters,
    annotated,
    sliced,
    tuning,
    workspace,
)

from kaito.api.field_error import FieldError
from kaito.api.inference_config import InferenceConfig
from kaito.api.validation import Surroundings, validate_workspace
from kaito.api.workspace import DEFAULT_INSTANCE_TYPE, Workspace
from kaito.app.admission import CATALOGUE

BARE: Manifest = {"preset": {"name": "phi-4"}, "config": "c"}


def problems(
    new: Manifest, old: Manifest | None = None, around: Surroundings = CATALOGUE
) -> list[str]:
    before = msgspec.convert(old, Workspace) if old else None
    found = validate_workspace(msgspec.convert(new, Workspace), before, around=around)
    return [str(error) for error in found]


@pytest.mark.parametrize("new", SOUND.values(), ids=SOUND.keys())
def test_what_is_right_is_admitted(new: Manifest) -> None:
    assert problems(new) == []


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_by_one_line(case: tuple[Manifest, str]) -> None:
    new, said = case
    (problem,) = problems(new)
    assert problem.startswith(said)
    assert "\n" not in problem


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_an_update_elsewhere_does_not_bring_up_an_old_fault(case: tuple[Manifest, str]) -> None:
    old, _ = case
    metadata = {**old["metadata"], "labels": {"a": "b"}}
    assert problems({**old, "metadata": metadata}, old) == []


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_one_that_is_being_deleted_is_not_judged(case: tuple[Manifest, str]) -> None:
    new, _ = case
    metadata = {**new["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert problems({**new, "metadata": metadata}, workspace(tuning=TUNING)) == []


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_an_update_is_judged_by_what_it_changes(case: tuple[Manifest, Manifest, str]) -> None:
    old, new, said = case
    found = problems(new, old)
    assert found[0].startswith(said) if said else found == []


def test_a_second_fault_is_reported_beside_an_old_one() -> None:
    old = workspace(inference=adapters({}))
    (problem,) = problems(workspace(inference=adapters({}, {})), old)
    assert problem.startswith("inference.adapters[1].source")


def test_several_faults_are_reported_at_once() -> None:
    found = problems(workspace(resource=None, inference={}, metadata=annotated(runtime="tgi")))
    assert [text.partition(":")[0] for text in found] == [
        "resource",
        "inference",
        "metadata.annotations[kaito.sh/runtime]",
    ]


AUTO = replace(CATALOGUE, provisioning="auto")
EXISTING = replace(CATALOGUE, provisioning="existing")
_DEFAULTED = {**RESOURCE, "instanceType": DEFAULT_INSTANCE_TYPE}


@pytest.mark.parametrize(
    ("new", "around", "said"),
    [
        (workspace(), AUTO, ""),
        (
            workspace(resource=SLICED),
            AUTO,
            "resource.instanceType: instanceType is required when node auto-provisioning",
        ),
        (workspace(resource=SLICED), EXISTING, ""),
        (
            workspace(),
            EXISTING,
            "resource.instanceType: instanceType must be empty when node auto-provisioning is",
        ),
        (
            # An unknown type is beside the point where there must be none.
            workspace(resource={**RESOURCE, "instanceType": "T"}),
            EXISTING,
            "resource.instanceType: instanceType must be empty",
        ),
        # The first version's schema fills the type in: its user did not ask for it.
        (workspace(version="v1alpha1", resource=_DEFAULTED), EXISTING, ""),
        (
            workspace(resource=_DEFAULTED),
            EXISTING,
            "resource.instanceType: instanceType must be empty",
        ),
        (workspace(resource=sliced(mode="mig", profile="1g.10gb")), EXISTING, ""),
    ],
)
def test_the_instance_type_follows_how_nodes_come(
    new: Manifest, around: Surroundings, said: str
) -> None:
    found = problems(new, around=around)
    assert len(found) == bool(said)
    assert not found or found[0].startswith(said)


def test_a_machine_to_be_made_has_no_slices() -> None:
    found = problems(workspace(resource=sliced(mode="mig", profile="1g.10gb")), around=AUTO)
    assert any("only supported with BYO nodes" in problem for problem in found)


def test_an_instance_type_may_go_only_where_nodes_exist() -> None:
    old, new = workspace(), workspace(resource=SLICED)
    assert problems(new, old, EXISTING) == []
    assert any("field is immutable" in problem for problem in problems(new, old, AUTO))


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ({"mode": "mig", "profile": "1g.10gb"}, "set feature gate enableMIG=true"),
        ({"mode": "accelerator", "count": 1}, "set feature gate enableAccelerator=true"),
    ],
)
def test_a_partition_needs_its_gate(partition: Manifest, said: str) -> None:
    around = replace(CATALOGUE, feature_gates=frozenset[str]())
    (problem,) = problems(workspace(resource=sliced(**partition)), around=around)
    assert problem.startswith("resource.partition.mode: ")
    assert said in problem


def test_writing_through_the_first_version_does_not_drop_a_partition() -> None:
    old = workspace(resource=sliced(mode="accelerator", count=1))
    new = workspace(version="v1alpha1", resource=SLICED)
    assert any(
        problem.startswith("resource.partition: field is immutable")
        for problem in problems(new, old)
    )


def test_a_node_class_is_checked_where_they_are_known_and_only_when_it_changes() -> None:
    new = workspace(metadata=annotated(node_class_name="fast"))
    around = replace(CATALOGUE, node_classes=frozenset({"default", "large"}))
    assert problems(new) == []
    (problem,) = problems(new, around=around)
    assert problem.endswith(
        "'fast' is not a KAITO-managed NodeClass, supported values are default, large"
    )
    assert problems(new, new, around) == []


def test_weights_at_hand_open_a_gated_model() -> None:
    gated = workspace(inference={"preset": {"name": "llama-3.1-8b-instruct"}})
    around = replace(CATALOGUE, has_weights=lambda name: name == "llama-3.1-8b-instruct")
    assert problems(gated, around=around) == []
    assert problems(gated)


def test_a_gated_model_needs_its_secret_for_tuning_too() -> None:
    around = replace(
        CATALOGUE, find_model=lambda name: replace(CATALOGUE.find_model(name), is_gated=True)
    )
    (problem,) = problems(workspace(tuning=TUNING), around=around)
    assert problem.startswith("tuning.preset.presetOptions.modelAccessSecret: ")


def test_private_addresses_are_allowed_where_said_but_never_where_credentials_are() -> None:
    around = replace(CATALOGUE, allow_private_urls=True)
    local = workspace(tuning=tuning(input={"urls": ["http://127.0.0.1:8000/data.json"]}))
    assert problems(local, around=around) == []
    metadata = workspace(tuning=tuning(input={"urls": ["http://169.254.169.254/latest"]}))
    assert len(problems(metadata, around=around)) == 1


def configured(**files: str) -> Surroundings:
    data = {f"{name}.yaml": text for name, text in files.items()}
    return replace(
        CATALOGUE, find_config=lambda ns, name: data if (ns, name) == ("default", "c") else None
    )


CONFIGS: dict[str, tuple[dict[str, str], str]] = {
    "fine": ({"inference_config": "vllm: {max-model-len: 4096}"}, ""),
    "as long as the model": ({"inference_config": "vllm: {max_model_len: 16384}"}, ""),
    "another file": ({"other": ""}, "there is no such key in it; it has other.yaml"),
    "empty": ({}, "there is no such key in it; it is empty"),
    "no YAML": ({"inference_config": "["}, "is not YAML (line "),
    "unknown key": ({"inference_config": "vlm: {}"}, "unknown key 'vlm'; did you mean vllm?"),
    "no map": ({"inference_config": "vllm: 3"}, "'vllm' must be a map of engine options"),
    "no number": (
        {"inference_config": "vllm: {max-model-len: long}"},
        "max-model-len must be an integer of at least 1, not 'long'",
    ),
    "too long": (
        {"inference_config": "vllm: {max-model-len: 16385}"},
        "max-model-len 16385 exceeds model's maximum supported context window 16384",
    ),
}


@pytest.mark.parametrize("case", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_known_config_is_judged(case: tuple[dict[str, str], str]) -> None:
    files, said = case
    found = problems(workspace(inference=BARE), around=configured(**files))
    assert len(found) == bool(said)
    if said:
        assert found[0].startswith("inference.config: inference_config.yaml of ConfigMap default/c")
        assert said in found[0]


def test_a_config_that_is_not_there_yet_is_no_fault() -> None:
    absent = {**PRESET, "config": "later"}
    assert problems(workspace(inference=absent), around=configured()) == []


def test_a_config_is_judged_again_when_another_is_named() -> None:
    around = configured(inference_config="vllm: 3")
    (problem,) = problems(workspace(inference=BARE), workspace(), around)
    assert problem.startswith("inference.config: ")


@pytest.mark.parametrize(
    ("method", "text", "said"),
    [
        ("QLoRA", "training_config: {QuantizationConfig: {load_in_4bit: true}}", ""),
        ("qlora", "training_config: {}", "either 'load_in_4bit' or 'load_in_8bit' must be true"),
        (
            "lora",
            "training_config: {QuantizationConfig: {load_in_8bit: true}}",
            "must not be true; remove 'load_in_8bit'",
        ),
    ],
)
def test_a_known_training_config_is_judged_by_the_method(method: str, text: str, said: str) -> None:
    new = workspace(tuning=tuning(method=method, config="c"))
    found = problems(new, around=configured(training_config=text))
    assert len(found) == bool(said)
    assert not said or said in found[0]


def planned(seen: list[InferenceConfig]) -> Surroundings:
    def refuse(new: Workspace, config: InferenceConfig) -> FieldError | None:
        seen.append(config)
        asked = new.resource.instance_type if new.resource else ""
        is_large = asked == RESOURCE["instanceType"]
        return FieldError("resource.instanceType", "is too small") if is_large else None

    return replace(configured(inference_config="vllm: {max-model-len: 512}"), check_plan=refuse)


def test_a_plan_that_does_not_work_out_is_a_fault_with_the_config_counted_in() -> None:
    seen: list[InferenceConfig] = []
    found = problems(workspace(inference=BARE), around=planned(seen))
    assert found == ["resource.instanceType: is too small"]
    assert [config.max_model_len for config in seen] == [512]


def test_a_plan_is_not_asked_for_when_told_so_or_when_the_object_is_broken() -> None:
    seen: list[InferenceConfig] = []
    bypassed = workspace(metadata=annotated(bypass_resource_checks="false"))
    assert problems(bypassed, around=planned(seen)) == []
    problems(workspace(inference={}), around=planned(seen))
    assert seen == []


def test_nodes_are_looked_at_where_they_are_known() -> None:
    around = replace(EXISTING, check_nodes=lambda new: f"no node for {new.metadata.name}")
    found = problems(workspace(resource=SLICED), around=around)
    assert found == ["resource.labelSelector: no node for w"]


def test_nothing_is_guessed_where_nothing_is_known() -> None:
    anything: Any = {**RESOURCE, "instanceType": "any"}
    new = workspace(resource=anything, inference={"preset": {"name": "no-such-model"}})
    assert problems(new, around=Surroundings()) == []
