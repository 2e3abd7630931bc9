"""Machines of Azure Local, reached through Azure Arc.

From https://learn.microsoft.com/azure/aks/aksarc/scale-requirements, as KAITO 0.12 has them (spec
section 2.3). They are the owner's: there is no price.
"""

from kaito.catalog.clouds.rows import PriceList, Row, read_table
from kaito.catalog.instance_type import InstanceType

_NO_PRICES = PriceList("", "", {})
_TABLE = {
    gpu: (
        Row(f"Standard_NC4_{gpu}", 1, 4, 8),
        Row(f"Standard_NC8_{gpu}", 1, 8, 16),
        Row(f"Standard_NC16_{gpu}", 2, 16, 64),
        Row(f"Standard_NC32_{gpu}", 2, 32, 0),
    )
    for gpu in ("A2", "A16")
}

TYPES: tuple[InstanceType, ...] = read_table("arc", _TABLE, _NO_PRICES)
