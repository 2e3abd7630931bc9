"""Create: a new object under a new uid."""

from dataclasses import dataclass

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.bodies import Body
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import metadata, to_encoder, with_field, with_metadata
from kaito.local.apiserver.options import WriteOptions
from kaito.local.apiserver.rest.shape import Shaped, check, completed, identified, known
from kaito.local.apiserver.target import Target
from kaito.local.schema.ownership import track_update
from kaito.local.store.errors import AlreadyExists
from kaito.local.store.port import Change, StoreKey

_NAME_TRIES = 8
_LONGEST_PREFIX = 58


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write came to: the stored value, or with dry-run what it would have been."""

    value: bytes
    created: bool = False
    warnings: tuple[str, ...] = ()


async def create_object(core: Core, target: Target, body: Body, options: WriteOptions) -> Written:
    """Create the object in the body."""
    manifest = identified(target, body.to_object())
    if metadata(manifest).get("resourceVersion"):
        raise errors.bad_request("resourceVersion should not be set on objects to be created")
    shaped = known(core, target, manifest, duplicates=body.duplicates, how=options.validation)
    tracked = track_update(
        old=None,
        new=begun(core, target, completed(core, target, shaped.manifest)),
        manager=options.manager,
        operation="Update",
        schema=core.schemas.of(target.served, target.version),
        time=core.clock.now(),
        api_version=target.api_version,
    )
    return await insert(core, target, Shaped(tracked, shaped.warnings), options=options)


async def insert(core: Core, target: Target, shaped: Shaped, *, options: WriteOptions) -> Written:
    """Store a shaped new object; with `generateName`, under the first free name."""
    prefix = metadata(shaped.manifest).get("generateName")
    if metadata(shaped.manifest).get("name") or not prefix:
        return await _insert_named(core, target, shaped, options)
    for _ in range(_NAME_TRIES - 1):
        try:
            return await _insert_named(core, target, _generated(core, shaped, prefix), options)
        except errors.StatusError as error:
            if error.reason != "AlreadyExists":
                raise
    return await _insert_named(core, target, _generated(core, shaped, prefix), options)


def begun(core: Core, target: Target, manifest: Manifest) -> Manifest:
    """The object at the start of its life: identity of its own, no status that it did not earn."""
    served = target.served
    counts = served.is_custom or served.counts_generations
    new = with_metadata(
        manifest,
        uid=core.ids.uid(),
        creationTimestamp=core.now(),
        generation=1 if counts else None,
        deletionTimestamp=None,
        deletionGracePeriodSeconds=None,
        managedFields=metadata(manifest).get("managedFields"),
        selfLink=None,
    )
    keeps = core.rules_of(served).keeps_status_on_create or not served.has_status(target.version)
    if keeps:
        return new
    # Go clients write an empty status where others would leave it out, and readers count on it.
    return with_field(new, "status", None if served.is_custom else {})


def _generated(core: Core, shaped: Shaped, prefix: str) -> Shaped:
    name = prefix[:_LONGEST_PREFIX] + core.ids.suffix()
    return Shaped(with_metadata(shaped.manifest, name=name), shaped.warnings)


async def _insert_named(
    core: Core, target: Target, shaped: Shaped, options: WriteOptions
) -> Written:
    name = metadata(shaped.manifest).get("name")
    if not name:
        problem = Cause("metadata.name", "Required value: name or generateName is required")
        raise errors.invalid(target.subject, [problem])
    target = target.named(name)
    await check_namespace(core, target)
    check(core, target, shaped.manifest, None)
    if options.dry_run:
        return await _rehearsed(core, target, shaped)
    rules = core.rules_of(target.served)
    prepared = rules.on_create(shaped.manifest)
    try:
        entry = await core.store.create(target.key, to_encoder(_stored(target, prepared)))
    except BaseException as error:
        rules.on_failure(prepared)
        if isinstance(error, AlreadyExists):
            raise errors.already_exists(target.subject) from error
        raise
    core.stored(Change("ADDED", entry))
    return Written(value=entry.value, created=True, warnings=shaped.warnings)


async def _rehearsed(core: Core, target: Target, shaped: Shaped) -> Written:
    if await core.store.get(target.key):
        raise errors.already_exists(target.subject)
    rules = core.rules_of(target.served)
    prepared = rules.on_create(shaped.manifest)
    rules.on_failure(prepared)
    value = to_encoder(_stored(target, with_metadata(prepared, resourceVersion=None)))(0)
    return Written(value=value, created=True, warnings=shaped.warnings)


async def check_namespace(core: Core, target: Target) -> None:
    """Refuse new objects in a namespace that does not exist, or no longer quite does."""
    if not target.served.namespaced:
        return
    namespaces = errors.Subject("", "namespaces", target.namespace, "Namespace")
    entry = await core.store.get(StoreKey("namespaces", "", target.namespace))
    if entry is None:
        raise errors.not_found(namespaces)
    if b'"deletionTimestamp"' in entry.value:
        why = (
            f"unable to create new content in namespace {target.namespace} because it is being "
            "terminated"
        )
        cause = Cause("metadata.namespace", why, "NamespaceTerminating")
        raise errors.forbidden(target.subject, why, causes=[cause])


def _stored(target: Target, manifest: Manifest) -> Manifest:
    return {**manifest, "apiVersion": target.served.api_version()}
