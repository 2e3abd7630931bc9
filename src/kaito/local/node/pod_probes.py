"""The probe results of one pod: kept here, changed only by `lifecycle.probing`'s rules."""

from dataclasses import replace
from datetime import datetime

from kaito.api.meta import Manifest
from kaito.local.node.lifecycle.facts import PodEvent, ProbeFacts, ProbeKind, Run, RunId, RunProbe
from kaito.local.node.lifecycle.probing import probe_of, update_probe
from kaito.local.node.pod import Container


class ProbeBook:
    """Probe facts by run; runs that are over are forgotten when a new one is asked about."""

    def __init__(self) -> None:
        self._facts: dict[str, tuple[RunId, dict[ProbeKind, ProbeFacts]]] = {}

    def of(self, container: str, run: Run | None) -> dict[ProbeKind, ProbeFacts]:
        """What the probes of a run have found; nothing for a new one."""
        if run is None:
            return {}
        known, found = self._facts.get(container, (None, {}))
        if known != run.id:
            found = {}
            self._facts[container] = (run.id, found)
        return found

    def seed(self, container: str, run: Run, status: Manifest) -> None:
        """Carry on with an adopted run where the reported status left it.

        Without this, a restart of the agent would take every ready pod out of its Services.
        """
        if status.get("containerID") != f"kaito://{run.id}":
            return
        found = self.of(container, run)
        if status.get("started"):
            found["startup"] = ProbeFacts(passing=True)
        if status.get("ready"):
            found["readiness"] = ProbeFacts(passing=True)

    def begin(self, command: RunProbe, now: datetime) -> None:
        """Note that a probe is on its way."""
        run, found = self._facts[command.container]
        if run == command.run:
            known = found.get(command.kind, ProbeFacts())
            found[command.kind] = replace(known, in_flight=True, last_started=now)

    def finish(self, command: RunProbe, container: Container, error: str) -> PodEvent | None:
        """Note a result; the event it deserves, if it says something new."""
        run, found = self._facts[command.container]
        probe = probe_of(container, command.kind)
        if run != command.run or probe is None:
            return None
        before = found.get(command.kind, ProbeFacts())
        after = update_probe(before, probe, kind=command.kind, error=error)
        found[command.kind] = after
        # Every failure is not worth a write: only the first, a new cause, and the verdict are.
        is_news = after.failures == 1 or before.message != error or before.failed != after.failed
        if not error or not is_news:
            return None
        words = {"startup": "Startup", "readiness": "Readiness", "liveness": "Liveness"}
        return PodEvent(
            type="Warning",
            reason="Unhealthy",
            message=f"{words[command.kind]} probe failed: {error}",
        )
