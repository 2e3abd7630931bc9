"""The names that headless Services give their pods, as files that programs of ours read.

    STATE/hosts/<namespace>     as /etc/hosts: `127.64.0.2 job-0.group job-0.group.namespace ...`

Nobody answers DNS on this machine. A pod with a `subdomain` is told where the file is
(`KAITO_POD_HOSTS`); it is replaced as a whole whenever endpoints change.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kaito.api import labels
from kaito.kube.cache import Reader
from kaito.local.builtin.kinds import ENDPOINT_SLICES, EndpointSlice

_ENDINGS = ("", ".{namespace}", ".{namespace}.svc", ".{namespace}.svc.cluster.local")


class PodNames:
    """The files of all namespaces."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        self._reader = reader
        self._folder = folder

    def path(self, namespace: str) -> Path:
        """The file of a namespace; it need not exist yet."""
        return self._folder / namespace

    def slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """Endpoints are new, different or gone."""
        item = new or old
        assert item is not None, "a change has an object before or after it"
        namespace = item.metadata.namespace
        slices = self._reader.list(ENDPOINT_SLICES, namespace=namespace)
        text = "".join(f"{line}\n" for line in sorted(_lines(slices)))
        if text or self.path(namespace).exists():
            self._write(namespace, text)

    def _write(self, namespace: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{namespace}"
        partial.write_text(text, encoding="utf-8")
        partial.rename(self.path(namespace))


def _lines(slices: Iterable[EndpointSlice]) -> Iterator[str]:
    for item in slices:
        service = item.metadata.labels.get(labels.SERVICE_NAME, "")
        for endpoint in item.endpoints or ():
            if service and endpoint.hostname and endpoint.addresses:
                first = f"{endpoint.hostname}.{service}"
                endings = (e.format(namespace=item.metadata.namespace) for e in _ENDINGS)
                yield " ".join((endpoint.addresses[0], *(f"{first}{e}" for e in endings)))
