"""A mirror's bucket in a pod: the source, the login as variables, the account. Pure.

Logins are named and never read: a pod gets them from a Secret of its own namespace, or through its
ServiceAccount (IRSA, workload identity), which the cloud's own webhook turns into variables.
"""

from dataclasses import replace

from kaito.api.meta import Manifest
from kaito.api.modelmirror import ModelMirror, bucket_of
from kaito.api.runtime import ENV_BUCKET_CA, WeightsArguments
from kaito.api.weight_source import parse_bucket_url
from kaito.base.errors import UsageError
from kaito.render.served_model import MirrorBucket
from kaito.render.settings import RenderSettings

_LOGIN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 - the variable's name
_CA_KEY = "ca.crt"
_SCHEME = "s3://"


def read_only_bucket(mirror: ModelMirror, settings: RenderSettings) -> MirrorBucket | None:
    """What serving pods read, with the login for readers where there is one; as `mirror_bucket`."""
    found, whole = bucket_of(mirror), mirror_bucket(mirror, settings)
    if found is None or whole is None:
        return None
    secret, account = found.reader_secret_name, found.reader_service_account_name
    return replace(whole, secret=secret, account=account) if secret or account else whole


def mirror_bucket(mirror: ModelMirror, settings: RenderSettings) -> MirrorBucket | None:
    """What the Job fills or reads; None where the mirror is a volume.

    Raises:
        UsageError: the mirror names no bucket.
    """
    found = bucket_of(mirror)
    if found is None or mirror.spec is None:
        return None
    account = mirror.spec.service_account_name
    if not found.secret_name:
        account = account or settings.bucket_account
    return MirrorBucket(source=bucket_source(mirror), secret=found.secret_name, account=account)


def reader_login(mirror: ModelMirror, namespace: str) -> str:
    """What has to be in the namespace of a pod that reads the bucket; empty: nothing is named.

    Nobody but the pod may look whether it is there.
    """
    found = bucket_of(mirror)
    if found is None or mirror.spec is None:
        return ""
    secret, account = found.reader_secret_name, found.reader_service_account_name
    if not (secret or account):
        secret, account = found.secret_name, mirror.spec.service_account_name
    named = (("Secret", secret), ("ServiceAccount", account))
    return " and ".join(f"{kind} {namespace}/{name}" for kind, name in named if name)


def bucket_source(mirror: ModelMirror) -> str:
    """The mirror's bucket as a source of weights; `UsageError` where it names none."""
    found = bucket_of(mirror)
    if found is None or mirror.spec is None:
        raise UsageError(f"ModelMirror {mirror.metadata.name} has no bucket")
    is_sealed = mirror.spec.mode != "Static"
    return str(
        parse_bucket_url(
            found.url, endpoint=found.endpoint, region=found.region, is_sealed=is_sealed
        )
    )


def bucket_url(mirror: ModelMirror) -> str:
    """The bucket, as its owner wrote it; empty where the mirror is a volume."""
    found = bucket_of(mirror)
    return found.url.rstrip("/") if found is not None else ""


def is_bucket_named(mirror: ModelMirror) -> bool:
    """Whether what the mirror names can be a bucket; admission has seen to that where it runs."""
    try:
        return bool(bucket_source(mirror))
    except UsageError:
        return False


def bucket_environment(bucket: MirrorBucket | None) -> list[Manifest]:
    """The login, as Amazon's own tools want it."""
    if bucket is None or not bucket.secret:
        return []
    named = [_from_secret(name, bucket.secret) for name in _LOGIN]
    optional = ((_TOKEN, _TOKEN), (ENV_BUCKET_CA, _CA_KEY))
    return [*named, *(_from_secret(name, bucket.secret, key=key) for name, key in optional)]


def bucket_account(bucket: MirrorBucket | None) -> Manifest:
    """The part of a pod's spec that says whose login it has."""
    return {"serviceAccountName": bucket.account} if bucket is not None and bucket.account else {}


def read_bucket(pod: Manifest) -> MirrorBucket | None:
    """The bucket from which the pod of a template gets its weights; None where it is none."""
    for container in pod.get("initContainers") or ():
        if container["name"] != "weights":
            continue
        try:
            sources = WeightsArguments.parse_argv(container.get("args") or ()).source
        except UsageError:
            return None  # of a release to come
        source = next((one for one in sources if one.startswith(_SCHEME)), "")
        if source:
            return MirrorBucket(
                source=source,
                secret=_secret_of(container),
                account=pod.get("serviceAccountName") or "",
            )
    return None


def _secret_of(container: Manifest) -> str:
    for variable in container.get("env") or ():
        if variable["name"] == _LOGIN[0]:
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
            return str(reference.get("name") or "")
    return ""


def _from_secret(name: str, secret: str, *, key: str = "") -> Manifest:
    """A variable; one whose `key` is given may be missing."""
    reference: Manifest = {"name": secret, "key": key or name}
    if key:
        reference["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}
