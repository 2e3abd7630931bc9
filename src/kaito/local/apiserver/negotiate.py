"""What form a client wants its answer in, from `Accept`.

JSON is the only encoding; within it an object may be asked for as a `Table` (what kubectl prints)
or as `PartialObjectMetadata`. Offers are tried in the client's order, quality values aside, which
is what client-go sends and kube-apiserver does in practice.
"""

from dataclasses import dataclass
from typing import Literal

from kaito.local.apiserver import errors

Form = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
_ANY = frozenset({"*/*", "application/*", "application/json"})
_FORMS: tuple[Form, ...] = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
SUPPORTED = ("application/json",)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One form that the client takes and this server makes."""

    form: Form = ""
    pretty: bool = False

    @property
    def content_type(self) -> str:
        """What to label the answer."""
        return "application/json"


@dataclass(frozen=True, slots=True)
class _Offer:
    media: str
    parameters: dict[str, str]


def negotiate(accept: str) -> Accepted:
    """The first form that can be served; 406 where there is none."""
    if not accept or accept in _ANY:
        return Accepted()
    for offer in _offers(accept):
        if offer.media not in _ANY:
            continue
        wanted = offer.parameters.get("as", "")
        if not wanted:
            return Accepted()
        if offer.parameters.get("g") == "meta.k8s.io" and offer.parameters.get("v") == "v1":
            for form in _FORMS:
                if form == wanted:
                    return Accepted(form)
    raise errors.not_acceptable(SUPPORTED)


def wants_aggregated_discovery(accept: str) -> bool:
    """Whether the first JSON offer is for `apidiscovery.k8s.io/v2`."""
    for offer in _offers(accept):
        if offer.media in _ANY:
            named = offer.parameters
            return named.get("g") == "apidiscovery.k8s.io" and named.get("v") == "v2"
    return False


def _offers(accept: str) -> list[_Offer]:
    found = []
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        pairs = (p.partition("=") for p in parameters)
        found.append(_Offer(media, {key: value for key, _, value in pairs}))
    return found
