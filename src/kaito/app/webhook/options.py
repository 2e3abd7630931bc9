"""Where a webhook listens and what it is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host is every address of the machine; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """Where the webhook listens, and under which Service the API server reaches it."""

    address: Address = Address("", 9443)
    service: str = "kaito-workspace"
    namespace: str = "kaito-workspace"
