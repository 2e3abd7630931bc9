"""ModelMirror in, manifests out. `KAITO_UPDATE_GOLDEN=1` rewrites the outputs."""

import os
from pathlib import Path

import msgspec
import pytest
import yaml

from kaito.api.modelmirror import ModelMirror, bucket_of
from kaito.render.mirror import access_mode, render_claim, render_download
from kaito.render.settings import RenderSettings

_CASES = sorted(Path(__file__).parent.joinpath("mirrors").glob("*.input.yaml"))
_SETTINGS = RenderSettings(serving_image="registry.example.com/kaito-serving:1.2.3")


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.name.partition(".")[0])
def test_rendered_manifests_are_those_on_file(case: Path) -> None:
    mirror = msgspec.convert(yaml.safe_load(case.read_text()), ModelMirror)
    made = [render_download(mirror, 1, _SETTINGS)]
    if bucket_of(mirror) is None:
        made.insert(0, render_claim(mirror, access_mode("file.csi.azure.com", {})))
    text = yaml.safe_dump_all(made, sort_keys=False)
    output = case.with_name(case.name.replace(".input.", ".output."))
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        output.write_text(text)
    assert text == output.read_text()
