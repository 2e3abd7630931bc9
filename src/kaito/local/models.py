"""The facts of weights that lie in the plane's models folder, read from their own files.

Only what the planner needs: config.json and the sizes in the folder's manifest. A folder without a
manifest is not complete yet and counts as absent.
"""

import logging
from pathlib import Path

import msgspec

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.base.logs import facts
from kaito.catalog.config import parse_config
from kaito.catalog.preset import ModelFacts

logger = logging.getLogger(__name__)
_WEIGHT_SUFFIXES = (".safetensors", ".bin")


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
            config = msgspec.json.decode((folder / "config.json").read_bytes())
            size = sum(
                file.stat().st_size for file in folder.iterdir() if file.suffix in _WEIGHT_SUFFIXES
            )
            return parse_config(config, weights_bytes=size)
        except (OSError, ValueError) as error:
            logger.warning("weights not readable", extra=facts(folder=folder, error=error))
            return None
