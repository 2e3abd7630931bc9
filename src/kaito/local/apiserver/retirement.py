"""Retiring a CustomResourceDefinition: its objects go first, then the definition itself.

A definition that is deleted stays, and stays served, until the last of its objects is gone;
whatever holds those (a controller's finalizer) holds it, as in kube-apiserver.
"""

import asyncio
import logging

from kaito.api.meta import Manifest
from kaito.base.logs import facts
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.objects import decode, is_deleting, metadata, with_metadata
from kaito.local.apiserver.options import DeleteOptions, ListOptions, WriteOptions
from kaito.local.apiserver.rest.delete import delete_collection
from kaito.local.apiserver.rest.update import Edit, update_object
from kaito.local.apiserver.rules.definitions import CLEANUP_FINALIZER, DEFINITIONS
from kaito.local.apiserver.target import Target
from kaito.local.store.errors import StoreClosed, StoreError
from kaito.local.store.port import Scope

logger = logging.getLogger(__name__)

_OPTIONS = WriteOptions(manager="kaito", validation="Ignore")


async def retire_definitions(core: Core) -> None:
    """Run until cancelled or until the store closes."""
    scope = Scope(DEFINITIONS)
    page = await core.store.list(scope)
    watch = await core.store.watch(scope, after=page.revision)
    under_way: set[str] = set()
    try:
        async with asyncio.TaskGroup() as group:
            found = page.entries
            while True:
                for entry in found:
                    name = entry.key.name
                    if name not in under_way and _is_retiring(decode(entry.value)):
                        under_way.add(name)
                        group.create_task(_retire(core, name, under_way), name=f"retire {name}")
                changes = await watch.changes()
                found = tuple(change.entry for change in changes if change.type != "DELETED")
    except* StoreClosed:
        pass
    finally:
        watch.close()


async def _retire(core: Core, name: str, under_way: set[str]) -> None:
    try:
        await _empty(core, name)
        await _release(core, name)
        logger.info("definition retired", extra=facts(definition=name))
    except StoreClosed:
        raise
    except StoreError as error:
        logger.warning("definition not retired", extra=facts(definition=name, problem=error))
    finally:
        under_way.discard(name)


async def _empty(core: Core, name: str) -> None:
    served = core.registry.named(name)
    if served is None:
        return
    scope = Scope(served.resource)
    watch = await core.store.watch(scope, after=core.store.revision)
    try:
        target = Target(served=served, version=served.version)
        await delete_collection(core, target, ListOptions(), DeleteOptions())
        while (await core.store.list(scope)).entries:
            await watch.changes()
    finally:
        watch.close()


async def _release(core: Core, name: str) -> None:
    definitions = core.registry.named(DEFINITIONS)
    assert definitions is not None
    target = Target(served=definitions, version="v1", name=name)
    await update_object(core, target, Edit(wanted=_without_finalizer), _OPTIONS)


def _without_finalizer(definition: Manifest) -> Manifest:
    left = [f for f in metadata(definition).get("finalizers") or () if f != CLEANUP_FINALIZER]
    return with_metadata(definition, finalizers=left or None)


def _is_retiring(definition: Manifest) -> bool:
    held = metadata(definition).get("finalizers") or ()
    return is_deleting(definition) and CLEANUP_FINALIZER in held
