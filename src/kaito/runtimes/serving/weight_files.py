"""Whether a folder's weights can be loaded at all, told from the first bytes of each file.

An engine finds out too, but after a minute, in another process, and in words about itself.
"""

from pathlib import Path
from typing import Final

from kaito.api.runtime import ExitCode
from kaito.registry.safetensors import DamagedFileError
from kaito.registry.weight_files import require_sound
from kaito.runtimes.ending import Ending

_OF_PICKLED: Final = ("pt", "npcache")
"""Load formats that ask for pickled weights by name."""
_STREAMED: Final = ("runai_streamer", "fastsafetensors")
"""Those that read the same safetensors in another way."""
_JUDGED: Final = frozenset({"", "auto", "hf", "safetensors", *_OF_PICKLED, *_STREAMED})
_FETCH_AGAIN: Final = "delete the folder, and they are fetched again"


def require_weights(model: str, load_format: str = "", *, allow_pickle: bool = False) -> None:
    """Raise `Ending` where the weights in a folder are damaged, mixed up, or pickled unasked.

    `load_format` is what the engine is told; formats of its own are not looked at.
    """
    folder = Path(model)
    if not folder.is_dir() or load_format not in _JUDGED:
        return
    try:
        require_sound(folder, allow_pickle=allow_pickle or load_format in _OF_PICKLED)
    except ValueError as error:
        hint = _FETCH_AGAIN if isinstance(error, DamagedFileError) else ""
        line = f"weights in {model}: {error}"
        raise Ending(line, ExitCode.INVALID_DATA, hint=hint) from error
