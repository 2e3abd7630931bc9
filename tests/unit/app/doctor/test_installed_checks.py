"""What the doctor says of an installation of kaito."""

from typing import Any

import pytest
from tests.unit.app.doctor.cases import (
    cluster,
    crd,
    deployment,
    lease,
    only,
    ours,
    registration,
    states,
)

from kaito.api.crd.inferenceset import INFERENCESET
from kaito.api.crd.workspace import WORKSPACE
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.installed_checks import (
    check_kinds,
    check_operator,
    check_watched,
    check_webhook,
)

OLD = WORKSPACE.to_manifest()
for _version in OLD["spec"]["versions"]:
    del _version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["plan"]


def test_an_installation_of_this_release_is_fine() -> None:
    facts = cluster()
    found = (*check_kinds(facts), *check_operator(facts), check_webhook(facts, is_answered=True))
    assert {finding.state for finding in found} == {"ok"}


@pytest.mark.parametrize(
    ("name", "installed", "state", "said"),
    [
        (WORKSPACE.name, None, "missing", "no CRD workspaces.kaito.sh"),
        (WORKSPACE.name, crd(OLD), "missing", "lacks status.plan"),
        (WORKSPACE.name, crd(WORKSPACE.to_manifest(), established=False), "missing", "not served"),
        (INFERENCESET.name, None, "warning", "no CRD inferencesets.kaito.sh"),
    ],
)
def test_a_kind_that_differs_is_named(name: str, installed: Any, state: str, said: str) -> None:
    facts = cluster(definitions={**ours(), name: installed})
    (found,) = (f for f in check_kinds(facts) if f.state != "ok")
    assert (found.state, said in found.what) == (state, True)
    assert found.next.startswith("kubectl ")


def test_whoever_may_not_read_schemas_learns_whether_the_kinds_are_served() -> None:
    unread = {name: Unseen("not permitted to get it") for name in ours()}
    (served,) = check_kinds(cluster(definitions=unread))
    assert (served.state, "not permitted" in served.what) == ("unknown", True)
    (absent,) = check_kinds(cluster(definitions=unread, groups=frozenset({"apps"})))
    assert (absent.state, "does not serve kaito.sh" in absent.what) == ("missing", True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"deployments": (), "leases": ()}, {"operator": "missing"}),
        ({"deployments": ()}, {"leader": "ok"}),
        ({"deployments": (deployment(ready=0),)}, {"operator": "missing", "leader": "ok"}),
        ({"leases": (lease(age=600),)}, {"operator": "ok", "leader": "missing"}),
        ({"leases": ()}, {"operator": "ok", "leader": "warning"}),
        ({"leases": (lease(name="other"),)}, {"operator": "ok", "leader": "warning"}),
        ({"leases": (lease(holder=""),)}, {"operator": "ok", "leader": "warning"}),
        ({"leases": (lease(age=-3),)}, {"operator": "ok", "leader": "ok"}),
        ({"leases": (lease(age=600), lease(name="kaito-operator-a"))}, {"leader": "ok"}),
        ({"leases": Unseen("denied")}, {"operator": "ok", "leader": "unknown"}),
        ({"deployments": Unseen("denied")}, {"operator": "unknown", "leader": "ok"}),
        (
            {"deployments": (deployment(), deployment(name="second"))},
            {"operators": "warning", "leader": "ok"},
        ),
        (
            {"deployments": (deployment("mcr.microsoft.com/aks/kaito/workspace:0.12.1"),)},
            {"operator": "warning"},
        ),
        (
            {"deployments": (deployment("x/kaito-operator:1", "--node-provisioner=gce"),)},
            {"operator": "missing"},
        ),
    ],
)
def test_whether_an_operator_works(change: dict[str, Any], expected: dict[str, str]) -> None:
    found = states(check_operator(cluster(**change)))
    assert {check: found.get(check) for check in expected} == expected


@pytest.mark.parametrize(
    ("namespaces", "crowd"),
    [(("a", "b"), ""), (("a", "b", "a"), "0, 2"), (("a", ""), "0, 1"), (("", ""), "0, 1")],
)
def test_operators_are_in_each_others_way_only_in_one_namespace(
    namespaces: tuple[str, ...], crowd: str
) -> None:
    image = "x/kaito-operator:1"
    found = tuple(
        deployment(image, f"--namespace={namespace}", name=str(number))
        for number, namespace in enumerate(namespaces)
    )
    warnings = only(check_operator(cluster(deployments=found)), "warning")
    said = ", ".join(f"kaito-workspace/{number}" for number in crowd.split(", ") if number)
    wanted = [f"several look after the same kinds: {said}"] if crowd else []
    assert [finding.what for finding in warnings if finding.check == "operators"] == wanted


def test_a_namespace_that_no_operator_looks_after_is_named() -> None:
    limited = deployment("x/kaito-operator:1", "--namespace=team-a")
    facts = cluster(deployments=(limited,))
    assert tuple(check_watched(facts, "team-a")) == ()
    (found,) = check_watched(facts, "team-b")
    assert (found.state, found.what) == (
        "missing",
        "none looks after namespace team-b; kaito-workspace/kaito is limited to team-a",
    )
    for deployments in ((), Unseen("denied"), (limited, deployment(name="second"))):
        assert tuple(check_watched(cluster(deployments=deployments), "team-b")) == ()


def test_nobody_is_told_to_uninstall_the_original_with_all_its_workspaces() -> None:
    original = deployment("mcr.microsoft.com/aks/kaito/workspace:0.12.1")
    (found,) = check_operator(cluster(deployments=(original,)))
    assert "coming-from-kaito.md" in found.next
    assert "helm uninstall" not in found.next


@pytest.mark.parametrize(
    ("hooks", "is_answered", "state"),
    [
        ((registration(),), True, "ok"),
        ((registration(),), False, "ok"),
        ((registration(bundle=""),), True, "warning"),
        ((registration(policy="Fail"),), True, "ok"),
        ((registration(policy="Fail"),), False, "missing"),
        ((registration(bundle="", policy="Fail"),), True, "missing"),
        ((), True, "warning"),
        (Unseen("not permitted"), True, "unknown"),
    ],
)
def test_a_webhook_blocks_only_where_it_must_answer_and_cannot(
    hooks: Any, is_answered: bool, state: str
) -> None:
    assert check_webhook(cluster(hooks=hooks), is_answered=is_answered).state == state


def test_what_blocks_has_a_next_step() -> None:
    facts = cluster(deployments=(), leases=(), definitions={})
    found = only((*check_kinds(facts), *check_operator(facts)), "missing")
    assert found
    assert all(finding.next for finding in found)
