"""Failures in the words and codes that clients know."""

from kaito.local.apiserver import errors
from kaito.local.apiserver.errors import Cause, Subject

POD = Subject("", "pods", "p", "Pod")
WIDGET = Subject("example.com", "widgets", "w", "Widget")


def test_one_problem_stands_alone_and_several_in_brackets() -> None:
    one = errors.invalid(WIDGET, [Cause("size", "Required value", "FieldValueRequired")])
    assert str(one) == 'Widget.example.com "w" is invalid: size: Required value'
    two = errors.invalid(POD, [Cause("a", "x"), Cause("b", "y")])
    assert str(two) == 'Pod "p" is invalid: [a: x, b: y]'


def test_a_status_carries_details_and_causes() -> None:
    status = errors.invalid(WIDGET, [Cause("size", "Required value", "FieldValueRequired")])
    assert status.to_status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Widget.example.com "w" is invalid: size: Required value',
        "reason": "Invalid",
        "code": 422,
        "details": {
            "name": "w",
            "group": "example.com",
            "kind": "Widget",
            "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "size"}
            ],
        },
    }


def test_names_are_qualified_by_their_group() -> None:
    assert str(errors.not_found(POD)) == 'pods "p" not found'
    assert str(errors.already_exists(WIDGET)) == 'widgets.example.com "w" already exists'
    assert str(errors.forbidden(POD, "no")) == 'pods "p" is forbidden: no'


def test_who_should_come_back_is_told_when() -> None:
    assert errors.unavailable("stopping").retry_after == 1
    assert errors.too_many_requests("later", retry_after=7).retry_after == 7
    assert errors.not_found(POD).retry_after == 0
