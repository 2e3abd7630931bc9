"""The order of a list after a strategic merge.

Items that the patch speaks of come in the patch's order; the others keep the order they had, each
as near to its old neighbours as that allows. Precedence: the stated order, then the live list.
"""

from kaito.local.schema.structure import Json


def arrange(merged: list[Json], order: list[Json], live: list[Json], key: str) -> list[Json]:
    """`merged` in the order described above; `key` is the merge key, empty for scalars."""
    wanted = _positions(order, key)
    lived = _positions(live, key)
    stated = sorted(
        (i for i in merged if _identity(i, key) in wanted), key=lambda i: wanted[_identity(i, key)]
    )
    others = [item for item in merged if _identity(item, key) not in wanted]
    others.sort(key=lambda item: lived.get(_identity(item, key), len(lived)))
    result: list[Json] = []
    for item in others:
        place = lived.get(_identity(item, key))
        while stated and not _precedes(place, lived.get(_identity(stated[0], key))):
            result.append(stated.pop(0))
        result.append(item)
    return result + stated


def _precedes(place: int | None, other: int | None) -> bool:
    """Whether a live position is before another; no when one of the two was not live."""
    return place is not None and other is not None and place < other


def _positions(items: list[Json], key: str) -> dict[str, int]:
    positions: dict[str, int] = {}
    for index, item in enumerate(items):
        positions.setdefault(_identity(item, key), index)
    return positions


def _identity(item: Json, key: str) -> str:
    return repr(item.get(key) if key and isinstance(item, dict) else item)
