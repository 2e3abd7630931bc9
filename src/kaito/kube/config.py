"""Where an API server is and how to be believed by it.

A `Cluster` comes from a kubeconfig, from the pod this process runs in, or from the embedded plane's
socket. What a kubeconfig says and we cannot do is refused here, in one line, before any request:
going on without it would mean another server or another user than the one meant.
"""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kaito.base.errors import KaitoError
from kaito.kube import errors
from kaito.kube.exec_credential import ExecLogin, Login, parse_exec_plugin

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_EXEC_EXTENSION = "client.authentication.k8s.io/exec"
_UNSUPPORTED: Mapping[str, tuple[str, str]] = {
    "auth-provider": (
        "`auth-provider`, which Kubernetes removed in 1.26",
        "write the kubeconfig anew with the cloud's tool; it brings an `exec` plugin instead",
    ),
    "username": (
        "`username` and `password`, which Kubernetes removed in 1.19",
        "use a context with a token, a client certificate or an `exec` plugin",
    ),
    "as": (
        "`as` (impersonation), which kaito does not do",
        "use a context whose user has the rights itself",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One API server: a base URL, and over TCP its CA and our credentials.

    With `unix_socket` the connection goes there and the URL's host is only a name.
    """

    url: str
    namespace: str = "default"
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    exec_login: ExecLogin | None = None
    ca: bytes = field(default=b"", repr=False)
    client_certificate: bytes = field(default=b"", repr=False)
    client_key: bytes = field(default=b"", repr=False)
    verify: bool = True
    tls_server_name: str = ""
    """Whom the server's certificate must name, where that is not the URL's host."""
    proxy_url: str = field(default="", repr=False)
    unix_socket: Path | None = None

    @property
    def address(self) -> str:
        """Where the server is, for messages."""
        return str(self.unix_socket or self.url)

    async def login(self) -> Login:
        """What to show the server now; may run a plugin, and raises `ApiError` where that fails."""
        if self.exec_login:
            return await self.exec_login.current()
        return Login(
            token=self.current_token(), certificate=self.client_certificate, key=self.client_key
        )

    def refused(self, login: Login) -> None:
        """The server answered 401 to this login; the next one may differ."""
        if self.exec_login:
            self.exec_login.discard(login)

    def ssl_context(self, login: Login) -> ssl.SSLContext | None:
        """The TLS settings, or None where the connection is not TLS."""
        if self.unix_socket or self.url.startswith("http://"):
            return None
        try:
            return self._tls(login)
        except (ssl.SSLError, ValueError) as error:
            raise errors.ApiError(
                f"the certificates for {self.url} cannot be used: {error}",
                hint="look at certificate-authority, client-certificate and client-key",
            ) from error

    def _tls(self, login: Login) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca.decode("ascii") if self.ca else None)
        # From Python 3.13 on it is set, and refuses the authorities of many clusters: they lack an
        # extension that only this flag asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if login.certificate:
            _load_client_certificate(context, login.certificate + b"\n" + login.key)
        return context

    def current_token(self) -> str:
        """The bearer token; re-read where it lies in a file, since kubelet rotates those."""
        if not self.token_file:
            return self.token
        try:
            return self.token_file.read_text().strip()
        except (OSError, ValueError) as error:
            raise errors.ApiError(
                f"the token file {str(self.token_file)!r} for {self.url} cannot be read: {error}",
                hint="look at the `tokenFile` of the kubeconfig's user",
            ) from error


def on_socket(path: Path) -> Cluster:
    """The embedded plane's trusted socket."""
    return Cluster(url="http://plane", unix_socket=path)


def in_cluster() -> Cluster | None:
    """The API server of the cluster this process runs in, or None outside one."""
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST"),
        os.environ.get("KUBERNETES_SERVICE_PORT"),
    )
    if not host or not port or not (_SERVICE_ACCOUNT / "token").exists():
        return None
    host = f"[{host}]" if ":" in host else host
    return Cluster(
        url=f"https://{host}:{port}",
        namespace=(_SERVICE_ACCOUNT / "namespace").read_text().strip(),
        token_file=_SERVICE_ACCOUNT / "token",
        ca=(_SERVICE_ACCOUNT / "ca.crt").read_bytes(),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """One kubeconfig that was read."""

    path: Path
    document: dict[str, Any]


def from_kubeconfig(path: Path, *, context: str = "") -> Cluster:
    """The cluster that a kubeconfig's context names; `KaitoError` when the file does not say."""
    return from_kubeconfigs((path,), context=context)


def from_kubeconfigs(paths: Sequence[Path], *, context: str = "") -> Cluster:
    """The same of several files as one: of each name the first file that has it counts.

    So does the first that says which context is current. Paths in a file are relative to that file
    (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
    """
    sources = tuple(_Source(path, _document(path)) for path in paths)
    currents = (source.document.get("current-context") for source in sources)
    name = context or next(filter(None, currents), "")
    _, chosen = _named(sources, "context", name)
    path, cluster = _named(sources, "cluster", chosen.get("cluster") or "")
    name = chosen.get("user") or ""
    owned_by, user = _named(sources, "user", name) if name else (path, {})
    owner = f"user {name!r} of kubeconfig {str(owned_by)!r}"
    _refuse_unsupported(owner, user)
    return Cluster(
        url=_url(path, cluster, chosen["cluster"]),
        namespace=chosen.get("namespace") or "default",
        token=user.get("token") or "",
        token_file=owned_by.parent / user["tokenFile"] if user.get("tokenFile") else None,
        exec_login=_exec_login(owned_by, _told_of_cluster(path, cluster), user, owner=owner),
        ca=_bytes(cluster, "certificate-authority", path),
        client_certificate=_bytes(user, "client-certificate", owned_by),
        client_key=_bytes(user, "client-key", owned_by),
        verify=not cluster.get("insecure-skip-tls-verify", False),
        tls_server_name=cluster.get("tls-server-name") or "",
        proxy_url=_proxy(path, cluster, chosen["cluster"]),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise KaitoError(f"kubeconfig {str(path)!r} cannot be read: {_one_line(error)}") from error
    if not isinstance(document, dict):
        raise KaitoError(
            f"kubeconfig {str(path)!r} holds no mapping", hint="see `kaito kubeconfig`"
        )
    return document


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        # Its own text quotes the line, and that may hold a token.
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _named(sources: Sequence[_Source], kind: str, name: str) -> tuple[Path, dict[str, Any]]:
    """The entry of that name, and the file that it is from."""
    for source in sources:
        entries = source.document.get(f"{kind}s") or []
        found = next((entry for entry in entries if entry.get("name") == name), None)
        if found is not None and isinstance(found.get(kind), dict):
            return source.path, found[kind]
    read = " and ".join(repr(str(source.path)) for source in sources)
    have = "has" if len(sources) == 1 else "have"
    raise KaitoError(f"kubeconfig {read} {have} no {kind} {name!r}")


def _refuse_unsupported(owner: str, user: Mapping[str, Any]) -> None:
    for key, (what, hint) in _UNSUPPORTED.items():
        if user.get(key):
            raise KaitoError(f"{owner} has {what}", hint=hint)


def _url(path: Path, cluster: Mapping[str, Any], name: str) -> str:
    url = str(cluster.get("server") or "").rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise KaitoError(
            f"kubeconfig {str(path)!r}: cluster {name!r} has server {url!r}, which is no URL"
        )
    return url


def _proxy(path: Path, cluster: Mapping[str, Any], name: str) -> str:
    url = str(cluster.get("proxy-url") or "")
    scheme = url.partition("://")[0]
    if url and scheme != "http":
        raise KaitoError(
            f"kubeconfig {str(path)!r}: cluster {name!r} is behind a {scheme!r} proxy, "
            "and kaito speaks to HTTP proxies only",
            hint="use a proxy-url that begins with http://, or remove it",
        )
    return url


def _exec_login(
    path: Path, told: dict[str, object], user: Mapping[str, Any], *, owner: str
) -> ExecLogin | None:
    stanza = user.get("exec")
    # A token of the user's own goes before a plugin, as with kubectl.
    if not stanza or user.get("token") or user.get("tokenFile"):
        return None
    if not isinstance(stanza, dict):
        raise KaitoError(f"{owner} has an `exec` that is no mapping")
    plugin = parse_exec_plugin(stanza, owner=owner, folder=path.absolute().parent, cluster=told)
    return ExecLogin(plugin)


def _told_of_cluster(path: Path, cluster: Mapping[str, Any]) -> dict[str, object]:
    """`spec.cluster` of an ExecCredential: the cluster as the kubeconfig has it, CA inlined."""
    same = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
    told: dict[str, object] = {key: cluster[key] for key in same if cluster.get(key)}
    if authority := _bytes(cluster, "certificate-authority", path):
        told["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster.get("extensions") or []:
        if extension.get("name") == _EXEC_EXTENSION:
            told["config"] = extension.get("extension")
    return told


def _bytes(entry: Mapping[str, Any], key: str, kubeconfig: Path) -> bytes:
    where = f"kubeconfig {str(kubeconfig)!r}"
    if inline := entry.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(str(inline).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KaitoError(f"{where}: {key}-data is not base64") from error
    if not entry.get(key):
        return b""
    try:
        # Relative paths in a kubeconfig are relative to the file itself.
        return (kubeconfig.parent / str(entry[key])).read_bytes()
    except OSError as error:
        raise KaitoError(f"{where}: {key} cannot be read: {error}") from error


def _load_client_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    # The ssl module takes client certificates from files only.
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        # An empty password: without one, an encrypted key would be asked for on the terminal.
        context.load_cert_chain(file.name, password="")
