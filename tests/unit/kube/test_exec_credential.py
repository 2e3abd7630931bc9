"""Login plugins as real programs: what they are told, how long their answer is kept, how they fail.

Not here: what a client does with a credential (test_config_login.py).
"""

import asyncio
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kaito.base.clock import ManualClock, datetime_from_timestamp, settle, to_rfc3339
from kaito.base.errors import KaitoError
from kaito.kube.exec_credential import ExecLogin, LoginFailed, parse_exec_plugin

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
OWNER = "user 'ada' of kubeconfig 'kc'"
CLUSTER = {"server": "https://example.test", "config": {"audience": "a"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A shell script beside the kubeconfig that keeps a record of its runs."""

    folder: Path

    def write(self, body: str) -> None:
        script = self.folder / "plugin"
        script.write_text(f"#!/bin/sh\ncd {shlex.quote(str(self.folder))}\necho >>runs\n{body}\n")
        script.chmod(0o755)

    def prints(self, api_version: str = V1, **status: str) -> None:
        answer = {"apiVersion": api_version, "kind": "ExecCredential", "status": status}
        self.write(f"cat <<'END'\n{json.dumps(answer)}\nEND")

    def runs(self) -> int:
        record = self.folder / "runs"
        return len(record.read_text()) if record.exists() else 0

    def login(self, clock: ManualClock | None = None, **stanza: Any) -> ExecLogin:
        given = {
            "apiVersion": V1,
            "command": "./plugin",
            "interactiveMode": "Never",
            **stanza,
        }
        plugin = parse_exec_plugin(given, owner=OWNER, folder=self.folder, cluster=CLUSTER)
        return ExecLogin(plugin, clock=clock or ManualClock())


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(folder=tmp_path)


@pytest.mark.parametrize("api_version", [V1, V1BETA1])
async def test_a_token_comes_from_the_program_beside_the_kubeconfig(
    plugin: Plugin, api_version: str
) -> None:
    plugin.prints(api_version, token="t1")
    assert (await plugin.login(apiVersion=api_version).current()).token == "t1"


async def test_a_bare_command_is_looked_up_on_path(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.prints(token="t1")
    monkeypatch.setenv("PATH", f"{plugin.folder}{os.pathsep}{os.environ['PATH']}")
    assert (await plugin.login(command="plugin").current()).token == "t1"


@pytest.mark.parametrize(
    ("stanza", "spec"),
    [
        ({}, {"interactive": False}),
        ({"provideClusterInfo": True}, {"interactive": False, "cluster": CLUSTER}),
    ],
    ids=["silent on the cluster", "with the cluster"],
)
async def test_the_plugin_gets_its_arguments_environment_and_what_is_asked(
    plugin: Plugin, stanza: dict[str, Any], spec: Any
) -> None:
    plugin.write('printf "%s\\n" "$1" "$2" "$REGION" "$KUBERNETES_EXEC_INFO" >seen; exit 1')
    env = [{"name": "REGION", "value": "eu"}]
    with pytest.raises(LoginFailed):
        await plugin.login(args=["get-token", "a b"], env=env, **stanza).current()

    first, second, region, asked = (plugin.folder / "seen").read_text().splitlines()
    assert (first, second, region) == ("get-token", "a b", "eu")
    assert json.loads(asked) == {"apiVersion": V1, "kind": "ExecCredential", "spec": spec}


async def test_a_plugin_without_a_terminal_reads_nothing_and_reports_to_our_standard_error(
    plugin: Plugin, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin.write('read -r line && exit 9; echo "token expired" >&2; exit 3')
    with pytest.raises(LoginFailed, match="failed with exit status 3"):
        await plugin.login(interactiveMode="IfAvailable").current()
    assert capfd.readouterr().err == "token expired\n"


@pytest.mark.parametrize(
    ("mode", "interactive"), [("Never", False), ("IfAvailable", True), ("Always", True)]
)
async def test_at_a_terminal_the_plugin_may_ask_unless_it_never_does(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, mode: str, interactive: bool
) -> None:
    _, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        login = plugin.login(interactiveMode=mode)
        assert login.plugin.is_interactive() == interactive


async def test_a_credential_is_renewed_shortly_before_it_expires_and_not_sooner(
    plugin: Plugin,
) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    expires = clock.now().timestamp() + 3600
    plugin.prints(token="t1", expirationTimestamp=_time(expires))
    for _ in range(3):
        assert (await login.current()).token == "t1"

    plugin.prints(token="t2", expirationTimestamp=_time(expires + 3600))
    await clock.advance(3539)
    assert ((await login.current()).token, plugin.runs()) == ("t1", 1)
    await clock.advance(1)
    assert ((await login.current()).token, plugin.runs()) == ("t2", 2)


async def test_a_short_lived_credential_is_used_for_most_of_its_life(plugin: Plugin) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1", expirationTimestamp=_time(clock.now().timestamp() + 30))
    await login.current()
    await clock.advance(26)
    await login.current()
    assert plugin.runs() == 1
    await clock.advance(1)
    await login.current()
    assert plugin.runs() == 2


async def test_a_credential_without_an_expiry_is_kept(plugin: Plugin) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1")
    await login.current()
    await clock.advance(30 * 86400)
    await login.current()
    assert plugin.runs() == 1


async def test_a_credential_that_is_old_already_does_not_run_the_plugin_for_each_request(
    plugin: Plugin,
) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1", expirationTimestamp=_time(clock.now().timestamp() - 60))
    await login.current()
    await login.current()
    assert plugin.runs() == 1
    await clock.advance(5)
    await login.current()
    assert plugin.runs() == 2


async def test_requests_that_wait_together_share_one_run(plugin: Plugin) -> None:
    plugin.prints(token="t1")
    login = plugin.login()
    found = await asyncio.gather(*(login.current() for _ in range(20)))
    assert ({item.token for item in found}, plugin.runs()) == ({"t1"}, 1)


async def test_requests_that_wait_together_share_one_failure_and_later_ones_try_again(
    plugin: Plugin,
) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.write("exit 3")
    failures = await asyncio.gather(*(login.current() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(failure, LoginFailed) for failure in failures)
    assert plugin.runs() == 1

    plugin.prints(token="t1")
    await clock.advance(5)
    assert (await login.current()).token == "t1"


async def test_a_failed_renewal_is_bridged_while_the_old_credential_lasts(plugin: Plugin) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1", expirationTimestamp=_time(clock.now().timestamp() + 3600))
    await login.current()
    plugin.write("exit 3")
    await clock.advance(3550)
    assert ((await login.current()).token, plugin.runs()) == ("t1", 2)
    await clock.advance(50)
    with pytest.raises(LoginFailed):
        await login.current()


async def test_nobody_waits_for_a_renewal_while_the_old_credential_lasts(plugin: Plugin) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1", expirationTimestamp=_time(clock.now().timestamp() + 3600))
    await login.current()
    await clock.advance(3550)

    fifo = plugin.folder / "go"
    os.mkfifo(fifo)
    plugin.write(f"read -r line <go\n{_printed(status={'token': 't2'})}")
    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(login.current())
        await settle()
        assert (await login.current()).token == "t1"
        await asyncio.to_thread(fifo.write_text, "now\n")
    assert renewing.result().token == "t2"


async def test_the_program_ends_with_the_request_that_gave_up_and_the_next_one_runs_it(
    plugin: Plugin,
) -> None:
    fifo = plugin.folder / "started"
    os.mkfifo(fifo)
    plugin.write("echo $$ >started; exec sleep 600")
    login = plugin.login()
    waiting = asyncio.create_task(login.current())
    pid = int(await asyncio.to_thread(fifo.read_text))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    plugin.prints(token="t1")
    assert (await login.current()).token == "t1"


def test_one_login_serves_several_event_loops_in_turn(plugin: Plugin) -> None:
    clock = ManualClock()
    login = plugin.login(clock)
    plugin.prints(token="t1", expirationTimestamp=_time(clock.now().timestamp()))

    async def crowd() -> None:
        await asyncio.gather(*(login.current() for _ in range(3)))
        await clock.advance(10)

    asyncio.run(crowd())
    asyncio.run(crowd())
    assert plugin.runs() == 2


def _time(timestamp: float) -> str:
    return to_rfc3339(datetime_from_timestamp(timestamp))


def _printed(**answer: Any) -> str:
    whole = {"apiVersion": V1, "kind": "ExecCredential", **answer}
    return f"echo {shlex.quote(json.dumps(whole))}"


FAILURES = {
    "exit status": ("exit 3", "'./plugin' failed with exit status 3"),
    "signal": ("kill -9 $$", "'./plugin' failed with signal 9"),
    "no JSON": ("echo s3cret", "printed no readable ExecCredential: JSON is malformed"),
    "not UTF-8": (r"printf '\"\377\"'", "printed no readable ExecCredential"),
    "nothing": ("true", "printed no readable ExecCredential"),
    "wrong type": (_printed(status={"token": 5}), "Expected `str`, got `int`"),
    "other kind": (_printed(kind="Pod"), "did not print an ExecCredential of apiVersion"),
    "other version": (_printed(apiVersion=V1BETA1), f"ExecCredential of apiVersion '{V1}'"),
    "no status": (_printed(), "printed an ExecCredential without a credential"),
    "empty status": (_printed(status={}), "printed an ExecCredential without a credential"),
    "half a pair": (
        _printed(status={"clientCertificateData": "s3cret"}),
        "printed a client certificate without its key",
    ),
    "no time": (
        _printed(status={"token": "s3cret", "expirationTimestamp": "s3cret"}),
        "printed an expirationTimestamp that is no time",
    ),
}


@pytest.mark.parametrize(("body", "message"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_names_user_kubeconfig_and_command_in_one_line_without_secrets(
    plugin: Plugin, body: str, message: str
) -> None:
    plugin.write(body)
    with pytest.raises(LoginFailed) as raised:
        await plugin.login(args=["--client-secret", "s3cret"]).current()

    text = str(raised.value)
    assert text.startswith(f"{OWNER}: its login plugin './plugin' ")
    assert message in text
    assert "s3cret" not in text + raised.value.hint
    assert "\n" not in text
    assert raised.value.hint


@pytest.mark.parametrize(
    ("command", "hint", "shown"),
    [
        ("no-such-login", "get it from\n  example.test\n", "get it from\n  example.test"),
        ("no-such-login", "", "install 'no-such-login' or put it on PATH"),
        ("./no-such-login", "", "install './no-such-login' or put it on PATH"),
    ],
)
async def test_a_missing_program_shows_the_hint_of_the_kubeconfig(
    plugin: Plugin, command: str, hint: str, shown: str
) -> None:
    with pytest.raises(LoginFailed, match="which is not an installed program") as raised:
        await plugin.login(command=command, installHint=hint).current()
    assert raised.value.hint == shown


async def test_a_program_that_cannot_be_started_says_why(plugin: Plugin) -> None:
    script = plugin.folder / "plugin"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(LoginFailed, match="cannot be started"):
        await plugin.login().current()


async def test_a_plugin_that_must_ask_is_refused_without_a_terminal(plugin: Plugin) -> None:
    plugin.prints(token="t1")
    with pytest.raises(LoginFailed, match="standard input is not a terminal"):
        await plugin.login(interactiveMode="Always").current()
    assert plugin.runs() == 0


async def test_the_cloud_to_log_in_to_again_is_named(plugin: Plugin) -> None:
    plugin.write("exit 1")
    (plugin.folder / "plugin").rename(plugin.folder / "aws")
    with pytest.raises(LoginFailed) as raised:
        await plugin.login(command="./aws").current()
    assert "aws sso login" in raised.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "v1alpha1'; it must be"),
        ({"command": ""}, "without a command"),
        ({"interactiveMode": None}, "without interactiveMode"),
        ({"interactiveMode": "Perhaps"}, "unreadable `exec`"),
        ({"args": "get-token"}, "unreadable `exec`"),
    ],
    ids=str,
)
def test_a_stanza_that_breaks_the_protocol_is_refused(
    plugin: Plugin, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(KaitoError, match=message) as raised:
        plugin.login(**change)
    assert str(raised.value).startswith(OWNER)


def test_nulls_and_the_old_version_without_a_mode_are_read(plugin: Plugin) -> None:
    stanza: dict[str, Any] = {
        "apiVersion": V1BETA1,
        "interactiveMode": None,
        "env": None,
        "args": None,
    }
    read = plugin.login(**stanza).plugin
    assert (read.arguments, read.environment, read.interactive_mode) == ((), (), "IfAvailable")


async def test_no_repr_shows_a_secret(plugin: Plugin) -> None:
    plugin.prints(token="s3cret", clientCertificateData="s3cret", clientKeyData="s3cret")
    login = plugin.login(args=["--password=s3cret"], env=[{"name": "PASSWORD", "value": "s3cret"}])
    shown = f"{await login.current()!r} {login!r} {login.plugin!r}"
    assert "s3cret" not in shown
