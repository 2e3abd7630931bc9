"""Logins from mounted Secrets and from Docker's own file."""

import base64
import json
from pathlib import Path

import pytest

from kaito.registry.credentials import ANONYMOUS, Login, read_credentials, user_credentials
from kaito.registry.errors import RegistryError


def auth(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def secret(folder: Path, name: str, document: object) -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(document))
    return folder


def test_both_types_of_secrets_are_read(tmp_path: Path) -> None:
    new = secret(tmp_path / "new", ".dockerconfigjson", {"auths": {"ghcr.io": auth("a", "b:c")}})
    old = secret(tmp_path / "old", ".dockercfg", {"https://quay.io": auth("d", "e")})
    found = read_credentials([new, tmp_path / "missing", old])
    assert found.sources == ("new", "old")
    assert found.find("ghcr.io") == (Login(username="a", password="b:c"),)
    assert found.find("quay.io", "x/y") == (Login(username="d", password="e"),)
    assert found.find("other.io") == ()


def test_docker_hub_is_one_registry_under_all_its_names(tmp_path: Path) -> None:
    auths = {"https://index.docker.io/v1/": auth("a", "b")}
    folder = secret(tmp_path / "hub", "config.json", {"auths": auths})
    assert read_credentials([folder]).find("docker.io", "library/x")


def test_the_more_particular_login_comes_first(tmp_path: Path) -> None:
    auths = {"r.io": auth("all", ""), "r.io/team": auth("team", ""), "*.r.io": auth("any", "")}
    found = read_credentials([secret(tmp_path / "s", ".dockerconfigjson", {"auths": auths})])
    assert [one.username for one in found.find("r.io", "team/model")] == ["team", "all"]
    assert [one.username for one in found.find("r.io", "teams/model")] == ["all"]
    assert [one.username for one in found.find("eu.r.io", "x")] == ["any"]
    assert found.find("a.eu.r.io", "x") == ()


def test_an_identity_token_is_a_login(tmp_path: Path) -> None:
    auths = {"r.io": {"identitytoken": "refresh"}}
    found = read_credentials([secret(tmp_path / "s", ".dockerconfigjson", {"auths": auths})])
    assert found.find("r.io")[0].identity == "refresh"


def test_a_credential_helper_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"auths": {"r.io": {}}, "credsStore": "desktop"}
    monkeypatch.setenv("DOCKER_CONFIG", str(secret(tmp_path / "d", "config.json", document)))
    found = user_credentials()
    assert found.logins == ()
    assert "credential helper 'desktop', which is not asked" in found.notes[0]


def test_a_user_without_a_home_has_no_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert user_credentials() == ANONYMOUS


@pytest.mark.parametrize("text", ["", "[]", '{"auths": {"r.io": {"auth": "?"}}}'])
def test_a_broken_secret_is_one_line_with_a_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / ".dockerconfigjson").write_text(text)
    with pytest.raises(RegistryError) as caught:
        read_credentials([tmp_path])
    assert caught.value.kind == "auth"
    assert "\n" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Login(username="a", password="secret", identity="secret"))
