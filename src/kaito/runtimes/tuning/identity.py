"""What makes two attempts the same job: then one goes on where the other ended. Pure."""

import hashlib

import msgspec

from kaito.api.tuning_job import TuningArguments

_IRRELEVANT = (
    "results", "scratch", "push_secret", "pull_secret", "port", "host", "memory_bytes", "image",
    "private_hosts", "config_file", "model", "keeps_results", "processes", "nodes", "first_node",
    "shares_model", "group_key",
)  # fmt: skip
"""Arguments that may change without the training being another one."""


def job_fingerprint(arguments: TuningArguments, config_text: str) -> str:
    """Of what was asked for: model, method, where the data is, settings. Known before any work."""
    asked = msgspec.to_builtins(arguments)
    for name in _IRRELEVANT:
        asked.pop(name, None)
    return _digest(asked, config_text)


def training_fingerprint(job: str, dataset: str, applied: dict[str, dict[str, str]]) -> str:
    """Of what is done about it: the data as it came, and every setting used."""
    return _digest([job, dataset], applied)


def _digest(*parts: object) -> str:
    content = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:32]
