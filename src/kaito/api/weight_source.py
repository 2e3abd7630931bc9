"""Where weights may come from, as values and as the text that a pod's arguments carry.

    folder:/models/phi-3          a folder on the node
    hub:ORG/MODEL@REVISION        a model hub that speaks Hugging Face's HTTP API
    oci:REGISTRY/REPOSITORY:TAG   an artifact in an OCI registry
    package:NAME==VERSION#FILE    a file that an installed Python distribution ships
    s3://BUCKET/PREFIX?endpoint=URL&region=NAME&sealed=true
                                  a folder of a bucket that speaks Amazon S3's protocol

Pure: what each needs to be reached is the runtime's business.
"""

import re
from typing import Final, TypeAlias
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import msgspec

from kaito.base.errors import UsageError


class FolderSource(msgspec.Struct, frozen=True, tag="folder"):
    """A folder that holds the model's files."""

    path: str

    def __str__(self) -> str:
        """The argument's spelling."""
        return f"folder:{self.path}"


class HubSource(msgspec.Struct, frozen=True, tag="hub"):
    """A repository of a model hub, at a revision (a commit, tag or branch)."""

    repository: str
    revision: str = "main"

    def __str__(self) -> str:
        """The argument's spelling."""
        return f"hub:{self.repository}@{self.revision}"


class OciSource(msgspec.Struct, frozen=True, tag="oci"):
    """An artifact whose layers are the model's files."""

    reference: str

    def __str__(self) -> str:
        """The argument's spelling."""
        return f"oci:{self.reference}"


class PackageSource(msgspec.Struct, frozen=True, tag="package"):
    """A weight file inside an installed Python distribution."""

    distribution: str
    version: str
    file: str

    def __str__(self) -> str:
        """The argument's spelling."""
        return f"package:{self.distribution}=={self.version}#{self.file}"


class S3Source(msgspec.Struct, frozen=True, tag="s3"):
    """A folder of a bucket."""

    bucket: str
    prefix: str = ""
    """The folder, without slashes around it; empty: the bucket's root."""
    endpoint: str = ""
    """Where the service answers, such as https://minio.example.com:9000; empty: Amazon's."""
    region: str = ""
    """Empty: what the environment says, else what the service does."""
    is_sealed: bool = False
    """Whether it counts only with the list that is written when all else is there."""

    @property
    def url(self) -> str:
        """The folder, as people write it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def __str__(self) -> str:
        """The argument's spelling."""
        given = {
            "endpoint": self.endpoint,
            "region": self.region,
            "sealed": "true" if self.is_sealed else "",
        }
        query = urlencode({name: value for name, value in given.items() if value}, safe=":/")
        path = f"s3://{self.bucket}/{quote(self.prefix)}".rstrip("/")
        return f"{path}?{query}" if query else path


WeightSource: TypeAlias = FolderSource | HubSource | OciSource | PackageSource | S3Source

BUCKET_URL: Final = "s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/[A-Za-z0-9!_.*'()/ -]*)?"
"""A bucket and a folder in it, as a pattern that RE2 and Python read alike. The characters are
those that Amazon calls safe for a key:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
BUCKET_REGION: Final = "[a-z0-9][a-z0-9-]{0,40}"
"""It becomes part of a host's name at Amazon."""
BUCKET_ENDPOINT: Final = "https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"


def parse_bucket_url(
    url: str, *, endpoint: str = "", region: str = "", is_sealed: bool = False
) -> S3Source:
    """The folder that `s3://bucket/prefix` names; `UsageError` says how it should be written."""
    if re.fullmatch(BUCKET_URL, url) is None:
        raise UsageError(f"{url!r} names no bucket", hint="write s3://BUCKET or s3://BUCKET/FOLDER")
    if endpoint and re.fullmatch(BUCKET_ENDPOINT, endpoint) is None:
        raise UsageError(f"endpoint {endpoint!r} is no address", hint="write https://HOST:PORT")
    if region and re.fullmatch(BUCKET_REGION, region) is None:
        raise UsageError(f"region {region!r} is none", hint="write it as in eu-west-1")
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    folders = [part for part in prefix.split("/") if part]
    if {".", ".."} & set(folders):
        raise UsageError(f"{url!r} has folders that lead elsewhere", hint="leave out . and ..")
    return S3Source(bucket, "/".join(folders), _to_address(endpoint), region, is_sealed)


def _to_address(endpoint: str) -> str:
    """Without a slash at its end, and the host as it is signed and sent: in lower case."""
    scheme, _, rest = endpoint.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.lower()}{slash}{path}" if host else ""


def parse_source(text: str) -> WeightSource:
    """Read one source; `UsageError` says how it should have been written."""
    scheme, _, rest = text.partition(":")
    if scheme == "folder" and rest:
        return FolderSource(rest)
    if scheme == "hub" and "/" in rest:
        repository, _, revision = rest.partition("@")
        return HubSource(repository, revision or "main")
    if scheme == "oci" and rest:
        return OciSource(rest)
    if scheme == "package":
        distribution, _, tail = rest.partition("==")
        version, _, file = tail.partition("#")
        if distribution and version and file:
            return PackageSource(distribution, version, file)
    if scheme == "s3":
        return _parse_s3(text)
    raise UsageError(
        f"weight source {text!r} is not understood",
        hint="write folder:PATH, hub:ORG/MODEL@REVISION, oci:REFERENCE, s3://BUCKET/FOLDER or "
        "package:NAME==VERS#FILE",
    )


def _parse_s3(text: str) -> S3Source:
    found = urlsplit(text)
    options = {name: values[-1] for name, values in parse_qs(found.query).items()}
    return parse_bucket_url(
        f"s3://{found.netloc}{unquote(found.path)}",
        endpoint=options.get("endpoint", ""),
        region=options.get("region", ""),
        is_sealed=options.get("sealed") == "true",
    )
