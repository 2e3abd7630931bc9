"""What a model is asked for against what it can do. Pure.

An engine has no endpoint for what its model cannot do, and answers as for a path that was mistyped.
"""

from collections.abc import Collection
from typing import Final

from kaito.runtimes.serving.refusal import Refusal

_NEEDED: Final = {
    "/v1/chat/completions": "generate",
    "/v1/completions": "generate",
    "/v1/responses": "generate",
    "/v1/messages": "generate",
    "/chat": "generate",
    "/v1/embeddings": "embed",
}
"""Paths, and the task that each asks of the model; the others are left to the engine."""
_WORDS: Final = {"generate": "write text", "embed": "make embeddings", "classify": "classify text"}
"""Tasks as a person says them."""
_PATHS: Final = {"generate": "/v1/chat/completions", "embed": "/v1/embeddings"}


def refuse_task(path: str, tasks: Collection[str]) -> Refusal | None:
    """Why a request to `path` is not for a model that can do `tasks`; None where it is."""
    needed = _NEEDED.get(path)
    if needed is None or not tasks or needed in tasks:
        return None
    can = [word for task, word in _WORDS.items() if task in tasks]
    instead = next((place for task, place in _PATHS.items() if task in tasks), "")
    return Refusal(
        status=400,
        reason="task",
        message=f"this model does not {_WORDS[needed]}"
        + (f", it can {' and '.join(can)}" if can else "")
        + (f": ask {instead}" if instead else ""),
        code="model_not_supported",
    )
