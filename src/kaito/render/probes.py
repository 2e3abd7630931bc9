"""The probes of a preset's server. Ready means that it answers; every pod of a model has them."""

from kaito.api import runtime
from kaito.api.meta import Manifest

_START_PERIOD = 1
"""Seconds between start-up probes: what a finished start may go unnoticed for."""


def render_probes(start_seconds: int) -> Manifest:
    """The start may take that long; once up, a minute of silence is a failure."""
    ready = {"httpGet": {"path": runtime.READY_PATH, "port": runtime.HTTP_PORT}}
    health = {"httpGet": {"path": runtime.HEALTH_PATH, "port": runtime.HTTP_PORT}}
    return {
        "startupProbe": {
            **ready,
            "periodSeconds": _START_PERIOD,
            "timeoutSeconds": 5,
            "failureThreshold": start_seconds // _START_PERIOD,
        },
        "readinessProbe": {**ready, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {
            **health,
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 6,
        },
    }
