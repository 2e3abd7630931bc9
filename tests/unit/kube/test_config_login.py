"""A client that logs in through a plugin, at a TLS server that checks what it is shown."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaito.base.certificates import Issued, ServerNames, issue_authority, issue_server
from kaito.base.clock import ManualClock, SystemClock, to_rfc3339
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.config import Cluster, from_kubeconfig
from kaito.kube.exec_credential import ExecLogin, LoginFailed

DAY = timedelta(days=1)


def issue_client(authority: Issued, name: str, now: datetime) -> Issued:
    """A certificate that says who shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer_name=authority.certificate.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - DAY,
        not_valid_after=now + DAY,
    )
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


@dataclass(kw_only=True)
class Server:
    """It tells each request's token and the name in its certificate, and refuses some tokens."""

    authority: Issued
    folder: Path
    clock: ManualClock
    port: int = 0
    refused: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        transport = request.transport
        shown = transport.get_extra_info("peercert") if transport else None
        names = [part[0][1] for part in shown["subject"]] if shown else []
        status = 401 if token in self.refused else 200
        return web.json_response([token, *names], status=status)

    def plugin_prints(self, status: dict[str, str], *, lasts: timedelta = DAY) -> None:
        expires = to_rfc3339(self.clock.now() + lasts)
        answer = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {**status, "expirationTimestamp": expires},
        }
        script = self.folder / "plugin"
        script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
        script.chmod(0o755)

    def cluster(self, *, server_name: str = "api.test") -> Cluster:
        path = self.folder / "kc"
        authority = base64.b64encode(self.authority.certificate_pem).decode()
        server = f"https://127.0.0.1:{self.port}"
        stanza = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "interactiveMode": "Never",
        }
        named = {
            "server": server,
            "certificate-authority-data": authority,
            "tls-server-name": server_name,
        }
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "ada"}}],
            "clusters": [{"name": "c", "cluster": named}],
            "users": [{"name": "ada", "user": {"exec": stanza}}],
        }
        path.write_text(yaml.safe_dump(document))
        read = from_kubeconfig(path)
        assert read.exec_login is not None
        return replace(read, exec_login=ExecLogin(read.exec_login.plugin, clock=self.clock))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    now = SystemClock().now()
    authority = issue_authority("test", now=now, life=DAY)
    # Only this name, and no address: it is believed through `tls-server-name` or not at all.
    names = ServerNames(common_name="api", dns=("api.test",))
    issued = issue_server(authority, names, now=now, life=DAY)
    (tmp_path / "server.pem").write_bytes(issued.certificate_pem + issued.key_pem)
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate_pem.decode()
    )
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(tmp_path / "server.pem")
    found = Server(authority=authority, folder=tmp_path, clock=ManualClock())
    app = web.Application()
    app.router.add_get("/{path:.*}", found.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


async def seen(client: Client) -> list[str]:
    """What the server saw of one request."""
    found: list[str] = json.loads(await client.request("GET", "/api"))
    return found


async def test_requests_carry_the_plugins_token_and_the_new_one_once_it_expires(
    server: Server,
) -> None:
    server.plugin_prints({"token": "t1"}, lasts=timedelta(hours=1))
    async with Client(server.cluster()) as client:
        assert await seen(client) == ["t1"]
        server.plugin_prints({"token": "t2"})
        assert await seen(client) == ["t1"]
        await server.clock.advance(3600)
        assert await seen(client) == ["t2"]


async def test_a_renewed_certificate_is_shown_though_a_connection_with_the_old_one_is_open(
    server: Server,
) -> None:
    now = SystemClock().now()
    first, second = (issue_client(server.authority, name, now) for name in ("ada", "bob"))
    server.plugin_prints(_pair(first), lasts=timedelta(hours=1))
    async with Client(server.cluster()) as client:
        assert await seen(client) == ["", "ada"]
        server.plugin_prints(_pair(second))
        await server.clock.advance(3600)
        assert await seen(client) == ["", "bob"]


async def test_a_token_that_the_server_refuses_is_not_used_for_the_next_request(
    server: Server,
) -> None:
    server.plugin_prints({"token": "t1"})
    async with Client(server.cluster()) as client:
        assert await seen(client) == ["t1"]
        await server.clock.advance(60)
        server.refused.add("t1")
        server.plugin_prints({"token": "t2"})
        with pytest.raises(errors.Denied):
            await seen(client)
        assert await seen(client) == ["t2"]


async def test_a_server_that_refuses_every_token_does_not_have_the_plugin_run_each_time(
    server: Server,
) -> None:
    server.plugin_prints({"token": "t1"})
    server.refused.add("t1")
    async with Client(server.cluster()) as client:
        with pytest.raises(errors.Denied):
            await seen(client)
        server.plugin_prints({"token": "t2"})
        with pytest.raises(errors.Denied):
            await seen(client)


async def test_a_plugin_that_fails_is_a_failed_request_that_may_be_tried_again(
    server: Server,
) -> None:
    (server.folder / "plugin").write_text("")
    async with Client(server.cluster()) as client:
        with pytest.raises(LoginFailed) as raised:
            await seen(client)
        assert isinstance(raised.value, errors.ApiError)
        server.plugin_prints({"token": "t1"})
        await server.clock.advance(60)
        assert await seen(client) == ["t1"]


async def test_a_server_under_another_name_than_the_one_meant_gets_no_token(
    server: Server,
) -> None:
    server.plugin_prints({"token": "t1"})
    async with Client(server.cluster(server_name="other.test")) as client:
        with pytest.raises(errors.Unavailable, match="certificate"):
            await seen(client)


async def test_requests_go_through_the_proxy_that_the_kubeconfig_names(server: Server) -> None:
    server.plugin_prints({"token": "t1"})
    asked: list[str] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.splitlines()[0])
        behind, ahead = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, ahead))
            group.create_task(_pump(behind, writer))

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        through = replace(server.cluster(), proxy_url=f"http://127.0.0.1:{port}")
        async with Client(through) as client:
            assert await seen(client) == ["t1"]
    assert asked == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


def _pair(issued: Issued) -> dict[str, str]:
    return {
        "clientCertificateData": issued.certificate_pem.decode(),
        "clientKeyData": issued.key_pem.decode(),
    }
