"""When Python looks for garbage in a process that keeps many objects for long.

Caches of thousands of objects are hundreds of thousands of values, and by default Python walks all
of them again whenever there are a quarter more: 50 to 200 ms in which nobody is answered. What is
dropped here is freed by its reference count; only cycles wait, and most of those are young.
See https://docs.python.org/3/library/gc.html#gc.set_threshold.
"""

import gc

_YOUNG = 2_000
"""Containers made and not freed between two looks at the newest of them."""
_MIDDLE = 10
_OLD = 100
"""Looks at the younger ones between two looks at everything: one in two million containers.

Only this is far from Python's own 700, 10, 10: garbage of the young must not pile up.
"""


def collect_seldom() -> None:
    """Have this process look over everything it keeps very seldom. Once, as it starts."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
