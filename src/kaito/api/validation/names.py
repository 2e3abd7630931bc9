"""What names and image references look like, as patterns that RE2 and Python read alike.

Names: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/. Images:
https://github.com/distribution/reference/blob/main/reference.go, the grammar at its top.
"""

import re
from typing import Final

LONGEST_LABEL: Final = 63
"""Characters of a part of a DNS name, and of a label's value."""
DNS_LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_PART: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN: Final = f"{_PART}([.]{_PART})*"
"""At most 253 characters, which a pattern cannot say; the schema does."""

_HOST: Final = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY: Final = rf"({_HOST}([.]{_HOST})*|\[[0-9a-fA-F:]+\])(:[0-9]+)?"
_COMPONENT: Final = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
_ANY_CASE: Final = "[a-zA-Z0-9]+(([.]|_|__|-+)[a-zA-Z0-9]+)*"
_TAG: Final = ":[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_DIGEST: Final = "@[a-zA-Z][a-zA-Z0-9+._-]*:[0-9a-fA-F]{32,}"

IMAGE: Final = f"({_REGISTRY}/)?{_COMPONENT}(/{_COMPONENT})*({_TAG})?({_DIGEST})?"
IMAGE_ANY_CASE: Final = f"({_REGISTRY}/)?{_ANY_CASE}(/{_ANY_CASE})*({_TAG})?({_DIGEST})?"
"""Also with capitals in the repository, which no registry has: KAITO's own pages write
placeholders such as `ADAPTER_HERE:0.0.1`, and KAITO admits them."""
PUSHED_IMAGE: Final = f"({_REGISTRY}|{_COMPONENT})(/{_COMPONENT})+{_TAG}"
"""With a registry or an account in front, and a tag: something to push to."""

_LABEL_NAME: Final = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY: Final = re.compile(f"(({DNS_SUBDOMAIN})/)?{_LABEL_NAME}")
_LABEL_VALUE: Final = re.compile(f"({_LABEL_NAME})?")


def service_name(longest: int) -> str:
    """The pattern of a Service's name of at most so many characters: a DNS-1035 label."""
    return f"[a-z]([-a-z0-9]{{0,{longest - 2}}}[a-z0-9])?"


def is_label_key(text: str) -> bool:
    """Whether a node may have a label of that key."""
    return len(text) <= 317 and _LABEL_KEY.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    """Whether a label may have that value."""
    return _LABEL_VALUE.fullmatch(text) is not None
