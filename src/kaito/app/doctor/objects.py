"""Kinds that only the doctor reads, as far as it reads them."""

import msgspec

from kaito.api.core import CRDS, SECRETS
from kaito.api.meta import Condition, Manifest, Object, Wire
from kaito.api.resources import Resource, reading
from kaito.app.webhook.registration import REGISTRATIONS


class EnvVar(Wire):
    """A variable of a container; one with a source has no value here."""

    name: str = ""
    value: str = ""


class Program(Wire):
    """A container of a Deployment."""

    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Its command line."""
        return (*self.command, *self.args)


class Programs(Wire):
    """The containers of a pod template."""

    containers: tuple[Program, ...] = ()


class ProgramTemplate(Wire):
    """A pod template."""

    spec: Programs = Programs()


class DeploymentSpec(Wire):
    """What is wanted of a Deployment."""

    replicas: int = 1
    template: ProgramTemplate = ProgramTemplate()


class DeploymentStatus(Wire):
    """What was observed of it."""

    ready_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class Deployment(Object):
    """Programs that run for ever."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class CrdVersion(Wire):
    """One version of a custom kind."""

    name: str
    served: bool = False
    storage: bool = False
    schema: Manifest = {}

    @property
    def structure(self) -> Manifest:
        """The schema itself."""
        found: Manifest = self.schema.get("openAPIV3Schema") or {}
        return found


class CrdSpec(Wire):
    """What a CRD defines."""

    versions: tuple[CrdVersion, ...] = ()


class CrdStatus(Wire):
    """Whether it is served."""

    conditions: tuple[Condition, ...] = ()


class Crd(Object):
    """A custom kind's definition."""

    spec: CrdSpec = CrdSpec()
    status: CrdStatus = CrdStatus()


class Caller(Wire):
    """How an API server reaches a webhook."""

    ca_bundle: str = ""
    service: Manifest | None = None


class Hook(Wire):
    """One entry of a registration."""

    name: str = ""
    failure_policy: str = "Fail"
    client_config: Caller = Caller()


class Registration(Object):
    """A ValidatingWebhookConfiguration."""

    webhooks: tuple[Hook, ...] = ()


class QuotaStatus(Wire):
    """What is allowed and what is used."""

    hard: dict[str, str] = {}
    used: dict[str, str] = {}


class Quota(Object):
    """Limits of a namespace."""

    status: QuotaStatus = QuotaStatus()


class SecretKeys(Object):
    """A Secret without what it holds: values are skipped undecoded, only names stay."""

    data: dict[str, msgspec.Raw] = {}


class ServerVersion(Wire):
    """What an API server says of itself."""

    major: str = ""
    minor: str = ""
    git_version: str = ""


class User(Wire):
    """Whom an API server takes us for."""

    username: str = ""
    groups: tuple[str, ...] = ()


DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", type=Deployment
)
DEFINITIONS = reading(CRDS, Crd)
HOOKS = reading(REGISTRATIONS, Registration)
QUOTAS = Resource(group="", version="v1", plural="resourcequotas", kind="ResourceQuota", type=Quota)
SECRET_KEYS = reading(SECRETS, SecretKeys)
