"""What the keeper needs of an engine: the port behind which vLLM and transformers are."""

from typing import Protocol

from kaito.runtimes.serving.adapters.version import Version


class AdapterEngine(Protocol):
    """A running engine that takes adapters."""

    @property
    def max_rank(self) -> int:
        """The largest rank it has room for; 0: it takes no adapters at all."""
        ...

    @property
    def taken_names(self) -> frozenset[str]:
        """Model names that no adapter may have."""
        ...

    async def load(self, version: Version) -> None:
        """Serve `version` under its name, in place of whatever the name had.

        Requests that run go on with what they began with. Raises `EngineRefused` and changes
        nothing when it cannot be loaded.
        """
        ...

    async def unload(self, name: str) -> None:
        """Take no more requests for `name`; those that run go on."""
        ...

    def is_used(self, version: Version) -> bool:
        """Whether a request that runs needs `version`."""
        ...

    async def forget(self, version: Version) -> None:
        """Free what the engine keeps of a version that is neither served nor used any more."""
        ...
