"""What stands in the same files as a manifest and is named by it: ConfigMaps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kaito.api.validation.surroundings import Surroundings
from kaito.app.admission import CATALOGUE
from kaito.cli.manifests import Document


def surroundings_of(documents: Sequence[Document]) -> Surroundings:
    """The catalogue, and the ConfigMaps that stand next to what names them."""
    found = {
        (_namespace(document), document.name): config_data(document)
        for document in documents
        if document.manifest["kind"] == "ConfigMap"
    }
    return replace(CATALOGUE, find_config=lambda namespace, name: found.get((namespace, name)))


def _namespace(document: Document) -> str:
    metadata = document.manifest.get("metadata")
    return str((metadata.get("namespace") if isinstance(metadata, dict) else "") or "default")


def config_data(document: Document) -> Mapping[str, str]:
    """The files of a ConfigMap; none where it has no such form."""
    data = document.manifest.get("data")
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}
