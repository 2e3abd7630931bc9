"""Which cluster a command line means."""

import json
from pathlib import Path

import pytest

from kaito.app.state import PlaneLock, StateFolder
from kaito.base.errors import KaitoError
from kaito.cli.target import choose_kubeconfigs


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    state = StateFolder(tmp_path / "state")
    state.prepare()
    state.kubeconfig.write_text(json.dumps({}))
    return state


def test_without_anything_the_error_says_what_to_do(state: StateFolder) -> None:
    with pytest.raises(KaitoError, match="no cluster to talk to") as raised:
        choose_kubeconfigs("", state)
    assert "kaito up" in raised.value.hint


def test_each_source_wins_over_those_behind_it(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / ".kube" / "config"
    home.parent.mkdir(parents=True)
    home.write_text("{}")
    assert choose_kubeconfigs("", state) == (home,)
    lock = PlaneLock(state)
    lock.acquire()
    assert choose_kubeconfigs("", state) == (state.kubeconfig,)
    named = tmp_path / "named"
    named.write_text("{}")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{named}")
    assert choose_kubeconfigs("", state) == (named,)
    assert choose_kubeconfigs(str(home), state) == (home,)
    lock.release()


def test_every_file_of_the_environment_that_is_there_counts(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = tuple(tmp_path / name for name in ("one", "two"))
    for path in paths:
        path.write_text("{}")
    monkeypatch.setenv("KUBECONFIG", f"{paths[1]}::{tmp_path / 'absent'}:{paths[0]}")
    assert choose_kubeconfigs("", state) == (paths[1], paths[0])


def test_what_was_named_must_be_there(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KaitoError, match="'x', named by --kubeconfig, does not exist"):
        choose_kubeconfigs("x", state)
    monkeypatch.setenv("KUBECONFIG", "y:z")
    with pytest.raises(KaitoError, match=r"'y', named by \$KUBECONFIG, does not exist"):
        choose_kubeconfigs("", state)
