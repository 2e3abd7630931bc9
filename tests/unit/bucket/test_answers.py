"""Documents of a bucket: read as values, refused where they are something else."""

import pytest

from kaito.bucket.answers import (
    NotUnderstood,
    StoredObject,
    parse_document,
    parse_page,
    parse_parts,
    parse_uploads,
)

PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<IsTruncated>%s</IsTruncated><NextContinuationToken>more</NextContinuationToken>
<Contents><Key>a &amp; b.json</Key><Size>7</Size><ETag>&quot;e&quot;</ETag></Contents>
</ListBucketResult>"""


def test_a_listing_is_its_objects_and_what_asks_for_the_next_page() -> None:
    page = parse_page(PAGE % b"true")
    assert page.objects == (StoredObject(key="a & b.json", size=7, etag='"e"'),)
    assert page.following == "more"
    assert parse_page(PAGE % b"false").following == ""


def test_white_space_is_part_of_a_key() -> None:
    page = parse_page(
        b"<ListBucketResult><Contents><Key> a </Key><Size> 7\n</Size></Contents></ListBucketResult>"
    )
    assert page.objects == (StoredObject(key=" a ", size=7),)


def test_a_page_that_is_not_the_last_says_what_asks_for_the_next() -> None:
    told = b"<%s><IsTruncated>true</IsTruncated></%s>"
    with pytest.raises(NotUnderstood, match="NextContinuationToken"):
        parse_page(told % (b"ListBucketResult", b"ListBucketResult"))
    with pytest.raises(NotUnderstood, match="NextPartNumberMarker"):
        parse_parts(told % (b"ListPartsResult", b"ListPartsResult"))


def test_uploads_are_those_of_the_very_key_and_what_asks_for_the_next_page() -> None:
    text = b"<ListMultipartUploadsResult>%s</ListMultipartUploadsResult>"
    one = b"<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>"
    entries = one % (b"a", b"1") + one % (b"a", b"2") + one % (b"ab", b"3")
    assert parse_uploads(text % entries, "a") == (("1", "2"), ("", ""))
    more = b"<IsTruncated>true</IsTruncated><NextKeyMarker>ab</NextKeyMarker>"
    more += b"<NextUploadIdMarker>3</NextUploadIdMarker>"
    assert parse_uploads(text % (entries + more), "a")[1] == ("ab", "3")


def test_white_space_before_a_document_is_what_a_slow_service_sends() -> None:
    parts, following = parse_parts(b"\n  <?xml version='1.0'?><ListPartsResult></ListPartsResult>")
    assert (parts, following) == ((), "")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html><body>404",
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><ListBucketResult>&a;</ListBucketResult>',
        b"<Error><Code>x</Code></Error>",
        b"<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>",
    ],
    ids=["nothing", "a web page", "entities", "another document", "no number"],
)
def test_anything_else_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_page(text)


def test_a_document_type_is_refused_before_anything_is_expanded() -> None:
    with pytest.raises(NotUnderstood, match="document type"):
        parse_document(b'<!DOCTYPE x SYSTEM "file:///etc/hostname"><x/>')
