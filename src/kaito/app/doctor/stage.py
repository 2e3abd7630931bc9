"""On which stage a Workspace is rehearsed: whose settings, whose rules, what stands there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kaito.api.field_error import FieldError
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import Workspace
from kaito.app.admission import CATALOGUE, ONE_MACHINE
from kaito.app.doctor.cluster_facts import ClusterFacts, WorkspaceFacts
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.machine_facts import MachineFacts
from kaito.app.doctor.node_checks import cloud_of
from kaito.app.operator.admission import operator_surroundings
from kaito.app.operator.controllers import make_controllers
from kaito.app.operator.options import OperatorOptions
from kaito.app.state import StateFolder
from kaito.app.workspaces import workspace_controller
from kaito.base.errors import KaitoError
from kaito.catalog.lookup import find_preset
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import FixedReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where Workspaces would run."""

    settings: WorkspaceSettings
    rules: Surroundings
    now: datetime
    machine: MachineFacts | None = None
    """Set where models run on this machine."""
    cluster: ClusterFacts | None = None
    cloud: str = ""
    has_operator: bool = True
    can_make: bool = True
    """Whether nodes can be asked for."""


def on_this_machine(state: StateFolder, machine: MachineFacts, now: datetime) -> Stage:
    """As the plane would run them."""
    at_hand = frozenset(name for name, _ in machine.weights)

    def has_weights(name: str) -> bool:
        preset = find_preset(name)
        return preset is not None and preset.name in at_hand

    return Stage(
        settings=workspace_controller(state, machine.machine).settings,
        # As the plane's own admission has them, plan and all: it would refuse what they refuse.
        rules=replace(ONE_MACHINE, has_weights=has_weights),
        now=now,
        machine=machine,
    )


def out_of_reach(now: datetime) -> Stage:
    """In a cluster of which nothing is known."""
    return Stage(
        settings=_settings(OperatorOptions()), rules=replace(CATALOGUE, check_plan=None), now=now
    )


def in_cluster(cluster: ClusterFacts, options: OperatorOptions | None) -> Stage:
    """As the operator would run them; without one, as one with default settings would."""
    chosen = options or _usual(cluster)
    rules = replace(
        # Plans and ConfigMaps have checks of their own, with more to say.
        operator_surroundings(chosen, FixedReader()) if options else CATALOGUE,
        check_plan=None,
        find_config=None,
    )
    return Stage(
        settings=_settings(chosen),
        rules=rules,
        now=cluster.now,
        cluster=cluster,
        cloud=cloud_of(cluster, options),
        has_operator=options is not None,
        can_make=_serves_claims(cluster),
    )


def rules_for(stage: Stage, facts: WorkspaceFacts) -> Surroundings:
    """The stage's rules with the ConfigMap that the Workspace names."""
    config = facts.config
    if config is None or isinstance(config, Unseen):
        return stage.rules
    data = config.data

    def find(namespace: str, name: str) -> Mapping[str, str]:
        del namespace, name
        return data

    return replace(stage.rules, find_config=find)


def _usual(cluster: ClusterFacts) -> OperatorOptions:
    if not _serves_claims(cluster):
        return OperatorOptions(provisioner="byo")
    return OperatorOptions(cloud=cloud_of(cluster, None) or OperatorOptions().cloud)


def _serves_claims(cluster: ClusterFacts) -> bool:
    return cluster.definitions.get(str(NODECLAIMS)) is not None


def _settings(options: OperatorOptions) -> WorkspaceSettings:
    """Those of the controller; where its nodes cannot be made, of one that uses what is there."""
    try:
        made = make_controllers(options, _Nobody())
    except KaitoError:
        made = make_controllers(replace(options, provisioner="byo"), _Nobody())
    found = next(one.settings for one in made if isinstance(one, WorkspaceController))
    # The manifest is judged before it is rehearsed, and where no operator is, by fewer rules.
    return replace(found, judge=_no_rules)


def _no_rules(workspace: Workspace) -> tuple[FieldError, ...]:
    del workspace
    return ()


class _Nobody:
    """Sweepers ask for identities; here they are made and never run."""

    async def uid_of(self, resource: Resource[Any], key: Key) -> str:
        """There is no such object."""
        del resource, key
        return ""
