"""Adapters in the transformers runtime, through PEFT's layers inside the one loaded model.

Requests take turns by adapter, see `turns`; `requests.AdapterRequests` lets them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from kaito.runtimes.serving.adapters.errors import EngineRefused
from kaito.runtimes.serving.adapters.turns import Turns
from kaito.runtimes.serving.adapters.version import Version

_BASE: Final = ""
"""In effect when no adapter is. An adapter inside the model is called `adapter-1` and so on: PEFT
keeps names as attributes, where a dot would be a path."""
_LOADING: Final = "(loading)"
_ANY_RANK: Final = 1 << 20


class PeftAdapters:
    """`model` is the transformers model that the engine computes with."""

    def __init__(self, model: Any, base_names: tuple[str, ...]) -> None:
        self._model = model
        self._base_names = base_names
        self._numbers = count(1)
        self._inside: dict[Version, str] = {}
        self._served: dict[str, Version] = {}
        self._turns = Turns(self._switch, _BASE)

    @property
    def max_rank(self) -> int:
        """Any: PEFT makes room for each."""
        return _ANY_RANK

    @property
    def taken_names(self) -> frozenset[str]:
        """The base model's."""
        return frozenset(self._base_names)

    @property
    def names(self) -> tuple[str, ...]:
        """What is served beside the base model."""
        return tuple(sorted(self._served))

    async def load(self, version: Version) -> None:
        """Wait for the answers under way, for the model's layers change; then load."""
        if version not in self._inside:
            inside = f"adapter-{next(self._numbers)}"
            async with self._turns.take(_LOADING):
                try:
                    await asyncio.to_thread(self._add, inside, version)
                except (ValueError, RuntimeError, KeyError, TypeError, OSError) as error:
                    self._remove(inside)
                    raise EngineRefused(f"PEFT refuses it: {_to_line(error)}") from error
            self._inside[version] = inside
        self._served[version.name] = version

    async def unload(self, name: str) -> None:
        """Requests that run keep their turn."""
        self._served.pop(name, None)

    def is_used(self, version: Version) -> bool:
        """Whether a request runs with it or waits for it."""
        return self._turns.is_used(self._inside[version])

    async def forget(self, version: Version) -> None:
        """Free its memory, when nothing runs."""
        inside = self._inside.pop(version)
        async with self._turns.take(_LOADING):
            self._remove(inside)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Run the block with what is served under `name` in effect; else with the base model."""
        version = self._served.get(name)
        inside = self._inside[version] if version is not None else _BASE
        async with self._turns.take(inside):
            yield

    def _add(self, inside: str, version: Version) -> None:
        self._model.load_adapter(str(version.folder), adapter_name=inside)

    def _remove(self, inside: str) -> None:
        # What never came in whole is not there under its name.
        if inside in getattr(self._model, "peft_config", {}):
            self._model.delete_adapter(inside)

    def _switch(self, inside: str) -> None:
        if inside == _LOADING or not getattr(self._model, "peft_config", {}):
            return
        if inside == _BASE:
            self._model.disable_adapters()
        else:
            self._model.enable_adapters()
            self._model.set_adapter(inside)


def _to_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
