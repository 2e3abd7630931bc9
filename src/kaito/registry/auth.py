"""Who we are to a registry: answers its challenges with a password or a token of its service.

The first request goes without either, for most content is public. A token that has worked and no
longer does has expired: the same login is asked for another. One that never worked makes room for
the next login, and last for none. https://distribution.github.io/distribution/spec/auth/token/
"""

import asyncio
import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import aiohttp
import msgspec
from yarl import URL

from kaito.registry.credentials import Credentials, Login
from kaito.registry.errors import RegistryError
from kaito.registry.reference import Reference
from kaito.registry.web import Ask, Transient, Web

Actions: TypeAlias = Literal["pull", "pull,push"]
PlainHttp: TypeAlias = Callable[[str], bool]
"""Whether a host (with its port) may be spoken to without TLS."""

_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_CLIENT = "kaito"


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


@dataclass(slots=True, kw_only=True)
class _Standing:
    """Where we stand with one repository: what to send, whose login it is, whether it worked."""

    header: str = ""
    login: int = -1
    has_worked: bool = False


class Authority:
    """Keeps what each repository accepts."""

    def __init__(self, web: Web, credentials: Credentials, *, plain_http: PlainHttp) -> None:
        self._web = web
        self._credentials = credentials
        self._plain_http = plain_http
        self._standings: dict[tuple[str, str, str], _Standing] = {}
        self._lock = asyncio.Lock()

    def header(self, reference: Reference, actions: Actions) -> str:
        """What to send as Authorization; empty: nothing."""
        return self._standing(reference, actions).header

    def accept(self, reference: Reference, actions: Actions, header: str) -> None:
        """Note that the registry took `header`."""
        standing = self._standing(reference, actions)
        standing.has_worked = standing.has_worked or bool(header and header == standing.header)

    async def improve(
        self, reference: Reference, actions: Actions, *, refused: str, challenge: str
    ) -> bool:
        """Have something else to send than what was `refused`; False when nothing is left."""
        async with self._lock:
            standing = self._standing(reference, actions)
            if standing.header != refused:
                return True
            if not standing.has_worked:
                standing.login += 1
            standing.has_worked = False
            logins = (*self._credentials.find(reference.registry, reference.repository), None)
            while standing.login < len(logins):
                header = await self._answer(challenge, logins[standing.login], reference, actions)
                if header and header != refused:
                    standing.header = header
                    return True
                standing.login += 1
            return False

    def _standing(self, reference: Reference, actions: Actions) -> _Standing:
        key = (reference.registry, reference.repository, actions)
        return self._standings.setdefault(key, _Standing())

    async def _answer(
        self, challenge: str, login: Login | None, reference: Reference, actions: Actions
    ) -> str:
        scheme, _, rest = challenge.strip().partition(" ")
        if scheme.lower() == "basic":
            return _basic(login) if login and login.username else ""
        if scheme.lower() != "bearer":
            return ""
        asked = {name: quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
        realm = asked.pop("realm", "")
        if not _is_secure(realm, self._plain_http):
            raise RegistryError(
                f"registry {reference.registry} sends logins to {realm[:200]!r}, not to https",
                kind="refused",
            )
        scope = f"repository:{reference.repository}:{actions}"
        if asked.get("scope", "repository:").startswith("repository:"):
            asked["scope"] = scope
        known = {name: asked[name] for name in ("service", "scope") if name in asked}
        token = await self._fetch_token(realm, known, login)
        return f"Bearer {token}" if token else ""

    async def _fetch_token(self, realm: str, asked: dict[str, str], login: Login | None) -> str:
        """The service's token; empty when it refuses this login."""

        async def attempt() -> str:
            if login and login.identity:
                form = {"grant_type": "refresh_token", "refresh_token": login.identity}
                fields = aiohttp.FormData({**form, **asked, "client_id": _CLIENT})
                ask = Ask(method="POST", address=realm, data=fields)
            else:
                url = str(URL(realm).update_query(asked))
                headers = {"Authorization": _basic(login)} if login else {}
                ask = Ask(address=url, headers=headers)
            async with self._web.open(ask) as response:
                if response.status in {400, 401, 403}:
                    return ""
                if response.status >= 400:
                    raise Transient(f"the token service answered {response.status}")
                found = msgspec.json.decode(await response.read(), type=_Token)
                return found.token or found.access_token

        try:
            return await self._web.insist(attempt, what=f"token service {URL(realm).host}")
        except msgspec.MsgspecError as error:
            problem = f"token service {URL(realm).host} does not answer with a token"
            raise RegistryError(problem, kind="refused") from error


def _is_secure(url: str, plain_http: PlainHttp) -> bool:
    """Whether `url` is over TLS, or of a host for which plain HTTP is accepted."""
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme == "https" or (parsed.scheme == "http" and plain_http(parsed.authority))


def _basic(login: Login) -> str:
    pair = f"{login.username}:{login.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
