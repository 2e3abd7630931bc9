"""String formats accept what Kubernetes accepts."""

import pytest

from kaito.local.schema.formats import explain_mismatch


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date-time", "2026-01-02T03:04:05Z"),
        ("date-time", "2026-01-02T03:04:05.123456789+02:00"),
        ("date", "2026-01-02"),
        ("duration", "1h30m"),
        ("duration", "0"),
        ("byte", "aGVsbG8="),
        ("byte", ""),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("ipv4", "10.0.0.1"),
        ("ipv6", "::1"),
        ("cidr", "10.0.0.0/8"),
        ("uri", "https://example.com/x"),
        ("quantity", "1.5Gi"),
        ("k8s-short-name", "a-1"),
        ("k8s-long-name", "a.b-c"),
        ("nobody-knows-this", "anything"),
    ],
)
def test_good_text_passes(name: str, text: str) -> None:
    assert explain_mismatch(name, text) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date-time", "2026-01-02"),
        ("date-time", "2026-13-02T03:04:05Z"),
        ("date-time", "yesterday"),
        ("date", "2026-02-30"),
        ("duration", "5 minutes"),
        ("byte", "not base64!"),
        ("uuid", "123"),
        ("ipv4", "10.0.0.256"),
        ("ipv6", "10.0.0.1"),
        ("cidr", "10.0.0.0"),
        ("uri", "example"),
        ("quantity", "1.5GB"),
        ("k8s-short-name", "A"),
        ("k8s-short-name", "a" * 64),
        ("k8s-long-name", "a..b"),
    ],
)
def test_bad_text_is_explained(name: str, text: str) -> None:
    assert explain_mismatch(name, text)
