"""Where weights may come from, as values and as the text that a pod's arguments carry.

    folder:/models/phi-3          a folder on the node
    hub:ORG/MODEL@REVISION        a model hub that speaks Hugging Face's HTTP API
    oci:REGISTRY/REPOSITORY:TAG   an artifact in an OCI registry
    package:NAME==VERSION#FILE    a file that an installed Python distribution ships

Pure: what each needs to be reached is the runtime's business.
"""

from typing import TypeAlias

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


WeightSource: TypeAlias = FolderSource | HubSource | OciSource | PackageSource


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
    raise UsageError(
        f"weight source {text!r} is not understood",
        hint="write folder:PATH, hub:ORG/MODEL@REVISION, oci:REFERENCE or package:NAME==VERS#FILE",
    )
