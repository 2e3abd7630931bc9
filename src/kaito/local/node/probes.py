"""Carries out what probes and hooks ask for: an HTTP request, a connection, a command, a pause.

One check is one call that ends in time; when to check and what the result means is decided in
`lifecycle.probing`. The words are the kubelet's.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from kaito.base.clock import Clock
from kaito.local.node.commands import Commands
from kaito.local.node.errors import NodeError
from kaito.local.node.lifecycle.facts import RunId
from kaito.local.node.pod import Check, Container, ExecAction, HttpGet, TcpSocket
from kaito.local.node.waiting import ends_within

_USER_AGENT = "kube-probe/1.34"
_LONGEST_BODY = 10 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The running container that a check is about."""

    container: Container
    run: RunId
    address: str
    """The pod's."""


class Checker:
    """Carries out checks. Close it at the end."""

    def __init__(self, commands: Commands, *, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of what HTTP checks hold."""
        if self._http is not None:
            await self._http.close()

    async def check(self, check: Check, about: Checked, *, within: float) -> str:
        """Carry out one check within that many seconds: empty for success, else what is wrong."""
        try:
            if check.http_get is not None:
                return await self._get(check.http_get, about, within=within)
            if check.tcp_socket is not None:
                return await self._connect(check.tcp_socket, about, within=within)
            if check.exec is not None:
                return await self._execute(check.exec, about, within=within)
        except NodeError as error:
            return str(error)
        if check.sleep is not None:
            await self._clock.sleep(check.sleep.seconds)
            return ""
        return "probes of this kind are not supported here: use httpGet, tcpSocket or exec"

    async def _get(self, wanted: HttpGet, about: Checked, *, within: float) -> str:
        port = _to_port(wanted.port, about.container)
        path = "/" + wanted.path.removeprefix("/")
        url = f"{wanted.scheme.lower()}://{wanted.host or about.address}:{port}{path}"
        headers = {"User-Agent": _USER_AGENT, "Accept": "*/*"}
        headers.update({header.name: header.value for header in wanted.http_headers})
        answer: list[str] = []

        async def ask() -> None:
            answer.append(await self._ask(url, headers))

        if not await ends_within(self._clock, within, ask()):
            return f'Get "{url}": context deadline exceeded (no answer within {within:g} s)'
        return answer[0]

    async def _ask(self, url: str, headers: dict[str, str]) -> str:
        try:
            # A redirect counts as success, as it does for the kubelet.
            request = self._session().get(url, headers=headers, allow_redirects=False, ssl=False)
            async with request as response:
                await response.content.read(_LONGEST_BODY)
        except aiohttp.ClientConnectorError as error:
            return f'Get "{url}": {_explain(error.os_error)}'
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f'Get "{url}": {error}'
        if 200 <= response.status < 400:
            return ""
        return f"HTTP probe failed with statuscode: {response.status}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            timeout = aiohttp.ClientTimeout(total=None)
            self._http = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self._http

    async def _connect(self, wanted: TcpSocket, about: Checked, *, within: float) -> str:
        host, port = wanted.host or about.address, _to_port(wanted.port, about.container)

        async def connect() -> None:
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        try:
            if await ends_within(self._clock, within, connect()):
                return ""
        except OSError as error:
            return f"dial tcp {host}:{port}: {_explain(error)}"
        return f"dial tcp {host}:{port}: i/o timeout"

    async def _execute(self, wanted: ExecAction, about: Checked, *, within: float) -> str:
        result = await self._commands.run(about.run, wanted.command, within=within)
        if result.code is None:
            command = " ".join(wanted.command)
            return f'command "{command}" timed out after {within:g} s'
        if result.code == 0:
            return ""
        return result.output or f"command ended with exit code {result.code}"


def _to_port(port: int | str, container: Container) -> int:
    if isinstance(port, int):
        return port
    for known in container.ports:
        if known.name == port:
            return known.container_port
    if port.isdigit():
        return int(port)
    raise NodeError(f"couldn't find port {port!r} in container {container.name!r}")


def _explain(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    return f"connect: {(error.strerror or str(error)).lower()}"
