"""An error as one line with its hint on the next. Must stay cheap to import."""

import sys

from kaito.base.errors import KaitoError, UsageError


def report(error: Exception, *, about: str = "") -> int:
    """Print an error, after what it is about if given; the exit status it stands for."""
    where = f"{about}: " if about else ""
    print(f"error: {where}{_one_line(_words_of(error))}", file=sys.stderr)
    if isinstance(error, KaitoError) and error.hint:
        print(f"hint: {_one_line(error.hint)}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def first_known(error: Exception) -> Exception:
    """The error inside a task group's; a group with anything unexpected in it is a bug."""
    while isinstance(error, ExceptionGroup):
        known, unexpected = error.split((KaitoError, OSError))
        if unexpected is not None or known is None:
            raise error
        error = known.exceptions[0]
    return error


def _words_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename!r}" if error.filename else ""
        return f"{error.strerror.lower()}{where}"
    return str(error)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def report_line(text: str) -> int:
    """Print one error that is no exception; the exit status."""
    print(f"error: {_one_line(text)}", file=sys.stderr)
    return 1
