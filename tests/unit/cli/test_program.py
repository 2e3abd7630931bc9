"""Words, errors and exit statuses of the command line as a whole."""

import subprocess
import sys
from importlib import import_module

import pytest

from kaito.cli.program import main
from kaito.cli.verbs import VERBS

HEAVY = ("aiohttp", "asyncio", "argparse", "msgspec", "yaml", "cryptography", "kaito.kube.client")


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for verb in VERBS:
        assert f"  {verb.name} " in printed
        assert verb.summary in printed


def test_the_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from kaito.cli.program import main; main(['--help']);"
        f"print(','.join(sorted(set({HEAVY!r}) & set(sys.modules))), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("name", [verb.name for verb in VERBS])
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*name.split(), "--help"])
    assert left.value.code == 0
    assert f"usage: kaito {name}" in capsys.readouterr().out


def test_every_verb_has_a_module_that_says_what_it_does() -> None:
    for verb in VERBS:
        module = import_module(verb.module)
        assert (module.__doc__ or "").startswith(f"`kaito {verb.name}`")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "there is no verb 'statsu'\nhint: did you mean status?"),
        (["models"], ""),
        (["models", "lst"], "`kaito models` has no verb 'lst'\nhint: did you mean list?"),
        (["version", "--colour"], "unrecognized arguments: --colour\nhint: see `kaito version"),
        (["version", "-o", "xml"], "invalid choice: 'xml'"),
        (["-n", "default"], "a verb is missing"),
        (["apply"], "the following arguments are required: -f/--filename"),
        (["apply", "-f", "x", "--timeout", "soon"], "'soon' is not a duration\nhint: write 90s"),
        (["up", "--port", "70000"], "--port 70000 is not a port"),
        (["delete"], "nothing to delete"),
        (["logs", "x", "--tail", "few"], "--tail 'few' is not a number of lines"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line_with_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_an_option_before_the_verb_counts_as_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["-o", "json", "version"]) == 0
    assert '"version"' in capsys.readouterr().out


def test_help_about_a_verb_is_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["help", "models", "import"])
    assert "kaito models import" in capsys.readouterr().out


def test_an_interrupt_is_quiet_and_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("kaito.cli.commands.version.run", interrupt)
    assert main(["version"]) == 130
