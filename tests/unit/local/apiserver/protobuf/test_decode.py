"""Objects from protobuf, built here field by field."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.local.apiserver.protobuf.decode import decode_body
from kaito.local.apiserver.protobuf.wire import WireError


def varint(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, message: bytes) -> bytes:
    named = field(1, api_version) + field(2, kind)
    return b"k8s\x00" + field(1, named) + field(2, message) + field(3, "") + field(4, "")


def test_a_config_map() -> None:
    meta = field(1, "a") + field(3, "") + field(8, b"") + field(11, field(1, "k") + field(2, "v"))
    data = field(1, "key") + field(2, "text")
    binary = field(1, "raw") + field(2, b"\x00\x01")
    message = field(1, meta) + field(2, data) + field(3, binary)
    assert decode_body(body("v1", "ConfigMap", message)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "labels": {"k": "v"}},
        "data": {"key": "text"},
        "binaryData": {"raw": "AAE="},
    }


def test_zero_is_kept_where_it_says_something() -> None:
    spec = field(1, 0) + field(5, 0) + field(7, 0)
    decoded = decode_body(body("apps/v1", "Deployment", field(2, spec)))
    # replicas is a pointer, minReadySeconds and paused are not.
    assert decoded["spec"]["replicas"] == 0
    assert "minReadySeconds" not in decoded["spec"]
    assert "paused" not in decoded["spec"]


def test_inlined_messages_quantities_and_int_or_strings() -> None:
    empty_dir = field(2, field(1, "cache") + field(2, field(2, field(2, field(1, "1Gi")))))
    volume = empty_dir[2:]
    limits = field(1, field(1, "cpu") + field(2, field(1, "500m")))
    http = field(1, "/") + field(2, field(1, 1) + field(2, 0) + field(3, "web"))
    probe = field(1, field(2, http))
    container = field(1, "c") + field(2, "image") + field(8, limits) + field(10, probe)
    spec = field(1, volume) + field(2, container)
    pod = decode_body(body("v1", "Pod", field(2, spec)))["spec"]
    assert pod["volumes"] == [{"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}]
    (made,) = pod["containers"]
    assert made["resources"] == {"limits": {"cpu": "500m"}}
    assert made["livenessProbe"]["httpGet"] == {"path": "/", "port": "web"}


def test_times_are_written_as_kubernetes_writes_them() -> None:
    time = field(1, 1767225600) + field(2, 5000)
    lease = decode_body(body("coordination.k8s.io/v1", "Lease", field(2, field(3, time))))
    assert lease["spec"] == {"acquireTime": "2026-01-01T00:00:00.000005Z"}


def test_fields_of_a_newer_kubernetes_are_passed_over() -> None:
    decoded = decode_body(body("v1", "ConfigMap", field(999, "new") + field(1, field(1, "a"))))
    assert decoded["metadata"] == {"name": "a"}


def test_what_is_not_known_is_named() -> None:
    with pytest.raises(WireError, match="DaemonSet in apps/v1 is not known"):
        decode_body(body("apps/v1", "DaemonSet", b""))
    with pytest.raises(WireError, match="prefix"):
        decode_body(b"{}")


@given(st.binary(max_size=100))
def test_no_message_breaks_the_decoder(data: bytes) -> None:
    with suppress(ValueError):
        assert decode_body(body("v1", "Pod", data))["kind"] == "Pod"
