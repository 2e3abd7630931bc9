"""Kubeconfigs as clouds and people write them: what is read, and what is refused in one line."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaito.base.errors import KaitoError
from kaito.kube.config import Cluster, from_kubeconfig, from_kubeconfigs
from kaito.kube.errors import ApiError
from kaito.kube.exec_credential import Login

EXEC = {
    "apiVersion": "client.authentication.k8s.io/v1beta1",
    "command": "kubelogin",
    "args": ["get-token", "--server-id", "6dae42f8"],
    "env": None,
    "provideClusterInfo": True,
}


def write(folder: Path, *, user: Any = None, cluster: Any = None) -> Path:
    """A kubeconfig of one context."""
    path = folder / "kc"
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "ada"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a.test/", **(cluster or {})}}],
        "users": [{"name": "ada", "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def read(folder: Path, *, user: Any = None, cluster: Any = None) -> Cluster:
    return from_kubeconfig(write(folder, user=user, cluster=cluster))


async def test_a_token_file_lies_beside_the_kubeconfig_and_is_read_anew_each_time(
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    file.write_text("t1\n")
    cluster = read(tmp_path, user={"tokenFile": "token", "token": "older"})
    assert (await cluster.login()).token == "t1"
    file.write_text("t2\n")
    assert (await cluster.login()).token == "t2"
    file.unlink()
    with pytest.raises(ApiError, match=r"token file .* cannot be read"):
        await cluster.login()


async def test_certificate_and_key_are_read_inline_or_from_beside_the_kubeconfig(
    tmp_path: Path,
) -> None:
    (tmp_path / "key.pem").write_bytes(b"key")
    # Wrapped at 64 columns, as some tools do.
    inline = base64.encodebytes(b"certificate" * 20).decode()
    user = {"client-certificate-data": inline, "client-key": "key.pem"}
    login = await read(tmp_path, user=user).login()
    assert login == Login(certificate=b"certificate" * 20, key=b"key")


def test_the_server_is_reached_as_the_kubeconfig_says(tmp_path: Path) -> None:
    cluster = read(
        tmp_path,
        cluster={
            "tls-server-name": "b.test",
            "insecure-skip-tls-verify": True,
            "proxy-url": "http://proxy.test:3128",
        },
    )
    assert cluster.url == "https://a.test"
    assert (cluster.tls_server_name, cluster.verify) == ("b.test", False)
    assert cluster.proxy_url == "http://proxy.test:3128"


def test_a_plugin_that_asks_is_told_the_cluster_with_its_authority_inlined(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"authority")
    name = "client.authentication.k8s.io/exec"
    cluster = {
        "certificate-authority": "ca.crt",
        "tls-server-name": "b.test",
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": name, "extension": {"audience": "a"}},
        ],
    }
    login = read(tmp_path, user={"exec": EXEC}, cluster=cluster).exec_login
    assert login is not None
    assert login.plugin.folder == tmp_path
    assert login.plugin.cluster == {
        "server": "https://a.test/",
        "tls-server-name": "b.test",
        "certificate-authority-data": base64.b64encode(b"authority").decode(),
        "config": {"audience": "a"},
    }


@pytest.mark.parametrize("token", [{"token": "t"}, {"tokenFile": "token"}], ids=str)
def test_a_token_of_the_users_own_goes_before_a_plugin(tmp_path: Path, token: Any) -> None:
    assert read(tmp_path, user={"exec": EXEC, **token}).exec_login is None


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    secret = base64.b64encode(b"s3cret").decode()
    user = {"token": "s3cret", "client-key-data": secret, "client-certificate-data": secret}
    proxy = {"proxy-url": "http://me:s3cret@proxy.test"}
    assert "s3cret" not in repr(read(tmp_path, user=user, cluster=proxy))


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "auth-provider": ({"auth-provider": {"name": "gcp"}}, {}, "'ada' .*removed in 1.26"),
    "basic": ({"username": "u", "password": "s3cret"}, {}, "'ada' .*removed in 1.19"),
    "impersonation": ({"token": "s3cret", "as": "root"}, {}, "'ada' .*impersonation"),
    "exec of no form": ({"exec": "s3cret"}, {}, "`exec` that is no mapping"),
    "exec of old version": (
        {"exec": {**EXEC, "apiVersion": "client.authentication.k8s.io/v1alpha1"}},
        {},
        "v1alpha1",
    ),
    "SOCKS": ({}, {"proxy-url": "socks5://me:s3cret@p"}, "'c' is behind a 'socks5' proxy"),
    "no server": ({}, {"server": None}, "cluster 'c' has server ''"),
    "no scheme": ({}, {"server": "a.test:443"}, "cluster 'c' has server 'a.test:443'"),
    "no base64": ({"client-key-data": "s3cret!"}, {}, "client-key-data is not base64"),
    "no such file": ({}, {"certificate-authority": "gone.crt"}, "gone.crt"),
}


@pytest.mark.parametrize(("user", "cluster", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line_without_secrets(
    tmp_path: Path, user: Any, cluster: Any, message: str
) -> None:
    path = write(tmp_path, user=user, cluster=cluster)
    with pytest.raises(KaitoError, match=message) as raised:
        from_kubeconfig(path)
    text = str(raised.value)
    assert repr(str(path)) in text
    assert "s3cret" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users: [{token: s3cret\n", "cannot be read: line 2"),
        ("s3cret", "holds no mapping"),
        ("", "holds no mapping"),
        ("contexts: null\n", "has no context ''"),
        ("current-context: c\ncontexts: [{name: c, context: {cluster: x}}]", "has no cluster 'x'"),
        ("current-context: c\ncontexts: [{name: c}]", "has no context 'c'"),
    ],
    ids=range(6),
)
def test_a_file_that_is_no_kubeconfig_is_refused_without_quoting_it(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "kc"
    path.write_text(text)
    with pytest.raises(KaitoError, match=message) as raised:
        from_kubeconfig(path)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


NO_PEM = base64.b64encode(b"nope").decode()


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"client-certificate-data": NO_PEM, "client-key-data": NO_PEM}, {}),
        ({}, {"certificate-authority-data": NO_PEM}),
    ],
    ids=["of the client", "of the authority"],
)
async def test_certificates_that_are_none_are_named_with_their_server(
    tmp_path: Path, user: Any, cluster: Any
) -> None:
    found = read(tmp_path, user=user, cluster=cluster)
    with pytest.raises(ApiError, match=r"certificates for https://a.test cannot be used"):
        found.ssl_context(await found.login())


def entry(kind: str, name: str, **value: Any) -> dict[str, Any]:
    return {f"{kind}s": [{"name": name, kind: value}]}


def written(folder: Path, *parts: dict[str, Any]) -> Path:
    """A kubeconfig of those entries in a folder of its own."""
    folder.mkdir()
    document: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            document[key] = document[key] + value if key in document else value
    (folder / "config").write_text(yaml.safe_dump(document))
    return folder / "config"


async def test_of_several_files_the_first_that_has_a_name_counts(tmp_path: Path) -> None:
    first = written(
        tmp_path / "1",
        {"contexts": [], "current-context": ""},
        entry("cluster", "c", server="https://first.test"),
        entry("user", "other", token="t0"),
    )
    second = written(
        tmp_path / "2",
        {"current-context": "here"},
        entry("cluster", "c", server="https://second.test"),
        entry("context", "here", cluster="c", user="ada", namespace="n"),
        entry("user", "ada", tokenFile="token"),
    )
    third = written(
        tmp_path / "3",
        {"current-context": "there"},
        entry("context", "here", cluster="c", user="other"),
        entry("context", "there", cluster="c", user="other"),
    )
    (tmp_path / "2" / "token").write_text("beside its own file")
    found = from_kubeconfigs((first, second, third))
    assert (found.url, found.namespace) == ("https://first.test", "n")
    assert (await found.login()).token == "beside its own file"
    other = from_kubeconfigs((first, second, third), context="there")
    assert (await other.login()).token == "t0"


def test_a_name_that_no_file_has_is_refused_with_all_of_them(tmp_path: Path) -> None:
    paths = (written(tmp_path / "1"), written(tmp_path / "2", {"users": []}))
    paths[0].write_text("users: []")
    with pytest.raises(KaitoError, match=r"1/config' and '.*2/config' have no context 'gone'"):
        from_kubeconfigs(paths, context="gone")
