"""Query parameters and `DeleteOptions`, parsed once at the edge.

https://kubernetes.io/docs/reference/using-api/api-concepts/. A parameter that Kubernetes does not
know is ignored, as there; a bad value is a 400.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from kaito.api.selectors import Selector, parse_field_selector, parse_label_selector
from kaito.local.apiserver import errors

Validation = Literal["Strict", "Warn", "Ignore"]
Propagation = Literal["Background", "Foreground", "Orphan"]
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How to write: who does, how strictly fields are looked at, whether for real."""

    dry_run: bool = False
    manager: str = "unknown"
    validation: Validation = "Warn"
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How to delete. `grace_seconds` is None where the object's own applies."""

    dry_run: bool = False
    grace_seconds: int | None = None
    propagation: Propagation | None = None
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Which objects, and at which revision."""

    labels: Selector = ()
    fields: tuple[tuple[str, str, bool], ...] = ()
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool = False
    timeout_seconds: int | None = None

    @property
    def is_selective(self) -> bool:
        """Whether some objects may be left out."""
        return bool(self.labels or self.fields)


def parse_write_options(query: Query, user_agent: str) -> WriteOptions:
    """The options of a create, update or patch."""
    validation = query.get("fieldValidation") or "Warn"
    if validation not in get_args(Validation):
        raise errors.bad_request(
            f"fieldValidation: Unsupported value: {validation!r}: "
            'supported values: "Ignore", "Strict", "Warn"'
        )
    manager = query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
    if len(manager) > 128:
        raise errors.bad_request("fieldManager: Invalid value: may not be more than 128 bytes")
    return WriteOptions(
        dry_run=_dry_run(query.get("dryRun", "")),
        manager=manager,
        validation=cast("Validation", validation),
        force=_boolean(query, "force"),
    )


def parse_delete_options(query: Query, body: Mapping[str, Any]) -> DeleteOptions:
    """The options of a deletion; the body's win over the query's, as in kube-apiserver."""
    known = {**dict(query), **body}
    propagation = known.get("propagationPolicy") or None
    if known.get("orphanDependents") in {True, "true"}:
        propagation = "Orphan"
    if propagation not in {None, *get_args(Propagation)}:
        raise errors.bad_request(f"propagationPolicy: Unsupported value: {propagation!r}")
    dry_run = known.get("dryRun") or ""
    grace = known.get("gracePeriodSeconds")
    conditions = known.get("preconditions") or {}
    return DeleteOptions(
        dry_run=_dry_run(dry_run if isinstance(dry_run, str) else ",".join(dry_run)),
        grace_seconds=None if grace in {None, ""} else _integer("gracePeriodSeconds", grace),
        propagation=propagation,
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
    )


def parse_list_options(query: Query) -> ListOptions:
    """The options of a list, a watch or a deletecollection."""
    timeout = query.get("timeoutSeconds", "")
    options = ListOptions(
        labels=_selector(parse_label_selector, query.get("labelSelector", "")),
        fields=_selector(parse_field_selector, query.get("fieldSelector", "")),
        limit=_integer("limit", query.get("limit") or 0),
        continue_token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=_boolean(query, "watch"),
        bookmarks=_boolean(query, "allowWatchBookmarks"),
        initial_events=_boolean(query, "sendInitialEvents"),
        timeout_seconds=_integer("timeoutSeconds", timeout) if timeout else None,
    )
    _check_versions(options)
    return options


def _check_versions(options: ListOptions) -> None:
    if options.match not in {"", "Exact", "NotOlderThan"}:
        raise errors.bad_request(f"resourceVersionMatch: Unsupported value: {options.match!r}")
    if options.match and not options.resource_version and not options.watch:
        raise errors.bad_request(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless "
            "resourceVersion is provided"
        )
    if options.resource_version and not options.resource_version.isdigit():
        raise errors.bad_request(
            f"resourceVersion: Invalid value: {options.resource_version!r}: must be a number"
        )
    if options.initial_events and options.match != "NotOlderThan":
        raise errors.bad_request(
            "sendInitialEvents: Forbidden: sendInitialEvents requires setting "
            "resourceVersionMatch to NotOlderThan"
        )


def _selector(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise errors.bad_request(str(error)) from error


def _boolean(query: Query, name: str) -> bool:
    value = query.get(name, "").lower()
    if value in {"", "0", "f", "false"}:
        # `?watch` without a value means yes, as Go's conversion of an empty string has it.
        return name in query and value == ""
    return True


def _integer(name: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if number < 0:
        raise errors.bad_request(f"{name}: Invalid value: {value!r}: must be a number from 0 up")
    return number


def _dry_run(value: str) -> bool:
    if value not in {"", "All"}:
        raise errors.bad_request(f'dryRun: Unsupported value: {value!r}: supported values: "All"')
    return value == "All"
