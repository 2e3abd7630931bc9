"""Facts from a hub, with a real server on loopback in its place."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kaito.base.errors import KaitoError
from kaito.cli.hub_model import read_hub_model

CONFIG = json.dumps(
    {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
    }
).encode()


def _weights(dtype: str = "F32", size: int = 32) -> bytes:
    entry = {"dtype": dtype, "shape": [8], "data_offsets": [0, size]}
    header = json.dumps({"model.layers.0.w": entry}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


class Hub(ThreadingHTTPServer):
    """A hub with one model, `org/model`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = {"config.json": CONFIG, "model.safetensors": _weights()}
        self.ranges: list[str] = []
        self.tokens: set[str] = set()


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.tokens.add(self.headers.get("Authorization", ""))
        if self.path == "/api/models/org/model/tree/main":
            files = self.server.files.items()
            listing = [{"type": "file", "path": name, "size": len(b)} for name, b in files]
            return self._send(json.dumps([{"type": "directory", "path": "x"}, *listing]).encode())
        name = self.path.removeprefix("/org/model/resolve/main/")
        if name not in self.server.files:
            return self.send_error(404)
        self.server.ranges.append(self.headers["Range"])
        return self._send(self.server.files[name])

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_configuration_and_headers_give_the_facts(hub: Hub) -> None:
    facts = read_hub_model("org/model")
    assert (facts.architecture, facts.context_tokens) == ("LlamaForCausalLM", 2048)
    # The header says 32 bits an element: the engine loads 16 of them.
    assert facts.weights_bytes == 16
    assert hub.tokens == {"Bearer secret"}
    assert all(asked.startswith("bytes=0-") for asked in hub.ranges)


def test_a_header_longer_than_the_first_bytes_is_asked_for_whole(hub: Hub) -> None:
    entry = {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}
    header = json.dumps({"__metadata__": {"x": "y" * 300_000}, "w": entry}).encode()
    hub.files["model.safetensors"] = len(header).to_bytes(8, "little") + header + bytes(32)
    assert read_hub_model("org/model").weights_bytes == 16
    assert f"bytes=0-{len(header) + 7}" in hub.ranges


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", None, "there is no config.json"),
        ("config.json", b"[", "config.json is not JSON"),
        ("model.safetensors", None, "there are no weights"),
        ("model.safetensors", b"\xff" * 64, "model.safetensors: safetensors header of"),
        ("model.safetensors", _weights()[:-1], "model.safetensors: safetensors file has"),
    ],
)
def test_what_is_wrong_with_a_file_names_it(
    hub: Hub, name: str, content: bytes | None, said: str
) -> None:
    del hub.files[name]
    if content is not None:
        hub.files[name] = content
    with pytest.raises(KaitoError) as raised:
        read_hub_model("org/model")
    assert str(raised.value).startswith("org/model on http://127.0.0.1:")
    assert said in str(raised.value)
    assert "kaito plan PATH" in raised.value.hint


def test_a_model_that_is_not_there_may_want_a_token(hub: Hub) -> None:
    assert hub.files
    with pytest.raises(KaitoError, match=r"does not exist there, or wants a token in \$HF_TOKEN"):
        read_hub_model("org/other")


def test_a_hub_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(KaitoError, match=r"the hub at http://127\.0\.0\.1:9 cannot be asked"):
        read_hub_model("org/model")


def test_the_hub_is_not_asked_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(KaitoError, match="HF_HUB_OFFLINE forbids asking"):
        read_hub_model("org/model")
