"""The transformers runtime's own figures, under the names that vLLM gives the same.

Dashboards, alerts and autoscalers that know one runtime so know the other.
https://docs.vllm.ai/en/stable/design/metrics.html
"""

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from kaito.base.clock import Clock

_LABELS: Final = ("model_name", "engine")
_FIRST: Final = (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_WHOLE: Final = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480)


class EngineMetrics:
    """What is counted; `room` is how many requests run at once."""

    def __init__(
        self, model: str, clock: Clock, *, room: int, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.clock = clock
        self.room = room
        self.under_way = 0
        own = {"model_name": model, "engine": "0"}

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"vllm:{name}", text, _LABELS, registry=registry).labels(**own)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"vllm:{name}", text, _LABELS, registry=registry).labels(**own)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            made = Histogram(f"vllm:{name}", text, _LABELS, registry=registry, buckets=buckets)
            return made.labels(**own)

        running = gauge("num_requests_running", "Requests that the engine answers")
        running.set_function(lambda: min(self.under_way, self.room))
        waiting = gauge("num_requests_waiting", "Requests that wait for the engine")
        waiting.set_function(lambda: max(self.under_way - self.room, 0))
        self.prompt = counter("prompt_tokens", "Tokens of prompts")
        self.written = counter("generation_tokens", "Tokens of answers")
        self.first = histogram("time_to_first_token_seconds", "To the first piece", _FIRST)
        self.whole = histogram("e2e_request_latency_seconds", "To the last piece", _WHOLE)
        ended = Counter(
            "vllm:request_success",
            "Requests that were answered, by why the answer ended",
            (*_LABELS, "finished_reason"),
            registry=registry,
        )
        self.ended = {
            reason: ended.labels(**own, finished_reason=reason) for reason in ("stop", "length")
        }

    def start(self, prompt: int) -> "Running":
        """A request with so many tokens begins."""
        self.under_way += 1
        self.prompt.inc(prompt)
        return Running(self)


class Running:
    """One request."""

    def __init__(self, metrics: EngineMetrics) -> None:
        self._metrics = metrics
        self._began = metrics.clock.monotonic()
        self._has_written = False
        self._has_left = False

    def note_piece(self) -> None:
        """A piece of the answer goes out."""
        if not self._has_written:
            self._has_written = True
            self._metrics.first.observe(self._metrics.clock.monotonic() - self._began)

    def end(self, tokens: int, finish: str) -> None:
        """The answer is whole; a call of a tool is an end that the model chose."""
        self._metrics.written.inc(tokens)
        self._metrics.whole.observe(self._metrics.clock.monotonic() - self._began)
        self._metrics.ended["length" if finish == "length" else "stop"].inc()

    def leave(self) -> None:
        """Answered, failed, or the client is gone."""
        if not self._has_left:
            self._has_left = True
            self._metrics.under_way -= 1
