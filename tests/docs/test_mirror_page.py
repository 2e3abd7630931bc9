"""The manifests of the page on mirrors are admitted as they stand."""

import re
from pathlib import Path

import yaml
from kind_shapes import problems

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "mirror-weights.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_every_mirror_of_the_page_is_admitted() -> None:
    documents = [one for block in BLOCKS for one in yaml.safe_load_all(block)]
    mirrors = [one for one in documents if one.get("kind") == "ModelMirror"]
    whole = mirrors[0]
    # A block with a spec alone is a part of the manifest before it.
    mirrors += [{**whole, "spec": one["spec"]} for one in documents if set(one) == {"spec"}]
    assert {one["spec"].get("mode", "Managed") for one in mirrors} == {"Managed", "Static"}
    assert sum("bucket" in one["spec"].get("storage", {}) for one in mirrors) == 2
    assert [str(found) for one in mirrors for found in problems(one)] == []
