"""The kubeconfig: complete and private."""

import base64
from pathlib import Path

import yaml

from kaito.local.apiserver.kubeconfig import write_kubeconfig


def test_it_holds_everything_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "state" / "kubeconfig"
    for token in ("old", "new"):
        write_kubeconfig(file, url="https://127.0.0.1:1", ca=b"CA", token=token)
    assert file.stat().st_mode & 0o777 == 0o600
    document = yaml.safe_load(file.read_text())
    cluster = document["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:1"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"CA"
    assert document["users"][0]["user"] == {"token": "new"}
    assert document["current-context"] == document["contexts"][0]["name"]
    assert list(file.parent.iterdir()) == [file]
