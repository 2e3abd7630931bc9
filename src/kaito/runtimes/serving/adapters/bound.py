"""How large an adapter may be: more than any real one has, less than what fills a pod's disk.

A pod that outgrows its volume is evicted, and the base model with it; so what is too large is the
adapter's fault, found before it is written.
"""

from typing import Final

from kaito.base.quantity import GIB, format_gib
from kaito.runtimes.serving.adapters.errors import AdapterInvalid

MOST_BYTES: Final = 4 * GIB
"""Of its files, unpacked; rank 128 on every module of Llama 3 70B, in 16 bits, takes 3.1 GiB."""


def require_size(size: int) -> None:
    """`AdapterInvalid` when `size` bytes are too many for an adapter."""
    if size > MOST_BYTES:
        raise AdapterInvalid(
            f"its files have {format_gib(size)}, and an adapter may have {format_gib(MOST_BYTES)}"
        )
