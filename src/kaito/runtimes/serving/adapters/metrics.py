"""The adapters' own metrics, in the registry that the engine's `/metrics` shows."""

from collections.abc import Callable
from typing import Final, get_args

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from kaito.api.report import AdapterReport, AdapterState

STATES: Final[tuple[str, ...]] = get_args(AdapterState)


class AdapterMetrics:
    """`kaito_adapter_state{adapter,state}` is 1 for the state it is in, 0 for the others."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._state = Gauge(
            "kaito_adapter_state",
            "Whether an adapter is in a state.",
            ("adapter", "state"),
            registry=registry,
        )
        self._seconds = Gauge(
            "kaito_adapter_load_seconds",
            "From the moment an adapter was wanted until it was served, the last time.",
            ("adapter",),
            registry=registry,
        )
        self._known: set[str] = set()

    def note_states(self, reports: tuple[AdapterReport, ...]) -> None:
        """Show these adapters and no others."""
        names = {report.name for report in reports}
        for name in self._known - names:
            for state in STATES:
                self._state.remove(name, state)
            self._seconds.remove_by_labels({"adapter": name})
        self._known = names
        for report in reports:
            for state in STATES:
                self._state.labels(report.name, state).set(report.state == state)

    def note_load(self, name: str, seconds: float) -> None:
        """An adapter came into service."""
        self._seconds.labels(name).set(seconds)


def both(
    first: Callable[[tuple[AdapterReport, ...]], None],
    second: Callable[[tuple[AdapterReport, ...]], None],
) -> Callable[[tuple[AdapterReport, ...]], None]:
    """Tell two listeners."""

    def tell(reports: tuple[AdapterReport, ...]) -> None:
        first(reports)
        second(reports)

    return tell
