"""Credentials that a program hands out: client-go's exec plugins, as AKS, EKS and GKE use them.

`parse_exec_plugin` reads a kubeconfig's `exec` stanza, `ExecLogin` runs the program and keeps what
it printed until shortly before that expires. One run at a time, none more often than every few
seconds, and never one for each request. The protocol is that of
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
What a plugin prints is secret: no message, log or repr may carry any of it, nor the arguments.
"""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from kaito.api.meta import Wire
from kaito.base.clock import Clock, SystemClock, parse_rfc3339
from kaito.base.errors import KaitoError
from kaito.base.logs import facts
from kaito.kube import errors

logger = logging.getLogger(__name__)

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_LONGEST_RUN = 300.0
"""Seconds: a person may have to type a code into a browser meanwhile."""
_SHORTEST_USE = 5.0
"""Seconds that an outcome, good or bad, stands: many requests fail or wait at the same time."""
_EARLIEST_RENEWAL = timedelta(seconds=60)
"""A credential is renewed this long before it expires, or at nine tenths of a short life."""
_LOG_IN_AGAIN = {
    "aws": "aws sso login",
    "aws-iam-authenticator": "aws sso login",
    "kubelogin": "az login",
    "gke-gcloud-auth-plugin": "gcloud auth login",
}


class LoginFailed(errors.ApiError):
    """The plugin gave no credential; the message says whose it is and what it did."""


class InteractiveMode(StrEnum):
    """Whether a plugin gets the terminal."""

    NEVER = "Never"
    IF_AVAILABLE = "IfAvailable"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What we show to a server: a bearer token, a client certificate (PEM), or both."""

    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    expires: datetime | None = None
    """None: good until the server says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecPlugin:
    """A kubeconfig's `exec` stanza."""

    owner: str
    """Whose credential it is, as messages name it."""
    folder: Path
    """Where the kubeconfig lies; relative commands start there."""
    api_version: str
    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    install_hint: str = ""
    interactive_mode: InteractiveMode = InteractiveMode.IF_AVAILABLE
    cluster: Mapping[str, object] | None = field(default=None, repr=False)
    """`spec.cluster` of what the plugin is told; None: it does not ask."""

    def program(self) -> str:
        """The path to run; `LoginFailed` with the stanza's own hint where there is none."""
        has_folder = "/" in self.command
        asked = str(self.folder / self.command) if has_folder else self.command
        if found := shutil.which(asked):
            return found
        hint = self.install_hint or f"install {self.command!r} or put it on PATH"
        raise LoginFailed(
            f"{self.owner} logs in through {self.command!r}, which is not an installed program",
            hint=hint,
        )

    def is_interactive(self) -> bool:
        """Whether the plugin gets the terminal; `LoginFailed` where it needs one in vain."""
        has_terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
        if self.interactive_mode is InteractiveMode.ALWAYS and not has_terminal:
            raise LoginFailed(
                f"{self.owner} logs in through {self.command!r}, which must ask a person, "
                "and standard input is not a terminal",
                hint="run this in a terminal, or use a context with another user",
            )
        return has_terminal and self.interactive_mode is not InteractiveMode.NEVER

    def surroundings(self, *, interactive: bool) -> dict[str, str]:
        """The plugin's environment: ours, the stanza's, and what it is asked."""
        spec: dict[str, object] = {"interactive": interactive}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        asked = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        told = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(asked).decode()}
        return {**os.environ, **dict(self.environment), **told}


class _Status(Wire):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _Printed(Wire):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


class _Variable(Wire):
    name: str
    value: str = ""


class _Stanza(Wire):
    api_version: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[_Variable, ...] = ()
    install_hint: str = ""
    interactive_mode: InteractiveMode | None = None
    provide_cluster_info: bool = False


def parse_exec_plugin(
    stanza: Mapping[str, object], *, owner: str, folder: Path, cluster: Mapping[str, object]
) -> ExecPlugin:
    """An `exec` stanza; `KaitoError` where it breaks the protocol.

    `owner` names user and kubeconfig, `cluster` is told to plugins that ask for it.
    """
    # `env: null` is what several clouds' tools write.
    given = {key: value for key, value in stanza.items() if value is not None}
    try:
        read = msgspec.convert(given, _Stanza)
    except msgspec.ValidationError as error:
        raise KaitoError(f"{owner} has an unreadable `exec`: {error}") from error
    mode = read.interactive_mode
    if mode is None and read.api_version == _VERSIONS[1]:
        mode = InteractiveMode.IF_AVAILABLE
    if problem := _problem_of(read, mode):
        raise KaitoError(
            f"{owner} has an `exec` {problem}",
            hint="write the kubeconfig anew with the current tool of the cloud",
        )
    return ExecPlugin(
        owner=owner,
        folder=folder,
        api_version=read.api_version,
        command=read.command,
        arguments=read.args,
        environment=tuple((variable.name, variable.value) for variable in read.env),
        install_hint=read.install_hint.strip(),
        interactive_mode=mode or InteractiveMode.NEVER,
        cluster=cluster if read.provide_cluster_info else None,
    )


def _problem_of(stanza: _Stanza, mode: InteractiveMode | None) -> str:
    if stanza.api_version not in _VERSIONS:
        wanted = " or ".join(_VERSIONS)
        return f"of apiVersion {stanza.api_version!r}; it must be {wanted}"
    if not stanza.command:
        return "without a command"
    return "" if mode else "without interactiveMode, which v1 requires"


class ExecLogin:
    """The credential of one plugin, kept while it is good. Shared by all clients of a cluster."""

    def __init__(self, plugin: ExecPlugin, *, clock: Clock | None = None) -> None:
        self.plugin = plugin
        self._clock = clock or SystemClock()
        self._login: Login | None = None
        self._failure: LoginFailed | None = None
        self._ran_at = 0.0
        self._renew_at: datetime | None = None
        self._turn = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def current(self) -> Login:
        """A credential that is good now, from the plugin where need be; `LoginFailed`."""
        if login := self._kept():
            return login
        turn = self._one_at_a_time()
        if turn.locked() and (login := self._unexpired()):
            # Somebody renews it early; a lease, say, must not wait for that.
            return login
        async with turn:
            # Whoever had the turn before may have fetched it, or have failed to.
            if login := self._kept():
                return login
            if self._failure and self._is_recent():
                raise LoginFailed(str(self._failure), hint=self._failure.hint)
            return await self._renew()

    def discard(self, login: Login) -> None:
        """The server refused this one: fetch another for the next request.

        Not right after it came: a server that refuses every credential would otherwise have the
        plugin run for each request.
        """
        if login is self._login and not self._is_recent():
            self._login = None

    def _kept(self) -> Login | None:
        is_due = self._renew_at is not None and self._clock.now() >= self._renew_at
        return self._login if not is_due or self._is_recent() else None

    def _is_recent(self) -> bool:
        return self._clock.monotonic() - self._ran_at < _SHORTEST_USE

    def _one_at_a_time(self) -> asyncio.Lock:
        # A lock belongs to one event loop, and a command line may run several in turn.
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    async def _renew(self) -> Login:
        try:
            login = _parse_login(self.plugin, await _run(self.plugin))
        except LoginFailed as error:
            return self._fall_back(error)
        finally:
            self._ran_at = self._clock.monotonic()
        self._renew_at = _renewal(login, self._clock.now())
        self._login, self._failure = login, None
        return login

    def _fall_back(self, error: LoginFailed) -> Login:
        """What is left of the old credential's life bridges a plugin's bad moment."""
        self._failure = error
        self._login = self._unexpired()
        if self._login is None:
            raise error
        logger.warning("credential not renewed, the old one still holds", extra=facts(error=error))
        return self._login

    def _unexpired(self) -> Login | None:
        expires = self._login.expires if self._login else None
        return self._login if expires and self._clock.now() < expires else None


def _renewal(login: Login, now: datetime) -> datetime | None:
    if login.expires is None:
        return None
    return login.expires - min(_EARLIEST_RENEWAL, (login.expires - now) / 10)


async def _run(plugin: ExecPlugin) -> bytes:
    """What the plugin printed; its standard error goes where ours goes, for the user to read."""
    program, interactive = plugin.program(), plugin.is_interactive()
    try:
        child = await asyncio.create_subprocess_exec(
            program,
            *plugin.arguments,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env=plugin.surroundings(interactive=interactive),
        )
    except (OSError, ValueError) as error:
        raise _failed(plugin, f"cannot be started: {error}") from error
    try:
        async with asyncio.timeout(_LONGEST_RUN):
            printed, _ = await child.communicate()
    except TimeoutError as error:
        raise _failed(plugin, f"did not end within {_LONGEST_RUN:g}s") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise _failed(plugin, f"failed with {_ending(child.returncode or 0)}")
    return printed


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"signal {-status}"


def _parse_login(plugin: ExecPlugin, printed: bytes) -> Login:
    try:
        answer = msgspec.json.decode(printed, type=_Printed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _failed(plugin, f"printed no readable ExecCredential: {error}") from error
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        raise _failed(
            plugin, f"did not print an ExecCredential of apiVersion {plugin.api_version!r}"
        )
    status = answer.status or _Status()
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise _failed(plugin, "printed a client certificate without its key, or the reverse")
    if not status.token and not status.client_key_data:
        raise _failed(plugin, "printed an ExecCredential without a credential")
    return Login(
        token=status.token,
        certificate=status.client_certificate_data.encode(),
        key=status.client_key_data.encode(),
        expires=_expiry(plugin, status.expiration_timestamp),
    )


def _expiry(plugin: ExecPlugin, text: str | None) -> datetime | None:
    try:
        return parse_rfc3339(text) if text else None
    except ValueError as error:
        raise _failed(plugin, "printed an expirationTimestamp that is no time") from error


def _failed(plugin: ExecPlugin, outcome: str) -> LoginFailed:
    name = Path(plugin.command).name
    again = _LOG_IN_AGAIN.get(name)
    step = f"`{again}` may be due; " if again else ""
    return LoginFailed(
        f"{plugin.owner}: its login plugin {plugin.command!r} {outcome}",
        hint=f"{step}what it says itself stands above; `kubectl get nodes` runs it too",
    )
