"""Downloads against a real server: resumed, checked, and never of a private address."""

import asyncio
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from kaito.base.clock import SystemClock
from kaito.runtimes.ending import Ending
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.sources.download import Download, fetch_url
from kaito.runtimes.tuning.sources.guard import Guard, GuardedResolver

CONTENT = bytes(range(256)) * 4096


@dataclass
class Counted:
    total: int = 0
    came: int = 0

    def start(self, *, total: int, done: int) -> None:
        self.total = total

    def advance(self, size: int, *, item: str = "") -> None:
        self.came += size


@dataclass
class Site:
    """A server whose answers a test chooses."""

    answers: list[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(
        default_factory=list
    )
    ranges: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("Range", ""))
        chosen = self.answers.pop(0) if self.answers else whole
        return await chosen(request)


async def whole(request: web.Request) -> web.StreamResponse:
    start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    status = 206 if "Range" in request.headers else 200
    return web.Response(body=CONTENT[start:], status=status, headers={"ETag": '"v1"'})


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"ETag": '"v1"', "Content-Length": str(len(CONTENT))})
    await response.prepare(request)
    await response.write(CONTENT[:300_000])
    assert request.transport is not None
    request.transport.close()
    return response


def fixed(status: int, **options: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        kind = options.get("kind", "application/octet-stream")
        headers = {"Location": options["location"]} if "location" in options else {}
        body = options.get("body", "x")
        return web.Response(status=status, text=body, content_type=kind, headers=headers)

    return answer


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    one = Site()
    app = web.Application()
    app.router.add_get("/{name:.*}", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/train.jsonl?token=secret"
    yield one
    await runner.cleanup()


async def fetch(
    site: Site,
    folder: Path,
    *,
    private: tuple[str, ...] = ("127.0.0.1",),
    names: AbstractResolver | None = None,
) -> Arrived:
    guard = Guard(private)
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(guard, names))
    async with aiohttp.ClientSession(connector=connector) as session:
        download = Download(
            session=session,
            guard=guard,
            clock=_Hurried(),
            counting=Counted(),
            random=lambda: 0.0,
        )
        return await fetch_url(download, site.url, folder, index=0)


class _Hurried(SystemClock):
    """Waits for nothing: tries follow each other at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def test_a_file_arrives_whole_with_its_checksum(site: Site, tmp_path: Path) -> None:
    arrived = await fetch(site, tmp_path)

    assert arrived.path.read_bytes() == CONTENT
    assert arrived.digest == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert arrived.name == "train.jsonl"
    assert "secret" not in arrived.source


async def test_a_cut_download_goes_on_where_it_was_cut(site: Site, tmp_path: Path) -> None:
    site.answers = [cut]

    arrived = await fetch(site, tmp_path)

    assert arrived.path.read_bytes() == CONTENT
    assert site.ranges[0] == ""
    assert site.ranges[1].startswith("bytes=")


async def test_what_is_there_already_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    await fetch(site, tmp_path)
    await fetch(site, tmp_path)

    assert len(site.ranges) == 1


async def test_a_server_with_a_bad_moment_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.answers = [fixed(503), fixed(429)]

    assert (await fetch(site, tmp_path)).size == len(CONTENT)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (fixed(404), SourceFailed, "there is no such file (404); check the address"),
        (fixed(403), SourceFailed, "refuses access (403)"),
        (fixed(200, body="", kind="text/csv"), DataRefused, "the file is empty"),
        (fixed(200, kind="text/html"), DataRefused, "answers with a web page"),
        (fixed(302, location="http://169.254.169.254/latest"), DataRefused, "metadata"),
        (fixed(302, location="http://[::1]:1/x"), DataRefused, "loopback"),
        (fixed(302, location="http://10.0.0.1/x"), DataRefused, "private"),
        (fixed(302, location="http://0xa000001/x"), DataRefused, "private"),
        (fixed(302, location="http://localhost/x"), DataRefused, "local or metadata"),
        (fixed(302, location="file:///etc/passwd"), DataRefused, "must use HTTP"),
    ],
)
async def test_every_fault_is_one_clear_line(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
    kind: type[Ending],
    said: str,
    site: Site,
    tmp_path: Path,
) -> None:
    site.answers = [answer]

    with pytest.raises(kind) as refusal:
        await fetch(site, tmp_path)

    assert said in refusal.value.line
    assert "secret" not in refusal.value.line


async def test_a_server_that_stays_broken_is_given_up(site: Site, tmp_path: Path) -> None:
    site.answers = [fixed(500)] * 9

    with pytest.raises(SourceFailed, match="the server answered 500"):
        await fetch(site, tmp_path)


async def test_an_address_on_this_machine_is_refused_unless_listed(
    site: Site, tmp_path: Path
) -> None:
    with pytest.raises(DataRefused, match="loopback"):
        await fetch(site, tmp_path, private=())
    assert site.ranges == []


async def test_a_name_that_resolves_to_this_machine_is_refused_unless_listed() -> None:
    with pytest.raises(DataRefused, match="resolves to 127"):
        await GuardedResolver(Guard()).resolve("localhost", 80)
    found = await GuardedResolver(Guard(("localhost",))).resolve("localhost", 80)
    assert found


class Answers(AbstractResolver):
    """A name server whose answers a test chooses, one after the other."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._answers.pop(0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


INWARD = ["10.1.2.3", "127.0.0.1", "169.254.169.254", "168.63.129.16", "100.64.0.1", "::1",
          "fd00::1", "::ffff:10.1.2.3", "64:ff9b::a01:203", "0.0.0.0"]  # fmt: skip


@pytest.mark.parametrize("address", INWARD)
async def test_a_public_name_with_an_inward_address_is_refused(address: str) -> None:
    resolver = GuardedResolver(Guard(), Answers((address,), ("93.184.215.14", address)))
    for _ in range(2):  # alone, and among good ones
        with pytest.raises(
            DataRefused, match=rf"^data\.example resolves to {re.escape(address)}: "
        ):
            await resolver.resolve("data.example", 443)


async def test_a_name_that_changes_its_address_is_judged_every_time() -> None:
    resolver = GuardedResolver(Guard(), Answers(("93.184.215.14",), ("169.254.169.254",)))
    assert [entry["host"] for entry in await resolver.resolve("data.example")] == ["93.184.215.14"]
    with pytest.raises(DataRefused, match="metadata"):
        await resolver.resolve("data.example")


async def test_a_listed_host_may_be_private_and_still_no_metadata_endpoint() -> None:
    resolver = GuardedResolver(Guard(("data.example",)), Answers(("10.1.2.3",), ("169.254.170.2",)))
    assert [entry["host"] for entry in await resolver.resolve("data.example")] == ["10.1.2.3"]
    with pytest.raises(DataRefused, match="metadata"):
        await resolver.resolve("data.example")


async def test_a_redirect_to_a_name_that_leads_inward_is_not_asked(
    site: Site, tmp_path: Path
) -> None:
    site.answers = [fixed(302, location="http://data.example:1/train.jsonl")]
    with pytest.raises(DataRefused, match=r"data\.example resolves to 10\.1\.2\.3"):
        await fetch(site, tmp_path, names=Answers(("10.1.2.3",)))


async def beyond(request: web.Request) -> web.StreamResponse:
    return await (fixed(416) if "Range" in request.headers else whole)(request)


async def test_a_file_that_was_whole_but_not_adopted_is_fetched_again(
    site: Site, tmp_path: Path
) -> None:
    part = tmp_path / "0-train.jsonl.part"
    part.write_bytes(CONTENT)
    part.with_name(f"{part.name}.version").write_text('"v1"')
    site.answers = [beyond, beyond]

    arrived = await fetch(site, tmp_path)

    assert arrived.path.read_bytes() == CONTENT
    assert site.ranges == [f"bytes={len(CONTENT)}-", ""]


async def test_a_server_that_never_goes_on_is_given_up(site: Site, tmp_path: Path) -> None:
    site.answers = [cut, beyond] * 20

    with pytest.raises(SourceFailed, match="answered 416"):
        await fetch(site, tmp_path)
