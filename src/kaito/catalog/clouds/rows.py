"""Rows of the clouds' tables, and how they become instance types."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from kaito.base.quantity import GIB
from kaito.catalog.accelerators import find_accelerator
from kaito.catalog.instance_type import Cloud, InstanceType, Price


class Row(NamedTuple):
    """One machine type of a table; 0 where a figure is unknown."""

    name: str
    gpus: int
    vcpus: int
    memory_gib: float
    disk_gb: int = 0
    """In the cloud's own unit, see `read_table`."""
    network_gbit: int = 0
    traits: str = ""
    """Of `nvme` and `nvlink`."""


class PriceList(NamedTuple):
    """Prices of one cloud, all from one source."""

    source: str
    as_of: str
    by_region: dict[str, dict[str, str]]
    """Region to machine type to US dollars an hour; the first region that has a type counts."""


def read_table(
    cloud: Cloud,
    table: Mapping[str, Iterable[Row]],
    prices: PriceList,
    *,
    disk_unit: int = GIB,
) -> tuple[InstanceType, ...]:
    """Instance types from a table of accelerator name to rows."""
    found = []
    for gpu, rows in table.items():
        accelerator = find_accelerator(gpu)
        assert accelerator is not None, f"no accelerator is called {gpu!r}"
        found += [
            InstanceType(
                name=row.name,
                cloud=cloud,
                accelerator=accelerator,
                gpus=row.gpus,
                vcpus=row.vcpus,
                memory_bytes=int(row.memory_gib * GIB),
                disk_bytes=row.disk_gb * disk_unit,
                has_nvme="nvme" in row.traits.split(),
                has_nvlink="nvlink" in row.traits.split(),
                network_gbit=row.network_gbit,
                price=find_price(prices, row.name),
            )
            for row in rows
        ]
    return tuple(found)


def find_price(prices: PriceList, name: str) -> Price | None:
    """What an hour of that type costs in the first region that sells it."""
    for region, known in prices.by_region.items():
        if name in known:
            return Price(
                usd_per_hour=Decimal(known[name]),
                region=region,
                as_of=prices.as_of,
                source=prices.source,
            )
    return None
