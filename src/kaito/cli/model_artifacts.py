"""What `models pack`, `push` and `pull` share: a model's folder by name, its layout, its labels."""

import re
from collections.abc import Mapping
from pathlib import Path

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.app.state import choose_state_folder
from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.base.quantity import parse_bytes
from kaito.catalog.preset import Preset
from kaito.cli.presets import require_preset
from kaito.cli.transfers import Bar
from kaito.registry.files import CHUNK_BYTES
from kaito.registry.model_layout import (
    Label,
    choose_files,
    describe_model,
    is_layout,
    write_layout,
)

_IMAGE = "org.opencontainers.image."
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_SMALLEST_CHUNK = 1 << 20


async def pack(
    model: str, output: str, *, state_dir: str, label: Label, allow_pickle: bool
) -> tuple[Path, str]:
    """Pack a model of the models folder, or a folder; the layout and its manifest's digest."""
    folder, preset = find_model(model, state_dir)
    name = preset.name if preset else folder.resolve().name
    layout = Path(output) if output else Path(f"{_NOT_PLAIN.sub('-', name)}.oci")
    try:
        files = choose_files(folder, allow_pickle=allow_pickle)
        config = describe_model(folder, name, files)
    except ValueError as error:
        raise KaitoError(f"model folder {str(folder)!r}: {error}") from error
    bar = Bar("packing", SystemClock())
    labelled = Label(
        annotations=_annotations(name, preset), tag=label.tag, chunk_bytes=label.chunk_bytes
    )
    digest = await write_layout(layout, files, config, label=labelled, progress=bar)
    bar.finish()
    return layout, digest


def find_model(model: str, state_dir: str) -> tuple[Path, Preset | None]:
    """The folder of a model: a path that is one, or the weights of a preset that are at hand."""
    path = Path(model)
    if path.is_dir() and not is_layout(path):
        return path, None
    if "/" in model and path.parent.is_dir() and not path.exists():
        raise KaitoError(f"folder {model!r} does not exist")
    preset = require_preset(model)
    folder = choose_state_folder(state_dir).models / preset.name
    if not (folder / WEIGHTS_MANIFEST).is_file():
        raise KaitoError(
            f"the weights of {preset.name} are not on this machine",
            hint=f"import them with `kaito models import {preset.name} PATH`, or name a folder",
        )
    return folder, preset


def parse_chunk(text: str) -> int:
    """The largest layer in bytes from a quantity."""
    if not text:
        return CHUNK_BYTES
    try:
        size = parse_bytes(text)
    except ValueError as error:
        raise UsageError(f"--chunk-size: {error}") from error
    if size < _SMALLEST_CHUNK:
        raise UsageError(f"--chunk-size {text} is less than 1Mi")
    return size


def _annotations(name: str, preset: Preset | None) -> Mapping[str, str]:
    found = {f"{_IMAGE}title": name}
    if preset is not None:
        base = {"sh.kaito.model.name": preset.name, "sh.kaito.model.hub-id": preset.hub_id}
        found |= {**base, f"{_IMAGE}revision": preset.revision}
    return found
