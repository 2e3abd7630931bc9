"""Which addresses a download may reach through a proxy of the operator's, on real sockets."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pretend_hub
import pytest

from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.sources.download import Download, fetch_url
from kaito.runtimes.tuning.sources.guard import Guard, GuardedResolver

# The names of RFC 2606: none of them is ever resolved, here or elsewhere.
PLAIN = "https://data.example/train.jsonl?key=hidden"
AWAY = "https://data.example/away.jsonl"
INWARD = "https://data.example/inward.jsonl"


class Silent:
    """Nobody is told."""

    def start(self, *, total: int, done: int) -> None:
        return

    def advance(self, size: int, *, item: str = "") -> None:
        return


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pretend_hub.Hub]:
    data = tmp_path / "data"
    data.write_text("{}\n")
    site = pretend_hub.Site(
        files={PLAIN: data}, redirects={AWAY: PLAIN, INWARD: "https://169.254.169.254/latest"}
    )
    with pretend_hub.running_hub(tmp_path, site) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


async def fetch(hub: pretend_hub.Hub, url: str, folder: Path) -> bytes:
    guard = Guard()
    trusted = ssl.create_default_context(cafile=hub.environment["SSL_CERT_FILE"])
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(guard), ssl=trusted)
    async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
        download = Download(
            session=session,
            guard=guard,
            clock=SystemClock(),
            counting=Silent(),
            random=lambda: 0.0,
            backoff=Backoff(base=0.001, cap=0.001),
        )
        return (await fetch_url(download, url, folder, index=0)).path.read_bytes()


async def test_behind_a_proxy_names_are_the_proxys_to_resolve(
    hub: pretend_hub.Hub, tmp_path: Path
) -> None:
    assert await fetch(hub, AWAY, tmp_path) == b"{}\n"
    assert hub.asked[0] == "CONNECT data.example:443"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://10.0.0.8/train.jsonl", "private"),
        ("https://0x7f.1/train.jsonl", "loopback"),
        ("https://metadata.google.internal/train.jsonl", "metadata"),
    ],
)
async def test_what_is_private_as_written_is_not_asked_of_the_proxy_either(
    hub: pretend_hub.Hub, tmp_path: Path, url: str, said: str
) -> None:
    with pytest.raises(DataRefused, match=said):
        await fetch(hub, url, tmp_path)
    assert hub.asked == []


@pytest.mark.parametrize("address", ["192.0.0.192", "192.0.0.7", "64:ff9b:1::7f00:1"])
def test_a_name_that_leads_to_a_reserved_address_is_refused(address: str) -> None:
    with pytest.raises(DataRefused, match="resolves to"):
        Guard().check_address("data.example", address)


async def test_a_redirect_inward_is_not_asked_of_the_proxy(
    hub: pretend_hub.Hub, tmp_path: Path
) -> None:
    with pytest.raises(DataRefused, match="metadata"):
        await fetch(hub, INWARD, tmp_path)
    assert hub.asked == ["CONNECT data.example:443", INWARD]


async def test_a_name_that_no_proxy_lists_is_resolved_here(
    hub: pretend_hub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "here.example"
    monkeypatch.setenv("no_proxy", name)
    monkeypatch.setenv("NO_PROXY", name)
    with pytest.raises(SourceFailed):
        await fetch(hub, f"https://{name}/train.jsonl", tmp_path)
    assert hub.asked == []


async def test_a_proxy_that_refuses_is_named_and_the_links_key_is_not(
    hub: pretend_hub.Hub, tmp_path: Path
) -> None:
    with pytest.raises(SourceFailed, match="the proxy refuses to connect") as refusal:
        await fetch(hub, "https://other.example/train.jsonl?key=hidden", tmp_path)
    assert "(403)" in refusal.value.line
    assert "hidden" not in refusal.value.line


async def test_a_proxy_that_is_not_there_is_named(
    hub: pretend_hub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(SourceFailed, match=r"cannot reach the proxy 127\.0\.0\.1:9"):
        await fetch(hub, PLAIN, tmp_path)


async def test_only_the_port_of_a_proxy_is_let_through_on_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://localhost:3128")
    resolver = GuardedResolver(Guard())
    assert await resolver.resolve("localhost", 3128)
    with pytest.raises(DataRefused, match="resolves to 127"):
        await resolver.resolve("localhost", 8080)
