"""Writes docs/reference/models.md from the catalogue; --check fails where the file differs."""

import sys
from collections.abc import Iterable

from _generated import REFERENCE, finish
from kaito.base.quantity import GIB, MIB
from kaito.catalog.cache_layers import CacheLayers, LatentLayers, StateLayers
from kaito.catalog.clouds import aws_prices, azure_prices, gcp_prices
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.lookup import PRESETS
from kaito.catalog.preset import ModelFacts, Preset
from kaito.catalog.retired import RETIRED

_INTRODUCTION = """\
# Models and machines

Generated from the catalogue by `tools/gen_models.py`; edit `src/kaito/catalog` instead.

A Workspace names a model by its name, an alias or its hub id, in any case. Any other `org/model`
works too: its facts are read from its own files.

## Models

Size is that of the weights as they are loaded. Parameters are the publisher's figure; behind the
stroke those that one token goes through. *tools* and *reasoning* are the engine's parsers.

"""
_CACHES = """
## What a sequence keeps

Bytes a token at the cache's own precision, and bytes a sequence whatever its length, on one GPU;
windows in tokens. Latent vectors are held whole by every GPU of a tensor-parallel group, the rest
is split. The last two columns are KAITO 0.12's figures, which `--compat kaito-0.12` uses.

"""
_MACHINES = """
## Machines

GPU memory is what the driver reports for one GPU. A dash is an unknown figure, or a price that no
public list we can name has. *runtime* is the one that serves on the machine: vLLM needs compute
capability 7.5, older GPUs get transformers, others nothing.

| cloud | region | as of | list |
|---|---|---|---|
"""
_RETIRED = """
## Names that are no more

| name | instead |
|---|---|
"""
_LISTS = (
    ("Azure", azure_prices.PRICES),
    ("AWS", aws_prices.PRICES),
    ("Google Cloud", gcp_prices.PRICES),
)


def main() -> int:
    """Write or compare; 1 when --check finds a difference."""
    return finish((REFERENCE / "models.md", render()))


def render() -> str:
    """The page."""
    lists = "".join(
        f"| {cloud} | {', '.join(prices.by_region)} | {prices.as_of} | <{prices.source}> |\n"
        for cloud, prices in _LISTS
    )
    retired = "".join(f"| {name} | {advice} |\n" for name, advice in sorted(RETIRED.items()))
    parts = (
        _INTRODUCTION,
        _table(_MODEL_HEADINGS, map(_model_row, PRESETS)),
        _notes(),
        _CACHES,
        _table(_CACHE_HEADINGS, [_cache_row(p, p.facts) for p in PRESETS if p.facts]),
        _MACHINES,
        lists,
        "\n",
        _table(_MACHINE_HEADINGS, map(_machine_row, INSTANCE_TYPES)),
        _RETIRED,
        retired,
    )
    return "".join(parts)


_MODEL_HEADINGS = (
    "name", "hub id", "also", "licence", "size", "parameters", "context", "bits", "tools",
    "reasoning", "runtimes", "tuning", "revision",
)  # fmt: skip
_CACHE_HEADINGS = ("name", "layers", "bytes a token", "a sequence", "KAITO's size", "KAITO's bytes")
_MACHINE_HEADINGS = (
    "name", "cloud", "GPUs", "GPU memory", "vCPUs", "memory", "local disk", "Gbit/s", "NVLink",
    "runtime", "$ an hour",
)  # fmt: skip


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "".join(f"| {' | '.join(cell or '-' for cell in line)} |\n" for line in lines)


def _model_row(preset: Preset) -> tuple[str, ...]:
    facts = preset.facts
    assert facts is not None
    gated = ", gated" if preset.is_gated else ""
    return (
        f"`{preset.name}`",
        preset.hub_id,
        ", ".join(preset.aliases),
        preset.license + gated,
        f"{facts.weights_bytes / GIB:.2f} GiB",
        _parameters(facts),
        f"{facts.context_tokens:,}",
        _bits(facts),
        preset.tool_call_parser,
        preset.reasoning_parser,
        ", ".join(preset.runtimes),
        "yes" if preset.is_tunable else "",
        preset.revision[:7],
    )


def _parameters(facts: ModelFacts) -> str:
    total, active = facts.parameters / 1e9, facts.active_parameters / 1e9
    if total < 1:
        return f"{total * 1000:.0f} M"
    return f"{total:.3g} B" if active == total else f"{total:.4g} B / {active:.3g} B"


def _bits(facts: ModelFacts) -> str:
    quantization = facts.quantization
    return f"{quantization.bits} ({quantization.method})" if quantization else "16"


def _notes() -> str:
    lines = [f"- `{preset.name}`: {preset.note}.\n" for preset in PRESETS if preset.note]
    return "\n" + "".join(lines)


def _cache_row(preset: Preset, facts: ModelFacts) -> tuple[str, ...]:
    size = preset.cache_element_bytes
    return (
        f"`{preset.name}`",
        "; ".join(_group(group) for group in facts.cache),
        f"{sum(group.token_bytes(element_bytes=size) for group in facts.cache):,}",
        _sequence(sum(group.sequence_bytes() for group in facts.cache)),
        preset.kaito.size if preset.kaito else "",
        f"{preset.kaito.bytes_per_token:,}" if preset.kaito else "",
    )


def _group(group: CacheLayers) -> str:
    window = f", window {group.window_tokens}" if group.window_tokens else ""
    if isinstance(group, StateLayers):
        return f"{group.layers} state"
    if isinstance(group, LatentLayers):
        width = f"latent {group.width}" if group.width else f"indexer {group.packed_bytes} bytes"
        shared = f" for {group.tokens_per_entry} tokens" if group.tokens_per_entry > 1 else ""
        return f"{group.layers} {width}{shared}{window}"
    return f"{group.layers} of {group.kv_heads} heads of {group.key_size}{window}"


def _sequence(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size else ""


def _machine_row(machine: InstanceType) -> tuple[str, ...]:
    disk = f"{machine.disk_bytes / GIB:,.0f} GiB" if machine.disk_bytes else ""
    return (
        f"`{machine.name}`",
        machine.cloud,
        f"{machine.gpus} {machine.gpu}",
        f"{machine.accelerator.memory_bytes / GIB:.1f} GiB",
        str(machine.vcpus or ""),
        f"{machine.memory_bytes / GIB:,.4g} GiB" if machine.memory_bytes else "",
        disk + (" NVMe" if machine.has_nvme else ""),
        str(machine.network_gbit or ""),
        "yes" if machine.has_nvlink else "",
        machine.runtime or "none",
        f"{machine.price.usd_per_hour:.2f}" if machine.price else "",
    )


if __name__ == "__main__":
    sys.exit(main())
