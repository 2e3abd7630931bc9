"""A hash on every object we render, so that what is unchanged is not written again."""

import hashlib

import msgspec

from kaito.api import labels
from kaito.api.meta import Manifest, Object


def stamp(manifest: Manifest) -> Manifest:
    """The manifest with the hash of its whole content among its annotations."""
    digest = content_hash(manifest)
    meta = manifest["metadata"]
    annotations = {**meta.get("annotations", {}), labels.TEMPLATE_HASH: digest}
    return {**manifest, "metadata": {**meta, "annotations": annotations}}


def content_hash(content: object) -> str:
    """Ten hex digits that are equal for equal content in any order of keys."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:10]


def is_current(live: Object | None, manifest: Manifest) -> bool:
    """Whether the live object was made from this very manifest."""
    if live is None:
        return False
    wanted = manifest["metadata"]["annotations"][labels.TEMPLATE_HASH]
    return bool(live.metadata.annotations.get(labels.TEMPLATE_HASH) == wanted)
