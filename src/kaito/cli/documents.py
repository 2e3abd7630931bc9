"""Documents as JSON or YAML text, as kubectl writes them."""

from typing import Any

import msgspec

from kaito.api.meta import Manifest


def to_text(document: object, form: str) -> str:
    """The text of plain data, a struct or a dataclass in `json` or `yaml`, with a line end."""
    if form == "json":
        encoded = msgspec.json.encode(document)
        return msgspec.json.format(encoded, indent=4).decode() + "\n"
    # Through JSON, so that times and structs become what an API server would have sent.
    return _to_yaml(msgspec.json.decode(msgspec.json.encode(document)))


def without_managed_fields(manifest: Manifest) -> Manifest:
    """The object without the bookkeeping of server-side apply, as kubectl prints it."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return manifest
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**manifest, "metadata": kept}


def _to_yaml(plain: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks and quotes doubly, as kubectl does."""

        def choose_scalar_style(self) -> Any:
            """Double quotes wherever quotes are needed."""
            style = super().choose_scalar_style()
            return '"' if style == "'" else style

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    return yaml.dump(plain, Dumper=Dumper, allow_unicode=True, width=10_000)
