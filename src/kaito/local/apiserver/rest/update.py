"""Update: read, change, check, replace, and again when somebody else was faster.

Everything that changes an existing object comes through here: PUT, the patches, server-side apply,
and the status and scale subresources. A change that changes nothing is not written, so repeating
oneself costs no revision and wakes no watcher.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import (
    content_equal,
    decode,
    desired_state,
    in_version,
    is_deleting,
    metadata,
    to_encoder,
    with_field,
    with_metadata,
)
from kaito.local.apiserver.options import WriteOptions
from kaito.local.apiserver.rest.create import Written
from kaito.local.apiserver.rest.shape import check, completed, identified, known
from kaito.local.apiserver.target import Target
from kaito.local.schema.ownership import track_update
from kaito.local.store.errors import Conflict, NotFound
from kaito.local.store.port import Change, Entry

_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A way to get from an object, in the version of the request, to the wanted one."""

    wanted: Callable[[Manifest], Manifest]
    duplicates: tuple[str, ...] = ()
    is_tracked: bool = False
    """Whether `wanted` already accounts for managedFields, as server-side apply does."""
    is_replacement: bool = False
    """Whether the client sent the whole object, as with PUT."""


async def update_object(core: Core, target: Target, edit: Edit, options: WriteOptions) -> Written:
    """Change one existing object."""
    for attempt in range(_TRIES):
        entry = await core.store.get(target.key)
        if entry is None:
            raise errors.not_found(target.subject)
        try:
            return await _attempt(core, target, edit, entry=entry, options=options)
        except NotFound as error:
            raise errors.not_found(target.subject) from error
        except Conflict as error:
            if attempt == _TRIES - 1:
                raise errors.conflict(target.subject) from error
    raise AssertionError("unreachable")


async def _attempt(
    core: Core, target: Target, edit: Edit, *, entry: Entry, options: WriteOptions
) -> Written:
    old = decode(in_version(entry.value, target.api_version))
    wanted = identified(target, edit.wanted(old))
    _check_expectations(target, wanted, old, edit)
    # What a tracked edit contains of the client's was looked at when it was made.
    how = "Ignore" if edit.is_tracked else options.validation
    shaped = known(core, target, wanted, duplicates=edit.duplicates, how=how)
    new = _merged(core, target, completed(core, target, shaped.manifest), old)
    if not edit.is_tracked:
        new = track_update(
            old=old,
            new=new,
            manager=options.manager,
            operation="Update",
            schema=core.schemas.of(target.served, target.version),
            time=core.clock.now(),
            api_version=target.api_version,
            subresource=target.subresource,
        )
    if content_equal(new, old):
        return Written(value=entry.value, warnings=shaped.warnings)
    check(core, target, new, old)
    encode = to_encoder({**new, "apiVersion": target.served.api_version()})
    if options.dry_run:
        return Written(value=encode(entry.revision), warnings=shaped.warnings)
    if is_finished(core, target, new):
        removed = await core.store.delete(target.key, encode, expected=entry.revision)
        core.stored(Change("DELETED", removed, entry))
        return Written(value=removed.value, warnings=shaped.warnings)
    stored = await core.store.update(target.key, encode, expected=entry.revision)
    core.stored(Change("MODIFIED", stored, entry))
    return Written(value=stored.value, warnings=shaped.warnings)


def is_finished(core: Core, target: Target, manifest: Manifest) -> bool:
    """Whether nothing holds a deleting object any more."""
    meta = metadata(manifest)
    if not is_deleting(manifest) or meta.get("finalizers"):
        return False
    if meta.get("deletionGracePeriodSeconds"):
        return False
    return not core.rules_of(target.served).holds(manifest)


def _check_expectations(target: Target, wanted: Manifest, old: Manifest, edit: Edit) -> None:
    given, actual = metadata(wanted), metadata(old)
    uid = given.get("uid")
    if uid and uid != actual.get("uid"):
        raise errors.conflict(
            target.subject,
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            f"{actual.get('uid')}",
        )
    version = given.get("resourceVersion")
    if version and version != actual.get("resourceVersion"):
        raise errors.conflict(target.subject)
    if not version and edit.is_replacement and target.served.is_custom:
        problem = "Invalid value: 0: must be specified for an update"
        raise errors.invalid(target.subject, [Cause("metadata.resourceVersion", problem)])


def _merged(core: Core, target: Target, wanted: Manifest, old: Manifest) -> Manifest:
    """What of the wanted object this endpoint may change, on top of the old one."""
    served = target.served
    if target.subresource == "status":
        # Status is written by controllers, which must not change what users say.
        new = with_field(old, "status", wanted.get("status"))
        new = with_metadata(new, managedFields=metadata(wanted).get("managedFields"))
        return core.rules_of(served).on_update(new, old)
    # Binding a pod is the one act that changes what is wanted and what is, in one write.
    if served.has_status(target.version) and target.subresource != "binding":
        wanted = with_field({**wanted, "status": None}, "status", old.get("status"))
    new = _with_old_identity(target, wanted, old)
    if target.subresource != "finalize":
        new = core.rules_of(served).on_update(new, old)
    counts = served.is_custom or served.counts_generations
    if counts and desired_state(new) != desired_state(old):
        new = with_metadata(new, generation=(metadata(old).get("generation") or 0) + 1)
    return new


def _with_old_identity(target: Target, wanted: Manifest, old: Manifest) -> Manifest:
    before, after = metadata(old), metadata(wanted)
    added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if is_deleting(old) and added:
        why = (
            "Forbidden: no new finalizers can be added if the object is being deleted, found new "
            f"finalizers {sorted(added)}"
        )
        raise errors.invalid(
            target.subject, [Cause("metadata.finalizers", why, "FieldValueForbidden")]
        )
    kept = (
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    )
    return with_metadata(wanted, selfLink=None, **{field: before.get(field) for field in kept})
