"""Where an API server is and how to be believed by it."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kaito.base.errors import KaitoError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One API server: a base URL, and over TCP its CA and our credentials.

    With `unix_socket` the connection goes there and the URL's host is only a name.
    """

    url: str
    namespace: str = "default"
    token: str = ""
    token_file: Path | None = None
    ca: bytes = b""
    client_certificate: bytes = b""
    client_key: bytes = b""
    verify: bool = True
    unix_socket: Path | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS settings, or None where the connection is not TLS."""
        if self.unix_socket or self.url.startswith("http://"):
            return None
        context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_certificate:
            _load_client_certificate(context, self.client_certificate + b"\n" + self.client_key)
        return context

    def current_token(self) -> str:
        """The bearer token; re-read where it lies in a file, since kubelet rotates those."""
        return self.token_file.read_text().strip() if self.token_file else self.token


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


def from_kubeconfig(path: Path, *, context: str = "") -> Cluster:
    """The cluster that a kubeconfig's context names; `KaitoError` when the file does not say."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise KaitoError(f"kubeconfig {str(path)!r} cannot be read: {error}") from error
    name = context or (document or {}).get("current-context", "")
    chosen = _named(path, document, "context", name)
    cluster = _named(path, document, "cluster", chosen.get("cluster", ""))
    user = _named(path, document, "user", chosen["user"]) if chosen.get("user") else {}
    if "exec" in user or "auth-provider" in user:
        raise KaitoError(
            f"kubeconfig {str(path)!r}: user {chosen['user']!r} logs in through a plugin",
            hint="use a context with a token or a client certificate",
        )
    return Cluster(
        url=str(cluster["server"]).rstrip("/"),
        namespace=chosen.get("namespace", "default"),
        token=user.get("token", ""),
        token_file=Path(user["tokenFile"]) if user.get("tokenFile") else None,
        ca=_bytes(cluster, "certificate-authority", path),
        client_certificate=_bytes(user, "client-certificate", path),
        client_key=_bytes(user, "client-key", path),
        verify=not cluster.get("insecure-skip-tls-verify", False),
    )


def _named(path: Path, document: Any, kind: str, name: str) -> dict[str, Any]:
    entries = (document or {}).get(f"{kind}s") or []
    found = next((entry for entry in entries if entry.get("name") == name), None)
    if found is None:
        raise KaitoError(f"kubeconfig {str(path)!r} has no {kind} {name!r}")
    value: dict[str, Any] = found[kind]
    return value


def _bytes(entry: dict[str, Any], key: str, kubeconfig: Path) -> bytes:
    if inline := entry.get(f"{key}-data"):
        return base64.b64decode(inline)
    # Relative paths in a kubeconfig are relative to the file itself.
    return (kubeconfig.parent / entry[key]).read_bytes() if entry.get(key) else b""


def _load_client_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    # The ssl module takes client certificates from files only.
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
