"""Whether the API server will do, and who we are to it. Pure."""

from kaito.app.doctor.cluster_facts import ClusterFacts
from kaito.app.doctor.finding import Finding, Unseen, missing, ok, unknown, warning

_LEAST = (1, 29)
"""CEL rules with what ours use, and SelfSubjectReview, are in from here on."""
_SKEW_SECONDS = 10.0
"""A Lease is read against the clock; beyond this its age says nothing."""


def check_server(facts: ClusterFacts) -> Finding:
    """Its version."""
    if isinstance(facts.version, Unseen):
        return unknown("server", f"{facts.url}: {facts.version.why}", "kubectl version")
    name = facts.version.git_version or "of unknown version"
    version = _number(facts.version.major), _number(facts.version.minor)
    what = f"Kubernetes {name}"
    if -1 in version:
        return unknown("server", what, "kubectl version")
    if version < _LEAST:
        least = ".".join(map(str, _LEAST))
        return missing("server", f"{what}, {least} is needed", "upgrade the cluster")
    return ok("server", what)


def check_clock(facts: ClusterFacts) -> Finding:
    """How far its clock and ours are apart."""
    if facts.server_time is None:
        return unknown("clock", "the API server does not tell the time")
    apart = abs((facts.now - facts.server_time).total_seconds())
    if apart > _SKEW_SECONDS:
        what = f"this machine's clock and the API server's are {apart:.0f}s apart"
        return warning("clock", what, "timedatectl")
    return ok("clock", "the API server's agrees with this machine's")


def check_user(facts: ClusterFacts) -> Finding:
    """Whom it takes us for."""
    if isinstance(facts.user, Unseen):
        return unknown("identity", facts.user.why, "kubectl auth whoami")
    return ok("identity", facts.user.username)


def _number(text: str) -> int:
    """Managed clusters write their minor version as `29+`."""
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else -1
