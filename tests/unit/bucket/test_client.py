"""What a bucket refuses, as one line that says what to mend; and what is asked again instead."""

import asyncio
import hashlib
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from bucket_server import REGION, BucketServer, spied_wire

from kaito.api.runtime import ENV_BUCKET_CA
from kaito.api.weight_source import S3Source
from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.bucket.client import Bucket, Call, open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.login import find_login
from kaito.bucket.send import Outgoing, send_files
from kaito.local.apiserver.pki import ensure_pki
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Unwatched
from kaito.registry.web import Transient, Web, open_web

Make = Callable[..., S3Source]


async def refused(source: S3Source) -> BucketError:
    with pytest.raises(BucketError) as caught:
        async with open_bucket(source, SystemClock()) as bucket:
            await bucket.list_files()
    assert "\n" not in str(caught.value)
    return caught.value


def a_user(server: BucketServer, name: str, *actions: str) -> dict[str, str]:
    """Variables of a user who may do that much."""
    iam = boto3.client(
        "iam", endpoint_url=server.url, region_name=REGION, aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    if actions:
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


async def test_logins_are_proven_and_what_they_lack_is_named(
    server: BucketServer, make_bucket: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = msgspec.structs.replace(make_bucket(), prefix="models/it's (1) & more")
    server.put(source, "a.json", b"{}")
    reader = a_user(server, "reader", "s3:ListBucket", "s3:GetObject", "s3:PutObject")
    nobody = a_user(server, "nobody")

    def sign_in(**login: str) -> None:
        for name, value in login.items():
            monkeypatch.setenv(name, value)

    server.require_logins(True)
    try:
        sign_in(**reader)
        async with open_bucket(source, SystemClock()) as bucket:
            assert set(await bucket.list_files()) == {"a.json"}
            part = {"Range": "bytes=1-1"}
            call = Call(action="s3:GetObject", key=bucket.key("a.json"), headers=part)
            assert await bucket.ask(call) == b"}"
            file = tmp_path / "b c+d.json"
            file.write_bytes(b"[]")
            sha256 = hashlib.sha256(b"[]").hexdigest()
            sent = Outgoing(name=file.name, path=file, size=2, sha256=sha256)
            await send_files(bucket, [sent], Unwatched())
        sign_in(AWS_SECRET_ACCESS_KEY="another")
        wrong = await refused(source)
        assert (wrong.reason, wrong.kind) == ("login", "auth")
        assert "does not know this login (SignatureDoesNotMatch)" in str(wrong)
        sign_in(**nobody)
        denied = await refused(source)
        assert denied.reason == "denied"
        assert str(denied).endswith("access is denied (s3:ListBucket)")
        sign_in(**reader, AWS_SESSION_TOKEN="old")
        expired = await refused(source)
        assert expired.reason == "expired"
        assert "AWS_SESSION_TOKEN" in expired.hint
    finally:
        server.require_logins(False)


async def test_a_bucket_that_is_not_there_is_named(make_bucket: Make) -> None:
    error = await refused(msgspec.structs.replace(make_bucket(), bucket="none-such"))
    assert error.reason == "no bucket"
    assert str(error).startswith("there is no bucket 'none-such' at http://127.0.0.1:")


async def test_an_address_that_nobody_is_at_is_known_at_once() -> None:
    source = S3Source("any", "", "http://127.0.0.1:9")
    with pytest.raises(RegistryError, match=r"cannot reach 127\.0\.0\.1") as caught:
        async with open_bucket(source, SystemClock()) as bucket:
            await bucket.list_files()
    assert caught.value.kind == "unreachable"


class Service:
    """A service that says what a test wants: answers by status and text, the last for ever."""

    def __init__(self, *answers: tuple[int, str, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Authorization", ""))
        status, text, headers = self.answers[0]
        self.answers = self.answers[1:] or self.answers
        return web.Response(status=status, text=text, headers=headers)

    async def list(self, region: str = "") -> dict[str, Any]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        async with TestServer(app) as server, open_web(SystemClock()) as one:
            patient = Web(
                session=one.session, clock=one.clock, backoff=Backoff(base=0.01, cap=0.01)
            )
            source = S3Source("b-1", "p", str(server.make_url("/")).rstrip("/"), region)
            return dict(await Bucket(source, patient, await find_login()).list_files())


EMPTY: tuple[int, str, dict[str, str]] = (200, "<ListBucketResult></ListBucketResult>", {})


def error(code: str, *, more: str = "") -> str:
    return f"<Error><Code>{code}</Code><Message>so it is</Message>{more}</Error>"


@pytest.mark.parametrize(
    "told",
    [
        (301, error("PermanentRedirect"), {"x-amz-bucket-region": "eu-west-9"}),
        (400, error("AuthorizationHeaderMalformed", more="<Region>eu-west-9</Region>"), {}),
    ],
    ids=["a redirect", "a signature"],
)
async def test_a_bucket_in_another_region_is_followed_where_the_service_says_which(
    told: tuple[int, str, dict[str, str]],
) -> None:
    service = Service(told, EMPTY)
    await service.list(region="us-east-1")
    first, second = service.asked
    assert "/us-east-1/s3/" in first
    assert "/eu-west-9/s3/" in second


@pytest.mark.parametrize(
    ("status", "text", "reason", "said"),
    [
        (301, error("PermanentRedirect"), "region", "is in another region"),
        (403, error("RequestTimeTooSkewed"), "clock", "this machine's clock is wrong"),
        (400, error("ExpiredToken"), "expired", "token has expired"),
        (507, "", "full", "has no room left"),
        (403, error("QuotaExceeded"), "full", "takes no more"),
        (403, "", "denied", "access is denied (s3:ListBucket)"),
        (404, "<html>no such page", "endpoint", "does not answer as S3 does (404)"),
        (200, "<html></html>", "endpoint", "does not answer as S3 does"),
        (200, "hello", "endpoint", "does not answer as S3 does"),
        (400, error("Odd"), "refused", "refuses: Odd: so it is"),
    ],
)
async def test_each_refusal_has_a_reason_and_a_line(
    status: int, text: str, reason: str, said: str
) -> None:
    with pytest.raises(BucketError) as caught:
        await Service((status, text, {})).list()
    assert caught.value.reason == reason
    assert said in str(caught.value)


async def test_a_busy_service_is_asked_again() -> None:
    service = Service((503, error("SlowDown"), {}), (500, "", {}), EMPTY)
    assert await service.list() == {}
    assert len(service.asked) == 3


async def test_without_a_login_requests_go_unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    service = Service((200, EMPTY[1], {}))
    assert await service.list() == {}
    assert service.asked == [""]
    with pytest.raises(BucketError) as caught:
        await Service((403, error("AccessDenied"), {})).list()
    assert caught.value.hint.startswith("no login was found: name a Secret")


async def test_a_refusal_that_falls_silent_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kaito.bucket.client.ANSWER_SECONDS", 0.2)
    over = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"Content-Length": "100"})
        await response.prepare(request)
        await over.wait()
        return response

    app = web.Application()
    app.router.add_get("/{tail:.*}", stall)
    async with TestServer(app, host="127.0.0.1") as server:
        source = S3Source("b-1", "p", f"http://127.0.0.1:{server.port}")
        call = Call(action="s3:GetObject", key="p/x", is_bulk=True)
        async with open_bucket(source, SystemClock()) as bucket, asyncio.timeout(5):
            with pytest.raises(Transient, match="sent nothing"):
                async with bucket.open(call):
                    pass
        over.set()


async def test_a_role_whose_token_is_missing_is_a_login_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises((BucketError, RegistryError)) as caught:
        await Service(EMPTY).list()
    assert isinstance(caught.value, BucketError)
    assert caught.value.reason == "login"


async def test_a_service_with_a_certificate_of_an_own_authority_is_trusted_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = ensure_pki(tmp_path, SystemClock().now())
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(files.certificate, files.key)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", Service(EMPTY).answer)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=served)
    source = S3Source("b-1", "p", f"https://127.0.0.1:{server.port}")

    async def list_files() -> None:
        async with open_bucket(source, SystemClock()) as bucket:
            await bucket.list_files()

    try:
        with pytest.raises(RegistryError, match="its certificate is not trusted"):
            await list_files()
        monkeypatch.setenv(ENV_BUCKET_CA, "# Főtanúsítvány\n" + files.ca.read_text())
        await list_files()
        monkeypatch.setenv(ENV_BUCKET_CA, "-----BEGIN CERTIFICATE-----")
        with pytest.raises(BucketError, match="holds no certificate"):
            await list_files()
    finally:
        await server.close()


def test_a_wire_outlives_a_server_that_is_away() -> None:
    """Else one refused connection would leave every later one of a test without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as away:
        port = away.getsockname()[1]
    with spied_wire(f"http://127.0.0.1:{port}") as (url, _):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=5) as client:
            assert client.recv(1) == b""
        with (
            socket.create_server(("127.0.0.1", port)) as back,
            socket.create_connection(address, timeout=5) as client,
        ):
            back.settimeout(5)
            server, _ = back.accept()
            with server:
                server.sendall(b"!")
                assert client.recv(1) == b"!"
