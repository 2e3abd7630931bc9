"""Adapters in a running vLLM, through its own registry of models (vllm 0.32).

Its own way to replace an adapter loads the new weights under the old one's number, in the middle of
running answers. Here every version is an adapter of its own to the engine, and the name that
requests give is pointed at it once it is loaded: one assignment, so no request falls in between.
vLLM takes two requests' adapters for the same one when their names are equal, so a version gets a
name of its own inside the engine while an earlier one is still in use.
"""

from typing import Any

from kaito.runtimes.serving.adapters.errors import EngineRefused
from kaito.runtimes.serving.adapters.version import Version


class VllmAdapters:
    """`models` is vLLM's OpenAIServingModels, `engine` its AsyncLLM."""

    def __init__(self, models: Any, engine: Any) -> None:
        self._models = models
        self._engine = engine
        self._requests: dict[Version, Any] = {}
        self._names: dict[str, str] = {}
        """Of adapters inside the engine, to those that clients know."""
        _show_names(models, self._names)

    @property
    def max_rank(self) -> int:
        """What the engine was started with."""
        config = self._engine.vllm_config.lora_config
        return int(config.max_lora_rank) if config is not None else 0

    @property
    def taken_names(self) -> frozenset[str]:
        """The base model's."""
        return frozenset(path.name for path in self._models.base_model_paths)

    async def load(self, version: Version) -> None:
        """Load first, then point the name at it."""
        if version not in self._requests:
            self._requests[version] = await self._add(version)
        self._models.lora_requests[version.name] = self._requests[version]

    async def unload(self, name: str) -> None:
        """Requests that run carry what they need with them."""
        self._models.lora_requests.pop(name, None)

    def is_used(self, version: Version) -> bool:
        """Whether any request that the engine has carries it."""
        number = self._requests[version].lora_int_id
        states = self._engine.output_processor.request_states.values()
        return any(
            state.lora_request is not None and state.lora_request.lora_int_id == number
            for state in states
        )

    async def forget(self, version: Version) -> None:
        """Free the engine's memory and the name inside it."""
        request = self._requests.pop(version)
        self._names.pop(request.lora_name, None)
        await self._engine.remove_lora(request.lora_int_id)

    async def _add(self, version: Version) -> Any:
        from vllm.lora.request import LoRARequest

        number = self._models.lora_id_counter.inc(1)
        inside = version.name
        if inside in self._names:
            inside = f"{version.name}#{number}"
        request = LoRARequest(lora_name=inside, lora_int_id=number, lora_path=str(version.folder))
        try:
            await self._engine.add_lora(request)
        except Exception as error:
            # Half of it may be in the engine's buffers.
            await self._engine.remove_lora(number)
            raise EngineRefused(_to_sentence(error)) from error
        self._names[inside] = version.name
        return request


def _show_names(models: Any, names: dict[str, str]) -> None:
    """Let answers and the list of models carry the names that clients know."""
    name_model, list_models = models.model_name, models.show_available_models

    def name_known(lora_request: Any = None) -> str:
        inside: str = name_model(lora_request)
        return names.get(inside, inside)

    async def list_known() -> Any:
        cards = await list_models()
        for card in cards.data:
            card.id = names.get(card.id, card.id)
        return cards

    models.model_name = name_known
    models.show_available_models = list_known


def _to_sentence(error: Exception) -> str:
    text = " ".join(str(error).split()).removeprefix("Call to add_lora method failed: ")
    return f"vLLM refuses it: {text[:300] or type(error).__name__}"
