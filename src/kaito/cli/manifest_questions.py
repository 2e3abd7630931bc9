"""What `kaito plan -f` is asked: the Workspaces of files, with the ConfigMaps beside them.

A Workspace that admission would refuse is refused here in the same words; one that has nothing to
plan (its own pod template) is said and passed over. One that tunes is answered at once.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kaito.api import labels
from kaito.api.kinds import find_kind
from kaito.api.runtime import CONFIG_KEY
from kaito.api.validation.config_files import known_config
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import DEFAULT_INSTANCE_TYPE, Workspace
from kaito.base.errors import KaitoError
from kaito.cli.demands import merge_demands, read_demand
from kaito.cli.manifests import Document, read_documents
from kaito.cli.nearby import surroundings_of
from kaito.cli.output import note
from kaito.cli.questions import Question, find_cloud, find_instance, find_model
from kaito.cli.tuning_answers import TuningAnswer, answer_tuning
from kaito.planner.demand import demand_of
from kaito.planner.plan import Demand, PlanRequest
from kaito.render.adapters import mounts_for, planned_slots


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuestions:
    """What the files ask."""

    serving: tuple[Question, ...]
    tuning: tuple[TuningAnswer, ...]
    """Answered: a job has one machine, and nothing is ranked."""


def questions_in_files(arguments: argparse.Namespace) -> FileQuestions:
    """A question for each Workspace with a preset; `KaitoError` for the first that is wrong."""
    documents = read_documents(arguments.filename, recursive=arguments.recursive)
    # Whether it fits is the question itself, and is answered with its arithmetic.
    around = replace(surroundings_of(documents), check_plan=None)
    found = tuple(_questions(documents, around, arguments))
    serving = tuple(one for one in found if isinstance(one, Question))
    tuning = tuple(one for one in found if isinstance(one, TuningAnswer))
    if not found:
        files = ", ".join(arguments.filename)
        raise KaitoError(
            f"there is no Workspace to plan in {files}", hint="it needs inference.preset.name"
        )
    return FileQuestions(serving=serving, tuning=tuning)


def _questions(
    documents: Sequence[Document], around: Surroundings, arguments: argparse.Namespace
) -> Iterator[Question | TuningAnswer]:
    asked, instance = read_demand(arguments), arguments.instance_type
    for document in documents:
        workspace = _workspace(document, around)
        if workspace is None:
            continue
        where = f"{document.where}: workspace {document.name!r}"
        machine = find_instance(instance or _instance_type(document, workspace))
        if workspace.tuning is not None:
            state = arguments.state_dir
            yield answer_tuning(workspace, around, where=where, instance=machine, state_dir=state)
            continue
        if workspace.inference is None or workspace.inference.preset is None:
            note(f"{where} has no inference.preset and was not planned")
            continue
        preset, facts = find_model(workspace.preset_name, arguments.state_dir)
        request = PlanRequest(
            preset=preset,
            facts=facts,
            instance=machine,
            demand=merge_demands(_demand(workspace, around, where), asked),
        )
        yield Question(request=request, cloud=find_cloud(arguments.cloud), where=where)


def _workspace(document: Document, around: Surroundings) -> Workspace | None:
    """The Workspace of a document, None for another kind; `KaitoError` with its first fault."""
    group = document.manifest["apiVersion"].partition("/")[0]
    kind = find_kind(group, document.manifest["kind"])
    if kind is None or kind.resource.kind != "Workspace":
        return None
    manifest = without_nulls(document.manifest)
    faults = kind.check(manifest, None, around)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise KaitoError(
            f"{document.where}: workspace {document.name!r}: {faults[0]}{more}",
            hint="`kaito validate -f` with the same files lists every fault",
        )
    return msgspec.convert(manifest, Workspace)


def without_nulls(value: Any) -> Any:
    """The same document; a null is a field left out, as it is for an API server."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _instance_type(document: Document, workspace: Workspace) -> str:
    """As written, or what an API server would fill in for the old version."""
    written = workspace.resource.instance_type if workspace.resource else ""
    is_old = document.manifest["apiVersion"].endswith("/v1alpha1")
    return written or (DEFAULT_INSTANCE_TYPE if is_old else "")


def _demand(workspace: Workspace, around: Surroundings, where: str) -> Demand:
    """What the Workspace's annotation and its ConfigMap ask for."""
    name = workspace.inference.config if workspace.inference else ""
    namespace = workspace.metadata.namespace or "default"
    if name and around.find_config and around.find_config(namespace, name) is None:
        note(f"{where}: ConfigMap {name!r} is not in these files; planned without it")
    options = known_config(workspace, around).vllm
    try:
        runtime = workspace.metadata.annotations.get(labels.RUNTIME, "")
        slots = planned_slots(workspace, mounts_for(workspace))
        return demand_of(runtime, options, adapters=slots)
    except ValueError as error:
        raise KaitoError(f"{where}: {CONFIG_KEY}: {error}") from error
