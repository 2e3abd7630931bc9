"""Addresses to fetch data from: however a private one is spelt, it is refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.validation.urls import check_data_url

METADATA = "data source URL must not target a local or metadata endpoint"
PRIVATE = "data source URL must not target a loopback, private, or link-local address"
UNREADABLE = "invalid data source URL: its host or port cannot be read"
HOSTLESS = "invalid data source URL: there is no host in it"
SPACED = "invalid data source URL: it holds a space or a control character"
SCHEME = "data source URL must use HTTP or HTTPS"
USER = "data source URL must not carry a user or a password: anyone can read a manifest"


@pytest.mark.parametrize(
    "url",
    [
        "https://huggingface.co/datasets/a/b/resolve/main/data/train-00000.parquet?download=true",
        "HTTPS://Example.com:8443/a",
        "http://data.default.svc.cluster.local/train.json",
        "http://8.8.8.8/a",
        "http://[2606:4700::1111]/a",
        "https://example.com/a@b",
        "https://1.2.3.4.example.com",
        "https://0x7f.example/a",
        "https://008.example.com",
    ],
)
def test_a_public_address_is_fine(url: str) -> None:
    assert check_data_url(url) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", SCHEME),
        ("ftp://example.com/a", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("//example.com/a", SCHEME),
        ("http:///a", HOSTLESS),
        ("http://./a", HOSTLESS),
        ("http://example.com\\@127.0.0.1/", HOSTLESS),
        ("http://[::1/a", UNREADABLE),
        ("http://example.com:99999/a", UNREADABLE),
        ("http://example.com:a/", UNREADABLE),
        ("http://exam ple.com/a", SPACED),
        ("http://127.0.0.1\t/a", SPACED),
        ("http://example.com/a\n", SPACED),
        ("http://token@example.com/a", USER),
        ("http://example.com@127.0.0.1/a", USER),
        ("http://user:secret@example.com/a", USER),
        ("http://localhost/a", METADATA),
        ("http://LOCALHOST.:80/a", METADATA),
        ("http://a.localhost/a", METADATA),
        ("http://metadata.google.internal/computeMetadata/v1", METADATA),
        ("http://instance-data.ec2.internal/latest", METADATA),
        ("http://169.254.169.254/latest", METADATA),
        ("http://168.63.129.16/metadata", METADATA),
        ("http://[fd00:ec2::254]/latest", METADATA),
        ("http://[::ffff:169.254.169.254]/latest", METADATA),
        ("http://2852039166/latest", METADATA),
        ("http://192.0.0.192/latest", METADATA),
        ("http://[64:ff9b:1::a9fe:a9fe]/latest", METADATA),
        ("http://127.0.0.1/a", PRIVATE),
        ("http://127.1/a", PRIVATE),
        ("http://2130706433/a", PRIVATE),
        ("http://0x7f000001/a", PRIVATE),
        ("http://0177.0.0.1/a", PRIVATE),
        ("http://0x7f.1/a", PRIVATE),
        ("http://%31%32%37.0.0.1/a", PRIVATE),
        ("http://\uff11\uff12\uff17.0.0.1/a", PRIVATE),
        ("http://127\u30020\u30020\u30021/a", PRIVATE),
        ("http://0/a", PRIVATE),
        ("http://10.1.2.3/a", PRIVATE),
        ("http://172.16.0.1/a", PRIVATE),
        ("http://192.168.0.1./a", PRIVATE),
        ("http://100.64.0.1/a", PRIVATE),
        ("http://169.254.1.1/a", PRIVATE),
        ("http://224.0.0.1/a", PRIVATE),
        ("http://255.255.255.255/a", PRIVATE),
        ("http://[::1]/a", PRIVATE),
        ("http://[::]/a", PRIVATE),
        ("http://[fe80::1%25eth0]/a", PRIVATE),
        ("http://[fc00::1]/a", PRIVATE),
        ("http://[::ffff:10.0.0.1]/a", PRIVATE),
        ("http://[::ffff:7f00:1]/a", PRIVATE),
        ("http://[::127.0.0.1]/a", PRIVATE),
        ("http://[64:ff9b::10.0.0.1]/a", PRIVATE),
        ("http://[2002:a00:1::]/a", PRIVATE),
        ("http://[::ffff:0:127.0.0.1]/a", PRIVATE),
        ("http://192.0.0.1/a", PRIVATE),
        ("http://192.0.0.9/a", PRIVATE),
        ("http://[64:ff9b:1::8.8.8.8]/a", PRIVATE),
        ("http://[64:ff9b:1:ffff::1]/a", PRIVATE),
        ("http://[ff02::1]/a", PRIVATE),
    ],
)
def test_what_is_not_public_is_refused(url: str, said: str) -> None:
    assert check_data_url(url) == said


def test_this_machine_may_be_allowed_but_not_where_credentials_are() -> None:
    assert check_data_url("http://127.0.0.1:8000/a", allow_private=True) == ""
    assert check_data_url("http://localhost/a", allow_private=True) == ""
    assert check_data_url("http://0xa9fea9fe/a", allow_private=True) == METADATA
    assert check_data_url("http://metadata.google.internal/a", allow_private=True) == METADATA


@given(st.text())
def test_any_text_gets_an_answer_in_one_line(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/a"):
        assert "\n" not in check_data_url(url)


SPELLINGS = (
    lambda value: str(ipaddress.IPv4Address(value)),
    str,
    hex,
    lambda value: f"{value >> 24}.{value & 0xFFFFFF}",
    lambda value: f"{value >> 24:#o}".replace("o", "") + f".{value >> 16 & 255}.{value & 0xFFFF}",
    lambda value: f"[::ffff:{ipaddress.IPv4Address(value)}]",
    lambda value: f"[::ffff:{value >> 16:x}:{value & 0xFFFF:x}]",
)


@given(st.integers(0, 2**32 - 1), st.sampled_from(SPELLINGS))
def test_every_spelling_of_an_address_is_judged_as_its_plain_one(value: int, spell: object) -> None:
    assert callable(spell)
    plain = check_data_url(f"http://{ipaddress.IPv4Address(value)}/")
    assert check_data_url(f"http://{spell(value)}/") == plain
