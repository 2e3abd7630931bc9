"""The model under transformers' own serving machinery (transformers.cli.serving, 5.19).

Loads the model once and gives the handlers of its chat and completion
endpoints. Continuous batching, which takes one generation setting for all, is told each request's
own temperature, top_p and top_k.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from kaito.base.quantity import GIB
from kaito.runtimes.serving.openai_body import GREEDY, Sampling

SAMPLING: ContextVar[Sampling] = ContextVar("SAMPLING", default=GREEDY)
"""Of the request that the current task serves."""

_PAGE_TOKENS = 256
_MAX_NEW_TOKENS = 1024
"""What transformers' server allows an answer without max_tokens; the model's own is 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What differs from transformers' defaults."""

    model: str
    names: tuple[str, ...]
    device: str
    dtype: str
    is_batching: bool
    kv_cache_bytes: int = 0
    trust_remote_code: bool = False
    attention: str | None = None
    quantization: str | None = None
    chat_template: str | None = None
    takes_adapters: bool = False
    """Whether the model's layers change while it serves."""


class TransformersEngine:
    """The loaded model and the handlers that serve it."""

    def __init__(self, settings: EngineSettings) -> None:
        from transformers.cli.serving.chat_completion import ChatCompletionHandler
        from transformers.cli.serving.completion import CompletionHandler
        from transformers.cli.serving.utils import GenerationState

        self.settings = settings
        manager = _open_manager(settings)
        model, processor = manager.load_model_and_processor(f"{settings.model}@main")
        if settings.chat_template:
            processor.chat_template = settings.chat_template
        self.generation_defaults = _to_defaults(model)
        self.context_tokens: int | None = getattr(
            model.config.get_text_config(), "max_position_embeddings", None
        )
        self.model: Any = model
        """What computes; adapters are put into its layers."""
        _name(manager, settings.names[0], model, processor)
        batching = _decide_batching(settings, model)
        self.cache_tokens = batching.num_blocks * batching.page_size if batching else 0
        """Tokens that the cache of a batch holds; 0: not bounded by us."""
        self._state = GenerationState(continuous_batching=settings.is_batching, cb_config=batching)
        if settings.is_batching:
            _sample_per_request(model)
        self._manager = manager
        self.chat: Any = ChatCompletionHandler(manager, self._state)
        self.completion: Any = CompletionHandler(manager, self._state)

    @property
    def is_alive(self) -> bool:
        """Whether the generating thread lives."""
        return bool(self._state.is_cb_alive())

    def stop(self) -> None:
        """End the generating threads and let go of the model."""
        self._state.shutdown()
        self._manager.shutdown()


class _PerRequestSampling:
    """A continuous batching manager whose requests bring the sampling of the task they come from.

    transformers' own server leaves this out and then uses the first request's for everybody.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def add_request(self, input_ids: Any, **arguments: Any) -> Any:
        """Queue a request."""
        sampling = SAMPLING.get().to_arguments()
        return self._manager.add_request(input_ids, **arguments, **sampling)


def _open_manager(settings: EngineSettings) -> Any:
    from transformers.cli.serving.model_manager import ModelManager
    from transformers.utils import logging

    logging.set_verbosity_error()
    return ModelManager(
        device=settings.device,
        dtype=settings.dtype,
        trust_remote_code=settings.trust_remote_code,
        attn_implementation=settings.attention,
        quantization=settings.quantization,
        # Otherwise it is dropped from memory after five idle minutes.
        model_timeout=-1,
    )


def _name(manager: Any, name: str, model: Any, processor: Any) -> None:
    from transformers.cli.serving.model_manager import TimedModel

    # Under this key the manager finds the model loaded. It would make `name@main` of the name, and
    # that is what clients would then read in every answer.
    manager.process_model_name = str
    manager.loaded_models[name] = TimedModel(model, -1, processor=processor)


def _to_defaults(model: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = dict(model.generation_config.to_diff_dict())
    defaults.pop("transformers_version", None)
    defaults.setdefault("max_new_tokens", _MAX_NEW_TOKENS)
    return defaults


def _decide_batching(settings: EngineSettings, model: Any) -> Any:
    from transformers import ContinuousBatchingConfig

    if not settings.is_batching:
        return None
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # Keys and values, in every layer, of two bytes each.
    page = _PAGE_TOKENS * config.num_hidden_layers * heads * width * 2 * 2
    return ContinuousBatchingConfig(
        page_size=_PAGE_TOKENS,
        num_blocks=max((settings.kv_cache_bytes or GIB) // page, 16),
        per_request_processors=True,
        # A cached prefix, or a captured graph, is of the weights that were in effect.
        allow_block_sharing=not settings.takes_adapters,
        **({"use_cuda_graph": False} if settings.takes_adapters else {}),
    )


def _sample_per_request(model: Any) -> None:
    start = model.init_continuous_batching

    def start_sampling(generation_config: Any, **arguments: Any) -> _PerRequestSampling:
        # Only settings away from their neutral value get a processor, which requests then adjust.
        generation_config.do_sample = True
        generation_config.temperature = 0.9
        generation_config.top_k = 50
        generation_config.top_p = 0.9
        return _PerRequestSampling(start(generation_config=generation_config, **arguments))

    model.init_continuous_batching = start_sampling
