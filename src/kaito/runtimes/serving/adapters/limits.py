"""How much LoRA to make room for when the engine starts: it cannot be changed while it runs.

Room costs memory on the device (adapters in one batch times rank times modules), and on a CPU also
time. So it follows from the adapters that are wanted at the start, with room for the usual ones.
"""

from pathlib import Path
from typing import Final

from kaito.api.adapter_room import USUAL_RANK, room_for
from kaito.api.adapters import AdapterWishes
from kaito.api.runtime import ServingArguments
from kaito.api.weight_source import FolderSource, parse_source
from kaito.base.errors import UsageError
from kaito.runtimes.serving.adapters.check import to_allowed_rank
from kaito.runtimes.serving.adapters.errors import AdapterInvalid
from kaito.runtimes.serving.adapters.peft_config import read_config
from kaito.runtimes.serving.adapters.store import Store
from kaito.runtimes.serving.adapters.version import to_target
from kaito.runtimes.serving.adapters.wishes import WishFile
from kaito.runtimes.serving.config import Options, OptionValue

_KEPT_READY: Final = 12
"""Adapters in host memory: what a Workspace may have, and two that are being replaced."""


def decide_lora_options(arguments: ServingArguments, options: Options) -> dict[str, OptionValue]:
    """The options of vLLM for LoRA; empty where no adapters' file is named. Reads what is local.

    `options` are inference_config.yaml's, which win: what is kept ready must not be less than they
    let into one batch.
    """
    if not arguments.adapters_file:
        return {}
    file = WishFile(Path(arguments.adapters_file))
    file.read()
    ranks = observe_ranks(file.wishes, Path(arguments.adapters_folder))
    at_once = arguments.max_loras or room_for(len(file.wishes.adapters))
    asked = {name.lstrip("-").replace("_", "-"): value for name, value in options.items()}
    in_batch = asked.get("max-loras", at_once)
    return {
        "enable-lora": True,
        "max-lora-rank": to_allowed_rank(arguments.max_lora_rank or max((USUAL_RANK, *ranks))),
        "max-loras": at_once,
        "max-cpu-loras": max(in_batch if isinstance(in_batch, int) else 0, at_once, _KEPT_READY),
    }


def observe_ranks(wishes: AdapterWishes, root: Path) -> tuple[int, ...]:
    """The ranks of those wanted adapters that are on this machine already."""
    store = Store(root)
    ranks = []
    for wish in wishes.adapters:
        try:
            source = parse_source(wish.source)
            if isinstance(source, FolderSource):
                ranks.append(read_config(Path(source.path)).rank)
            elif found := store.find(to_target(wish)):
                ranks.append(read_config(found[0]).rank)
        except (AdapterInvalid, UsageError):
            continue
    return tuple(ranks)
