"""The documents that a bucket answers with, as values.

Read with expat itself, which is told to refuse a document type: no entity is ever expanded.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

MAX_BYTES = 4 << 20
"""A page of a thousand names of a thousand characters, and some more."""


class NotUnderstood(ValueError):
    """The answer is no document of this service's."""


@dataclass(slots=True)
class Element:
    """One element: its name without a namespace, its text, and what is in it."""

    name: str
    text: str = ""
    inner: list["Element"] = field(default_factory=list)

    def find(self, name: str) -> str:
        """The text of the first element of that name directly in it; empty where there is none.

        All of it: white space at either end may be part of a key.
        """
        return next((one.text for one in self.inner if one.name == name), "")

    def all(self, name: str) -> Iterator["Element"]:
        """Those of that name directly in it."""
        return (one for one in self.inner if one.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of a listing."""

    key: str
    size: int
    etag: str = ""
    """Changes with its content; a checksum only sometimes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a listing; `following` asks for the next, empty on the last."""

    objects: tuple[StoredObject, ...]
    following: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of an upload that the service has."""

    number: int
    size: int
    etag: str


def parse_document(text: bytes) -> Element:
    """The root element; `NotUnderstood` where the text is no XML or brings a document type."""
    top = Element("")
    path = [top]
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_: object) -> NoReturn:
        raise NotUnderstood("it has a document type")

    def start(name: str, _: object) -> None:
        path.append(Element(name.rpartition(" ")[2]))
        path[-2].inner.append(path[-1])

    def end(_: str) -> None:
        path.pop()

    def add(text: str) -> None:
        path[-1].text += text

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = add
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as error:
        raise NotUnderstood(str(error)) from error
    return top.inner[0]


def parse_page(text: bytes) -> Page:
    """A ListObjectsV2 answer."""
    root = parse_root(text, "ListBucket")
    found = tuple(
        StoredObject(key=one.find("Key"), size=_number(one.find("Size")), etag=one.find("ETag"))
        for one in root.all("Contents")
    )
    return Page(objects=found, following=_following(root, "NextContinuationToken"))


def parse_uploads(text: bytes, key: str) -> tuple[tuple[str, ...], tuple[str, str]]:
    """The ids of a page's uploads of exactly that key, and what asks for the next page.

    That is a key and an upload after which it begins; empty on the last.
    """
    root = parse_root(text, "ListMultipartUploads")
    own = tuple(one.find("UploadId") for one in root.all("Upload") if one.find("Key") == key)
    after = _following(root, "NextKeyMarker")
    return own, (after, root.find("NextUploadIdMarker") if after else "")


def parse_parts(text: bytes) -> tuple[tuple[Part, ...], str]:
    """The parts of a page, and after which one the next page begins; empty on the last."""
    root = parse_root(text, "ListParts")
    found = tuple(
        Part(
            number=_number(one.find("PartNumber")),
            size=_number(one.find("Size")),
            etag=one.find("ETag"),
        )
        for one in root.all("Part")
    )
    return found, _following(root, "NextPartNumberMarker")


def parse_root(text: bytes, name: str) -> Element:
    """The root element, whose name must begin so: how it ends is not the same everywhere."""
    root = parse_document(text)
    if not root.name.startswith(name):
        raise NotUnderstood(f"it is a {root.name}, not a {name}")
    return root


def _following(root: Element, name: str) -> str:
    """What asks for the next page; empty on the last, and only there."""
    if root.find("IsTruncated").strip() != "true":
        return ""
    if not (following := root.find(name)).strip():
        raise NotUnderstood(f"a page is not the last, and has no {name}")
    return following


def _number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise NotUnderstood(f"{text[:40]!r} is no number")
    return int(text)
