"""Admission as the API server calls it."""

from typing import Any

from kaito.app.admission import KaitoAdmission

GOOD: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "w"},
    "resource": {"labelSelector": {"matchLabels": {"apps": "w"}}},
    "inference": {"preset": {"name": "phi-4"}},
}


def admit(operation: str, new: Any, old: Any = None) -> list[str]:
    found = KaitoAdmission().admit(operation, "workspaces.kaito.sh", old=old, new=new)
    return [str(problem) for problem in found]


def test_a_good_workspace_passes_and_a_bad_one_is_told_where() -> None:
    assert admit("CREATE", GOOD) == []
    (problem,) = admit("CREATE", {**GOOD, "inference": {"preset": {"name": "nothing"}}})
    assert problem.startswith("inference.preset.name: ")


def test_deleting_is_always_admitted() -> None:
    assert admit("DELETE", None, {**GOOD, "inference": None}) == []


def test_other_kinds_are_none_of_its_business() -> None:
    assert KaitoAdmission().admit("CREATE", "configmaps", old=None, new={"data": 1}) == ()


def test_wrong_types_are_a_problem_and_not_an_error() -> None:
    assert admit("CREATE", {**GOOD, "resource": {"labelSelector": 3}})
