"""Just enough of an API server, over TLS, for kubectl and client libraries to reach a pod."""

import asyncio
import os
import shutil
import signal
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.streaming.pods import CONTAINER, POD, ProcessPods

from kaito.api.meta import Key, Manifest
from kaito.base.clock import ManualClock, SystemClock
from kaito.local.apiserver.streaming.routes import StreamingRoutes

PATIENCE = 60.0
"""Seconds that one run of a client may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended."""

    code: int
    out: bytes
    err: str


class Plane:
    """The server, its pod, and kubectl pointed at it."""

    def __init__(self, folder: Path) -> None:
        self.pods = ProcessPods()
        self.kubeconfig = folder / "kubeconfig"
        self.clock = ManualClock()
        self.routes = StreamingRoutes(self.pods, clock=self.clock)
        self._folder = folder
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        await self.pods.start()
        app = web.Application()
        app.router.add_get("/version", _answer_version)
        app.router.add_get("/api", _answer_api)
        app.router.add_get("/apis", _answer_groups)
        app.router.add_get("/api/v1", _answer_resources)
        app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}", self._answer_pod)
        app.router.add_route(
            "*", "/api/v1/namespaces/{namespace}/pods/{name}/{sub}", self._answer_stream
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=_make_tls(self._folder))
        await site.start()
        port = self._runner.addresses[0][1]
        self.kubeconfig.write_text(yaml.safe_dump(_render_kubeconfig(port)))

    async def stop(self) -> None:
        assert self._runner is not None
        await self.routes.stop()
        await self._runner.cleanup()
        await self.pods.stop()

    async def start_kubectl(
        self, *arguments: str, env: dict[str, str]
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            find_kubectl(),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment | env,
            start_new_session=True,
        )

    async def kubectl(
        self, *arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None
    ) -> Outcome:
        process = await self.start_kubectl(*arguments, env=env or {})
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return Outcome(code=process.returncode, out=out, err=err.decode())

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self._folder),
            "NO_PROXY": "127.0.0.1",
        }

    async def _answer_pod(self, request: web.Request) -> web.Response:
        if _key(request) != POD:
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            return web.json_response(missing, status=404)
        return web.json_response(_POD_MANIFEST)

    async def _answer_stream(self, request: web.Request) -> web.StreamResponse:
        return await self.routes.serve(request, _key(request), request.match_info["sub"])


async def kill(process: asyncio.subprocess.Process) -> None:
    """End kubectl without warning, with its children: some are only launchers of another."""
    os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()


def find_kubectl() -> str:
    """kubectl as the environment names it; failing, not skipping, when there is none."""
    path = os.environ.get("KAITO_TEST_KUBECTL") or shutil.which("kubectl")
    assert path, "these tests need kubectl: set KAITO_TEST_KUBECTL or put it on PATH"
    return path


def _key(request: web.Request) -> Key:
    return Key(request.match_info["namespace"], request.match_info["name"])


async def _answer_version(request: web.Request) -> web.Response:
    version = {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"}
    return web.json_response(version)


async def _answer_api(request: web.Request) -> web.Response:
    return web.json_response({"kind": "APIVersions", "versions": ["v1"]})


async def _answer_groups(request: web.Request) -> web.Response:
    return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})


async def _answer_resources(request: web.Request) -> web.Response:
    kinds = [("pods", "Pod"), ("pods/log", "Pod"), ("pods/exec", "PodExecOptions")]
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
        for name, kind in kinds
    ]
    body = {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}
    return web.json_response(body)


_CONTAINER_SPEC = {"name": CONTAINER, "image": "none", "stdin": True}
_POD_MANIFEST: Manifest = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": POD.name, "namespace": POD.namespace, "uid": "1"},
    "spec": {"nodeName": "here", "containers": [_CONTAINER_SPEC]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": CONTAINER, "ready": True, "state": {"running": {}}}],
    },
}


def _render_kubeconfig(port: int) -> Manifest:
    server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "test", "user": {"token": "secret"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }


def _make_tls(folder: Path) -> SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
