"""What the agent keeps of each pod on disk, so that it can clean up when the object is gone."""

from pathlib import Path

import msgspec


class PodRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent must know of a pod even when its object is gone."""

    uid: str
    namespace: str
    name: str
    ip: str
    gpus: tuple[int, ...] = ()


class PodRecords:
    """The records of all pods below one state folder."""

    def __init__(self, state: Path) -> None:
        self._pods = state / "pods"

    def load(self) -> dict[str, PodRecord]:
        """Every readable record, by uid."""
        found: dict[str, PodRecord] = {}
        for path in sorted(self._pods.glob("*/pod.json")):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=PodRecord)
            except msgspec.MsgspecError:
                continue
            found[record.uid] = record
        return found

    def save(self, record: PodRecord) -> None:
        """Write one record, whole or not at all."""
        folder = self._pods / record.uid
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = folder / "pod.json.new"
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.replace(folder / "pod.json")
