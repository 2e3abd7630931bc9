"""The model under transformers' own serving machinery (transformers.cli.serving, 5.19).

Loads the model once and gives the handlers of its chat and completion
endpoints. Continuous batching, which takes one generation setting for all, is told each request's
own temperature, top_p and top_k.
"""

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from kaito.base.clock import Clock
from kaito.base.quantity import GIB
from kaito.runtimes.serving.engine_metrics import EngineMetrics
from kaito.runtimes.serving.openai_answer import Piece
from kaito.runtimes.serving.openai_body import GREEDY, Sampling
from kaito.runtimes.serving.transformers_answers import Answers, Surroundings
from kaito.runtimes.serving.transformers_responses import Responses

SAMPLING: ContextVar[Sampling] = ContextVar("SAMPLING", default=GREEDY)
"""Of the request that the current task serves."""

LEFT = 100
"""Requests whose client has left of which the engine may still have something to say."""
_PAGE_TOKENS = 256
_CPU_STEP_TOKENS = 1024
_GPU_STEP_TOKENS = 2048
"""Of prompts and answers that are computed in one step; longer prompts take several."""
_GPU_SHARE = 0.7
"""Of a GPU's memory that is free beside the weights: a step's mask and scores need some, too."""
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
    max_tokens: int = 0
    """Of prompt and answer together; 0: what the model and the cache allow."""
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
        from transformers.cli.serving.response import ResponseHandler
        from transformers.cli.serving.utils import GenerationState, Modality

        self.settings = settings
        manager = _open_manager(settings)
        model, processor = manager.load_model_and_processor(f"{settings.model}@main")
        if settings.chat_template:
            processor.chat_template = settings.chat_template
        self.generation_defaults = _to_defaults(model)
        self.model: Any = model
        """What computes; adapters are put into its layers."""
        modality = manager.get_model_modality(model, processor=processor)
        self.takes_text_only = bool(modality == Modality.LLM)
        """Whether pictures and sounds would go unseen."""
        can_batch = self.takes_text_only and hasattr(model, "init_continuous_batching")
        self.is_batching = settings.is_batching and can_batch
        """Whether requests share each step; those of a model that sees pictures cannot."""
        _name(manager, settings.names[0], model, processor)
        batching = decide_batching(settings, model) if self.is_batching else None
        self.cache_tokens = batching.num_blocks * batching.page_size if batching else 0
        """Tokens that the cache of a batch holds; 0: not bounded by us."""
        longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        known = (longest, settings.max_tokens, self.cache_tokens)
        self.context_tokens = min((tokens for tokens in known if tokens), default=0)
        """Of prompt and answer together; what needs more would wait for ever. 0: not known."""
        self._state = GenerationState(continuous_batching=self.is_batching, cb_config=batching)
        if self.is_batching:
            _sample_per_request(model)
        self._manager = manager
        self.chat: Any = ChatCompletionHandler(manager, self._state)
        self.completion: Any = CompletionHandler(manager, self._state)
        self.responses: Any = ResponseHandler(manager, self._state)

    def take_over(self, clock: Clock, metrics: EngineMetrics) -> None:
        """Let the handlers answer as `transformers_answers` does."""
        from transformers.cli.serving.utils import build_response_parser

        around = Surroundings(
            clock=clock,
            metrics=metrics,
            context=self.context_tokens,
            make_parser=build_response_parser,
            to_piece=_to_piece,
        )
        Answers(around, is_chat=True).take_over(self.chat)
        Answers(around, is_chat=False).take_over(self.completion)
        Responses(around).take_over(self.responses)

    @property
    def is_alive(self) -> bool:
        """Whether the generating thread lives."""
        return bool(self._state.is_cb_alive())

    def stop(self) -> None:
        """End the generating threads and let go of the model."""
        self._state.shutdown()
        self._manager.shutdown()


class Batch:
    """A continuous batching manager whose requests bring the sampling of the task they come from.

    transformers' own server leaves this out and then uses the first request's for everybody. It
    also listens for a request's tokens only after the request has begun, and never stops to.
    """

    def __init__(self, manager: Any, vocabulary: int) -> None:
        self._manager = manager
        self._vocabulary = vocabulary
        self._prepared: dict[str, Callable[[], Any]] = {}
        self._left: deque[str] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def add_request(self, input_ids: Any, **arguments: Any) -> str:
        """Queue a request, or, of one that streams, wait until somebody listens."""
        sampling = SAMPLING.get().to_arguments(self._vocabulary)
        request: str = arguments["request_id"]
        add = partial(self._manager.add_request, input_ids, **arguments, **sampling)
        if arguments["streaming"]:
            self._prepared[request] = add
        else:
            add()
        return request

    def register_result_handler(self, request_id: str, callback: Any) -> None:
        """Listen, and then queue the request."""
        self._manager.register_result_handler(request_id, callback)
        if (add := self._prepared.pop(request_id, None)) is not None:
            add()

    def cancel_request(self, request_id: str) -> None:
        """Stop a request. What it still says is heard by nobody, and what is left of it goes."""
        self._manager.register_result_handler(request_id, _hear_nothing)
        self._manager.cancel_request(request_id)
        self._left.append(request_id)
        if len(self._left) > LEFT:
            self._manager.output_router.result_handlers.pop(self._left.popleft(), None)


def _hear_nothing(_: object) -> None:
    """Of a request whose client has left."""


def _to_piece(item: object) -> Piece:
    from transformers.cli.serving.utils import ReasoningText, ToolCall

    if isinstance(item, ToolCall):
        return Piece(call=(item.name, item.arguments))
    text = str(item)
    return Piece(reasoning=text) if isinstance(item, ReasoningText) else Piece(text=text)


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


def decide_batching(settings: EngineSettings, model: Any) -> Any:
    """The batch that this model is served in; its cache takes what was planned for it."""
    from transformers import ContinuousBatchingConfig

    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    # Keys and values, in every layer.
    page = _PAGE_TOKENS * config.num_hidden_layers * heads * width * 2 * model.dtype.itemsize
    is_on_cpu = model.device.type == "cpu"
    # What is said, so that the longest request is known: one that does not fit ends the engine.
    memory = settings.kv_cache_bytes or (GIB if is_on_cpu else _free_share(model.device))
    return ContinuousBatchingConfig(
        page_size=_PAGE_TOKENS,
        num_blocks=max(memory // page, 16),
        # A mask over all of a step's tokens and the whole cache is kept; of the 8,192 that are the
        # default it takes as much memory as the cache of a small model.
        max_batch_tokens=_CPU_STEP_TOKENS if is_on_cpu else _GPU_STEP_TOKENS,
        per_request_processors=True,
        # A cached prefix, or a captured graph, is of the weights that were in effect.
        allow_block_sharing=not settings.takes_adapters,
        **({"use_cuda_graph": False} if settings.takes_adapters else {}),
    )


def _free_share(device: Any) -> int:
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free * _GPU_SHARE)


def _sample_per_request(model: Any) -> None:
    from kaito.runtimes.serving.batch_leaving import mind_leaving
    from kaito.runtimes.serving.batch_sampling import narrow

    start = model.init_continuous_batching

    def start_sampling(generation_config: Any, **arguments: Any) -> Batch:
        # Only settings away from their neutral value get a processor, which requests then adjust.
        generation_config.do_sample = True
        generation_config.temperature = 0.9
        generation_config.top_k = 50
        generation_config.top_p = 0.9
        manager = start(generation_config=generation_config, **arguments)
        narrow(manager)
        mind_leaving(manager)
        return Batch(manager, model.config.get_text_config().vocab_size)

    model.init_continuous_batching = start_sampling
