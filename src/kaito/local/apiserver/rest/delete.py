"""Delete: at once where nothing holds an object, else by marking it.

What may hold it: finalizers (among them those that a propagation policy adds for the garbage
collector), a pod's grace period, a namespace's contents. Who removes the last hold, through an
update or another delete, makes the object go.
"""

from dataclasses import replace
from datetime import timedelta

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.local.apiserver import errors
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.objects import (
    decode,
    in_version,
    is_deleting,
    metadata,
    to_encoder,
    with_metadata,
)
from kaito.local.apiserver.options import DeleteOptions, ListOptions
from kaito.local.apiserver.rest.create import Written
from kaito.local.apiserver.rest.read import select
from kaito.local.apiserver.rest.shape import ask_admission
from kaito.local.apiserver.rest.update import is_finished
from kaito.local.apiserver.target import Target
from kaito.local.store.errors import Conflict, NotFound
from kaito.local.store.port import Change, Entry

_TRIES = 12
_COLLECTOR_FINALIZERS = frozenset({labels.FOREGROUND_FINALIZER, labels.ORPHAN_FINALIZER})


async def delete_object(core: Core, target: Target, options: DeleteOptions) -> Written | Manifest:
    """Delete one object: the `Status` of a finished deletion, or the object that still goes."""
    for _ in range(_TRIES):
        entry = await core.store.get(target.key)
        if entry is None:
            raise errors.not_found(target.subject)
        try:
            return await _attempt(core, target, entry, options)
        except NotFound as error:
            raise errors.not_found(target.subject) from error
        except Conflict:
            continue
    raise errors.conflict(target.subject)


async def delete_collection(
    core: Core, target: Target, chosen: ListOptions, options: DeleteOptions
) -> tuple[bytes, ...]:
    """Delete every object that matches; their last values."""
    page = await select(core, target, chosen)
    for entry in page.entries:
        one = target.named(entry.key.name, entry.key.namespace)
        try:
            await delete_object(core, one, options)
        except errors.StatusError as error:
            if error.code != 404:
                raise
    return tuple(in_version(entry.value, target.api_version) for entry in page.entries)


async def _attempt(
    core: Core, target: Target, entry: Entry, options: DeleteOptions
) -> Written | Manifest:
    old = decode(in_version(entry.value, target.api_version))
    _check_preconditions(target, old, options)
    if problem := core.rules_of(target.served).deletion_problem(old):
        raise errors.forbidden(target.subject, problem)
    ask_admission(core, target, "DELETE", old=old, new=None)
    options = replace(options, grace_seconds=core.rules_of(target.served).grace(old, options))
    new = _marked(core, target, old, options)
    done = is_finished(core, target, new)
    encode = to_encoder({**new, "apiVersion": target.served.api_version()})
    if options.dry_run:
        return _gone(target, old) if done else Written(value=encode(entry.revision))
    if done:
        # What nothing held goes as it was: it never was in the state of being deleted.
        last = to_encoder({**old, "apiVersion": target.served.api_version()})
        removed = await core.store.delete(target.key, last, expected=entry.revision)
        core.stored(Change("DELETED", removed, entry))
        return _gone(target, old)
    if new == old:
        return Written(value=entry.value)
    stored = await core.store.update(target.key, encode, expected=entry.revision)
    return Written(value=stored.value)


def _check_preconditions(target: Target, old: Manifest, options: DeleteOptions) -> None:
    uid, version = metadata(old).get("uid"), metadata(old).get("resourceVersion")
    if options.uid and options.uid != uid:
        raise errors.conflict(
            target.subject,
            f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {uid}",
        )
    if options.resource_version and options.resource_version != version:
        raise errors.conflict(
            target.subject,
            f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
            f"ResourceVersion in object meta: {version}",
        )


def _marked(core: Core, target: Target, old: Manifest, options: DeleteOptions) -> Manifest:
    finalizers = _finalizers(old, options)
    grace = options.grace_seconds or 0
    if not is_deleting(old):
        moment = core.clock.now() + timedelta(seconds=grace)
        generation = metadata(old).get("generation")
        marked = with_metadata(
            old,
            finalizers=finalizers or None,
            deletionTimestamp=to_rfc3339(moment),
            deletionGracePeriodSeconds=grace,
            generation=generation + 1 if generation else None,
        )
        return core.rules_of(target.served).on_deletion(marked)
    marked = with_metadata(old, finalizers=finalizers or None)
    if grace < (metadata(old).get("deletionGracePeriodSeconds") or 0):
        # A grace period may only shrink: whoever wants the pod gone sooner wins.
        sooner = to_rfc3339(core.clock.now() + timedelta(seconds=grace))
        return with_metadata(marked, deletionTimestamp=sooner, deletionGracePeriodSeconds=grace)
    return marked


def _finalizers(old: Manifest, options: DeleteOptions) -> list[str]:
    current: list[str] = metadata(old).get("finalizers") or []
    if options.propagation is None:
        return current
    kept = [f for f in current if f not in _COLLECTOR_FINALIZERS]
    match options.propagation:
        case "Foreground":
            return [*kept, labels.FOREGROUND_FINALIZER]
        case "Orphan":
            return [*kept, labels.ORPHAN_FINALIZER]
        case "Background":
            return kept


def _gone(target: Target, old: Manifest) -> Manifest:
    served = target.served
    details = {
        "name": target.name,
        "group": served.group,
        "kind": served.plural,
        "uid": metadata(old).get("uid", ""),
    }
    return errors.success(details={key: value for key, value in details.items() if value})
