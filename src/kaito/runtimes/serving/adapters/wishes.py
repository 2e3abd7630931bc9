"""The wishes' file, read again and again: kubelet swaps a symbolic link above it.

A file that is not there yet, or is nonsense, changes nothing: what it said before still holds.
"""

from pathlib import Path

from kaito.api.adapters import AdapterWishes, parse_adapter_wishes
from kaito.base.errors import UsageError
from kaito.runtimes.serving.adapters.peft_config import CONFIG_NAME, TENSORS_NAME


class WishFile:
    """Remembers the last wishes that could be understood."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text: bytes | None = None
        self.wishes = AdapterWishes()
        self.problem = ""
        """Why the file as it is now is not followed; empty when it is."""

    def read(self) -> bool:
        """Look once; whether anything is different from the time before."""
        try:
            text = self._path.read_bytes()
        except OSError as error:
            self._text = None
            return self._note(f"{self._path} cannot be read: {error.strerror}")
        if text == self._text:
            return False
        self._text = text
        try:
            wishes = parse_adapter_wishes(text)
            require_sane(wishes)
        except UsageError as error:
            return self._note(f"{self._path.name} is not followed: {error}")
        self._note("")
        self.wishes = wishes
        return True

    def _note(self, problem: str) -> bool:
        is_new = problem != self.problem
        self.problem = problem
        return is_new


def require_sane(wishes: AdapterWishes) -> None:
    """Raise `UsageError` for names that cannot be folders, or twice the same."""
    seen: set[str] = set()
    for wish in wishes.adapters:
        if not wish.name or wish.name in seen or "/" in wish.name or wish.name.startswith("."):
            raise UsageError(f"adapter name {wish.name!r} is empty, taken or not a name")
        if not 0 <= wish.strength <= 1:
            raise UsageError(f"adapter {wish.name!r} has strength {wish.strength}, not 0 to 1")
        seen.add(wish.name)


def observe_fingerprint(folder: Path) -> str:
    """Sizes and times of the adapter's files: different after somebody wrote them."""
    parts = []
    for name in (CONFIG_NAME, TENSORS_NAME):
        try:
            facts = (folder / name).stat()
        except OSError:
            parts.append("-")
        else:
            parts.append(f"{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}")
    return " ".join(parts)
