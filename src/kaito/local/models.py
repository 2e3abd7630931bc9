"""The facts of weights that lie in the plane's models folder, read from their own files.

Only what the planner needs: config.json and the sizes in the folder's manifest. A folder without a
manifest is not complete yet and counts as absent.
"""

import logging
from pathlib import Path

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.base.logs import facts
from kaito.catalog.model_files import CONFIG_NAMES, WeightFile, choose_weight_files, parse_model
from kaito.catalog.preset import ModelFacts
from kaito.catalog.safetensors import LENGTH_BYTES, header_length

logger = logging.getLogger(__name__)


class ModelsFolder:
    """Facts by preset name, re-read when a folder's manifest changes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, tuple[int, ModelFacts]] = {}

    def facts(self, preset: str) -> ModelFacts | None:
        """The facts of a preset's weights, or None when they are not at hand or not readable."""
        manifest = self._root / preset / WEIGHTS_MANIFEST
        try:
            changed = manifest.stat().st_mtime_ns
        except OSError:
            return None
        known = self._known.get(preset)
        if known is not None and known[0] == changed:
            return known[1]
        found = self._read(manifest.parent)
        if found is not None:
            self._known[preset] = (changed, found)
        return found

    def _read(self, folder: Path) -> ModelFacts | None:
        try:
            names = choose_weight_files(file.name for file in folder.iterdir())
            config = (folder / CONFIG_NAMES["auto"]).read_bytes()
            return parse_model(config, tuple(_weight_file(folder / name) for name in names))
        except (OSError, ValueError) as error:
            logger.warning("weights not readable", extra=facts(folder=folder, error=error))
            return None


def _weight_file(path: Path) -> WeightFile:
    """A weight file with its header; only safetensors has one."""
    size = path.stat().st_size
    if path.suffix != ".safetensors":
        return WeightFile(name=path.name, size_bytes=size)
    with path.open("rb") as file:
        start = file.read(LENGTH_BYTES)
        head = start + file.read(header_length(start, file_bytes=size) - len(start))
    return WeightFile(name=path.name, size_bytes=size, head=head)
