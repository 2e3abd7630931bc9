"""Patch: the four patch types, each turned into an edit of the object."""

from collections.abc import Callable
from typing import Any

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.bodies import APPLY, Body
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.objects import metadata
from kaito.local.apiserver.options import WriteOptions
from kaito.local.apiserver.rest.create import Written, begun, insert
from kaito.local.apiserver.rest.shape import Shaped, completed, identified, known
from kaito.local.apiserver.rest.update import Edit, update_object
from kaito.local.apiserver.target import Target
from kaito.local.schema.ownership import ApplyConflict, apply_ssa
from kaito.local.schema.patches import (
    PatchConflict,
    PatchError,
    apply_json_patch,
    apply_merge_patch,
    apply_strategic_merge_patch,
)

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


def patch_types(target: Target) -> tuple[str, ...]:
    """The media types that a resource can be patched with."""
    if target.served.is_custom:
        # A custom resource's lists have no merge keys that the strategic kind could use.
        return (JSON_PATCH, MERGE_PATCH, APPLY)
    return (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY)


async def patch_object(
    core: Core, target: Target, body: Body, *, media_type: str, options: WriteOptions
) -> Written:
    """Patch one object; server-side apply creates it where there is none."""
    if media_type not in patch_types(target):
        raise errors.unsupported_media_type(media_type, patch_types(target))
    if media_type == APPLY:
        return await _apply(core, target, body, options)
    edit = Edit(wanted=merging(core, target, body.value, media_type), duplicates=body.duplicates)
    return await update_object(core, target, edit, options)


def merging(
    core: Core, target: Target, patch: Any, media_type: str
) -> Callable[[Manifest], Manifest]:
    """The function from a live object to the patched one."""
    if media_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise errors.bad_request("a JSON patch is a list of operations")
    elif not isinstance(patch, dict):
        raise errors.bad_request("a merge patch is a JSON object")

    def wanted(live: Manifest) -> Manifest:
        try:
            if media_type == JSON_PATCH:
                return apply_json_patch(live, patch)
            if media_type == MERGE_PATCH:
                return apply_merge_patch(live, patch)
            schema = core.schemas.of(target.served, target.version)
            return apply_strategic_merge_patch(live, patch, schema)
        except PatchError as error:
            raise _refused(error) from error

    return wanted


def _refused(error: PatchError) -> errors.StatusError:
    """422 for a patch that does not fit the object, 400 for one that is no patch at all.

    Without details: kubectl prints the causes instead of the message where there are details.
    """
    if isinstance(error, PatchConflict):
        return errors.StatusError(422, "Invalid", str(error))
    return errors.bad_request(str(error))


async def _apply(core: Core, target: Target, body: Body, options: WriteOptions) -> Written:
    sent = body.to_object()
    _check_apply(sent, options)
    if not target.subresource and target.served.has_status(target.version):
        sent = {key: value for key, value in sent.items() if key != "status"}
    # Unknown fields are judged in what was sent: the live object is none of this client's doing.
    shaped = known(
        core,
        target,
        identified(target, sent),
        duplicates=body.duplicates,
        how=options.validation,
    )
    if await core.store.get(target.key) is None:
        try:
            return await _create_applied(core, target, shaped, options)
        except errors.StatusError as error:
            if error.reason != "AlreadyExists":
                raise
    edit = Edit(
        wanted=lambda live: _owned(core, target, shaped.manifest, live=live, options=options),
        is_tracked=True,
    )
    written = await update_object(core, target, edit, options)
    return Written(value=written.value, warnings=shaped.warnings)


async def _create_applied(
    core: Core, target: Target, shaped: Shaped, options: WriteOptions
) -> Written:
    if target.subresource:
        raise errors.not_found(target.subject)
    owned = _owned(core, target, shaped.manifest, live=None, options=options)
    new = begun(core, target, completed(core, target, owned))
    return await insert(core, target, Shaped(new, shaped.warnings), options=options)


def _owned(
    core: Core, target: Target, applied: Manifest, *, live: Manifest | None, options: WriteOptions
) -> Manifest:
    try:
        return apply_ssa(
            live=live,
            applied=applied,
            manager=options.manager,
            schema=core.schemas.of(target.served, target.version),
            force=options.force,
            operation_time=core.clock.now(),
            api_version=target.api_version,
            subresource=target.subresource,
        ).manifest
    except ApplyConflict as error:
        raise errors.apply_conflict(str(error), [c.cause for c in error.conflicts]) from error
    except PatchError as error:
        raise _refused(error) from error


def _check_apply(sent: Manifest, options: WriteOptions) -> None:
    if metadata(sent).get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    for field in ("apiVersion", "kind"):
        if not sent.get(field):
            raise errors.bad_request(f"server-side apply needs {field} in the object")
    if options.manager in {"", "unknown"}:
        raise errors.bad_request("fieldManager: Required value: is required for apply patch")
