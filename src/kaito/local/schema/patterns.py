"""Regular expressions of schemas: written for Go's RE2, run by Python's `re`.

The two agree on what schemas use except at the end of the text, in POSIX classes and in a few
escapes; https://github.com/google/re2/wiki/Syntax is the source.
"""

import re
from functools import cache

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_PART = re.compile(r"\\z|\\.|\[:(?P<posix>\w+):\]|[\[\]$]|[^\\\[\]$]+", re.DOTALL)


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The equivalent Python pattern; use `search`. Raises `re.error` when it is malformed."""
    multiline = re.match(r"\(\?[a-zA-Z]*m", pattern) is not None
    out: list[str] = []
    in_class = False
    for part in _PART.finditer(pattern):
        text = part.group()
        if part["posix"] and in_class:
            text = _POSIX.get(part["posix"], text)
        elif text in {"$", r"\z"} and not in_class and not (multiline and text == "$"):
            # Python's $ also matches before a final line break, RE2's does not.
            text = r"\Z"
        elif text in "[]":
            # A bracket that opens a class, or a literal one: "]" first in it, "[" anywhere in it.
            literal = in_class and (text == "[" or out[-1] == "[")
            in_class = in_class or text == "["
            if literal:
                text = f"\\{text}"
            elif text == "]":
                in_class = False
        out.append(text)
    return re.compile("".join(out), re.ASCII)
