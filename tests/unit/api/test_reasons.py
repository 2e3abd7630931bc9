"""The table of reasons is whole: the controllers' code is read and compared with it.

A reason is a literal where something is called with `reason=`, where a function's parameter of that
name gets it, and, since reasons also travel as constants and in tuples, any CamelCase word of two
parts or more in the packages that write conditions and events.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaito.api import inferenceset, modelmirror, multirole, nodeclaim, ragengine, workspace
from kaito.api.explain import explain_workspace
from kaito.api.meta import Condition, ObjectMeta
from kaito.api.reasons import (
    CONDITION_TYPES,
    EVENTS,
    REASONS,
    WAITING,
    Reason,
    find_reason,
    is_known,
)
from kaito.api.workspace import Workspace, WorkspaceStatus

SOURCE = Path(__file__).resolve().parents[3] / "src" / "kaito"
WRITERS = (
    "cloud/failure.py",
    "controllers",
    "kube/controller/decision.py",
    "local/builtin/machines",
    "planner",
    "provision",
)
"""Where conditions and events of our kinds come from."""
CAMEL = re.compile(r"^(?:[A-Z][a-z]+|PVC)(?:[A-Z]+[a-z]*)+$|^workspace[A-Z]\w+$")
READ = frozenset(
    {
        # Kubernetes' own words, which are read.
        *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"),
        *("ImageNotRunnable", "CreateContainerConfigError", "CreateContainerError"),
        *("RunContainerError", "PodScheduled", "DiskPressure", "MemoryPressure"),
        *("NoSchedule", "PreferNoSchedule", "RollingUpdate", "FailureTarget"),
        "SuccessCriteriaMet",
        *("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"),
        # Kinds.
        *("ConfigMap", "DaemonSet", "NodeClaim", "NodePool", "PersistentVolumeClaim"),
        "ReplicaSet",
        # Sections of training_config.yaml; a condition type; states of a Workspace.
        *("LoraConfig", "TrainingArguments", "StorageReady", "NotReady"),
    }
)
SUMMARY_ONLY = "workspaceFailed"
ARCHITECTURE = re.compile(r"For(CausalLM|ConditionalGeneration|SequenceClassification)$")


def files() -> Iterator[Path]:
    for name in WRITERS:
        path = SOURCE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to; a formatted one as its beginning and `*`."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from literals(body)
            yield from literals(orelse)
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield f"{text}*"


def positions(tree: ast.Module) -> dict[str, int]:
    """Functions of a file that have a parameter `reason`, and its place."""
    return {
        node.name: [argument.arg for argument in node.args.args].index("reason")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and "reason" in [argument.arg for argument in node.args.args]
    }


def written_in(text: str) -> set[str]:
    """Every reason that the code may write."""
    tree = ast.parse(text)
    places = {"holds": 1, "lacks": 1, "waiting": 1, "Refusal": 0, **positions(tree)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if CAMEL.match(node.value) and not ARCHITECTURE.search(node.value):
                found.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.update(text for text in literals(node) if text in ("Pod*", "PVC*"))
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if (place := places.get(name)) is not None and place < len(node.args):
                found.update(literals(node.args[place]))
            found.update(
                text
                for keyword in node.keywords
                if keyword.arg == "reason"
                for text in literals(keyword.value)
            )
    return found - READ - {""}


def all_written() -> set[str]:
    return set().union(*(written_in(path.read_text()) for path in files()))


@pytest.mark.parametrize("path", tuple(files()), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_reason_is_written_that_the_table_lacks(path: Path) -> None:
    unknown = sorted(name for name in written_in(path.read_text()) if not is_known(name))
    assert unknown == [], "put them into kaito.api.reasons, or into READ where they are no reasons"


@pytest.mark.parametrize(
    "code",
    [
        'lacks(NODES_READY, "NoSuchThing", "m")',
        'Condition(type=READY, reason="Lone", message="m")',
        'def _stuck(reason: str) -> None: ...\n_stuck("Lone")',
        'X = "SomethingNew"',
        'Note(about=w, reason="Lone" if a else "Planned", message="m")',
        'x = {"A": "SomethingNew"}',
    ],
)
def test_the_reading_finds_a_reason_that_is_new(code: str) -> None:
    assert [name for name in written_in(code) if not is_known(name)] != []


def test_no_reason_of_the_table_is_one_that_nobody_writes() -> None:
    written, types = all_written(), {entry.type for entry in CONDITION_TYPES}
    names = ({entry.name for entry in REASONS} | {entry.name for entry in EVENTS}) - types
    # A cloud's failures are the values of an enum.
    text = "".join(path.read_text() for path in files()) + (SOURCE / "api/nodeclaim.py").read_text()
    assert [n for n in sorted(names) if n not in written and f'"{n}"' not in text] == []


def test_every_condition_type_of_the_wire_types_is_described_and_no_other() -> None:
    declared = {
        ("Workspace", value)
        for name, value in vars(workspace).items()
        if name.endswith(("_READY", "_STARTED", "_SUCCEEDED", "_DELETING"))
    }
    declared |= {("NodeClaim", type_) for type_ in nodeclaim.CONDITIONS}
    declared |= {("NodeClaim", "Drained"), ("NodeClaim", "InstanceTerminating")}
    declared |= {("ModelMirror", modelmirror.MIRROR_READY), ("ModelMirror", "StorageReady")}
    declared |= {("InferenceSet", inferenceset.INFERENCE_SET_READY)}
    declared |= {("RAGEngine", ragengine.SERVICE_READY)}
    declared |= {("RAGEngine", ragengine.RAGENGINE_SUCCEEDED)}
    declared |= {("MultiRoleInference", multirole.MULTIROLE_READY)}
    assert {(entry.kind, entry.type) for entry in CONDITION_TYPES} == declared


@pytest.mark.parametrize("found", REASONS, ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_every_failure_has_a_next_step_or_a_place_to_look(found: Reason) -> None:
    types = {one.type for one in CONDITION_TYPES if one.kind == found.kind}
    assert set(found.on) <= types
    assert found.on
    if not (found.good or found.waits or found.name == SUMMARY_ONLY):
        assert found.then or found.look, "a failure that nobody is told how to mend"


def test_one_name_is_described_once_a_kind() -> None:
    named = [(entry.kind, entry.name) for entry in REASONS]
    assert sorted(set(named)) == sorted(named)


def test_a_family_covers_the_reasons_that_begin_as_it_does() -> None:
    entry = find_reason("PodNodeLost")
    assert entry is not None
    assert entry.name == "Pod*"
    assert find_reason("PVCLost") is not None
    assert find_reason("Nonsense") is None


def test_waiting_and_failing_are_told_apart_by_the_table() -> None:
    assert {"FetchingWeights", "NodeNotReady", "Tuning"} <= WAITING
    assert {"InsufficientCapacity", "ModelUnavailable", "RolloutFailing"}.isdisjoint(WAITING)


def test_a_workspace_is_explained_with_the_table_s_next_step() -> None:
    ready = Condition(type="WorkspaceReady", status="False", reason="ModelMirrorElsewhere")
    found = explain_workspace(
        Workspace(
            metadata=ObjectMeta(name="w", namespace="ns"),
            status=WorkspaceStatus(conditions=(ready,)),
        )
    )
    assert found.look == "kubectl get modelmirrors"
    assert found.then == "make a mirror with jobNamespace: ns"
