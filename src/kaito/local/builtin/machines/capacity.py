"""Which claims this machine's memory is enough for, with the arithmetic for those it is not."""

from collections.abc import Mapping
from dataclasses import dataclass

from kaito.api import labels
from kaito.api.nodeclaim import NodeClaim
from kaito.base.quantity import format_gib, parse_bytes
from kaito.local.builtin.machines.observed import MachineFacts, Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """By claim uid: who may have a node, and why the others may not."""

    granted: frozenset[str]
    refusals: Mapping[str, str]


def memory_of(claim: NodeClaim) -> int:
    """The bytes that a claim reserves; none when it does not say."""
    return parse_bytes(claim.spec.resources.requests.get("memory", 0))


def plan_grants(observed: Observed, machine: MachineFacts) -> Grants:
    """Who has a node keeps it; then the oldest claim that fits comes first.

    A claim that is going away holds its memory until its node is gone.
    """
    holders = [claim for claim in observed.claims if _holds(observed, claim)]
    granted = {claim.metadata.uid for claim in holders}
    refusals: dict[str, str] = {}
    for claim in sorted(observed.claims, key=_age):
        if claim.metadata.uid in granted or claim.metadata.is_deleting:
            continue
        held = sum(memory_of(holder) for holder in holders)
        if held + memory_of(claim) <= machine.allocatable_memory_bytes:
            holders.append(claim)
            granted.add(claim.metadata.uid)
        else:
            refusals[claim.metadata.uid] = _explain(claim, holders, machine)
    return Grants(granted=frozenset(granted), refusals=refusals)


def _holds(observed: Observed, claim: NodeClaim) -> bool:
    if claim.metadata.name in observed.nodes:
        return True
    return claim.metadata.uid in observed.assumed and not claim.metadata.is_deleting


def _explain(claim: NodeClaim, holders: list[NodeClaim], machine: MachineFacts) -> str:
    asked, whole = memory_of(claim), machine.allocatable_memory_bytes
    offer = f"{format_gib(asked)} asked, machine {machine.name} has {format_gib(whole)} allocatable"
    if asked > whole:
        return f"{offer}: choose a smaller model or a larger machine"
    held = sum(memory_of(holder) for holder in holders)
    who = ", ".join(f"{_name(h)} {format_gib(memory_of(h))}" for h in holders if memory_of(h))
    left = format_gib(whole - held)
    return f"{offer}, {format_gib(held)} held ({who}), {left} left: delete one of them to make room"


def _name(claim: NodeClaim) -> str:
    """The workspace behind a claim, as people know it, else the claim."""
    name = claim.metadata.labels.get(labels.WORKSPACE, "")
    namespace = claim.metadata.labels.get(labels.WORKSPACE_NAMESPACE, "")
    return f"{namespace}/{name}" if name else claim.metadata.name


def _age(claim: NodeClaim) -> tuple[float, str]:
    created = claim.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, claim.metadata.name)
