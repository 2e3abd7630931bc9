"""Giving an incoming object its proper shape: identity, unknown fields, defaults, validity.

The steps and their order are kube-apiserver's: fields that nobody knows are reported as strictly as
the client asked and dropped, defaults are filled in, then what is left is held to the schema, to
the kind's own rules and to admission, and every problem is reported at once.
"""

from dataclasses import dataclass

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.admission import Operation
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.errors import Cause, Subject
from kaito.local.apiserver.objects import (
    metadata,
    metadata_problems,
    name_problems,
    with_metadata,
)
from kaito.local.apiserver.options import Validation
from kaito.local.apiserver.target import Target
from kaito.local.schema.builtin import apply_builtin_defaults
from kaito.local.schema.validate import apply_defaults, prune, unknown_fields, validate


@dataclass(frozen=True, slots=True)
class Shaped:
    """An object in its proper shape, and what to warn the client of."""

    manifest: Manifest
    warnings: tuple[str, ...] = ()


def identified(target: Target, manifest: Manifest) -> Manifest:
    """The object with the identity its URL gives it; 400 where the two contradict each other."""
    served = target.served
    _check_type(target, manifest)
    meta = metadata(manifest)
    name, namespace = meta.get("name") or "", meta.get("namespace") or ""
    if target.name and name and name != target.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    if served.namespaced and namespace and namespace != target.namespace:
        raise errors.bad_request(
            f"the namespace of the object ({namespace}) does not match the namespace on the URL "
            f"({target.namespace})"
        )
    changed = with_metadata(
        manifest,
        name=target.name or name or None,
        namespace=target.namespace if served.namespaced else None,
    )
    return {**changed, "apiVersion": target.api_version, "kind": served.kind}


def known(
    core: Core, target: Target, manifest: Manifest, *, duplicates: tuple[str, ...], how: Validation
) -> Shaped:
    """Report fields that the schema does not know, as strictly as asked, and drop them."""
    schema = core.schemas.of(target.served, target.version)
    unknown = unknown_fields(schema, manifest)
    complaints = [f'unknown field "{path}"' for path in unknown]
    complaints += [f'duplicate field "{path}"' for path in duplicates]
    if complaints and how == "Strict":
        kind = target.served.kind
        raise errors.bad_request(
            f'{kind} in version "{target.version}" cannot be handled as a {kind}: strict decoding '
            f"error: {', '.join(complaints)}"
        )
    # Pruning also drops the nulls that Go clients write for fields they leave unset.
    kept = prune(schema, manifest)
    return Shaped(kept, tuple(complaints) if how == "Warn" else ())


def completed(core: Core, target: Target, manifest: Manifest) -> Manifest:
    """Fill in defaults: the schema's, the kind's own, and on main resources admission's.

    Holds the object to its schema on the way (422), since all later steps count on its shape.
    """
    served = target.served
    schema = core.schemas.of(served, target.version)
    manifest = apply_defaults(schema, manifest)
    problems = [Cause(e.path, e.body, e.reason.value) for e in validate(schema, manifest)]
    # Metadata is looked into only once the schema has found the form that this counts on.
    if problems := problems or [*metadata_problems(manifest)]:
        raise errors.invalid(_subject(target, manifest), problems)
    if not served.is_custom:
        manifest = apply_builtin_defaults(served.group, served.kind, manifest)
    if target.subresource:
        return manifest
    manifest = core.admission.default(served.resource, manifest)
    return core.rules_of(served).complete(manifest)


def check(core: Core, target: Target, new: Manifest, old: Manifest | None) -> None:
    """Hold a completed object to its kind's rules (422) and to admission (403 or 422)."""
    served = target.served
    problems = list(core.rules_of(served).problems(new, old))
    if old is None:
        problems += name_problems(served, metadata(new).get("name", ""))
    if problems:
        raise errors.invalid(_subject(target, new), problems)
    if target.subresource in {"", "scale"}:
        ask_admission(core, target, "UPDATE" if old else "CREATE", old=old, new=new)


def ask_admission(
    core: Core,
    target: Target,
    operation: Operation,
    *,
    old: Manifest | None,
    new: Manifest | None,
) -> None:
    """Refuse what admission denies."""
    denials = core.admission.admit(operation, target.served.resource, old=old, new=new)
    if not denials:
        return
    subject = _subject(target, new or old or {})
    sentences = [denial for denial in denials if isinstance(denial, str)]
    if sentences:
        raise errors.forbidden(subject, "; ".join(sentences))
    causes = [Cause(d.path, d.detail) for d in denials if not isinstance(d, str)]
    raise errors.invalid(subject, causes)


def _subject(target: Target, manifest: Manifest) -> Subject:
    meta = metadata(manifest)
    return target.named(meta.get("name") or meta.get("generateName") or "").subject


def _check_type(target: Target, manifest: Manifest) -> None:
    kind, api_version = manifest.get("kind"), manifest.get("apiVersion")
    if kind and kind != target.served.kind:
        raise errors.bad_request(
            f"{target.served.plural} are of kind {target.served.kind}, but the object provided is "
            f"a {kind}"
        )
    if api_version and api_version != target.api_version:
        raise errors.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version "
            f"({target.api_version})"
        )
    if not isinstance(manifest.get("metadata") or {}, dict):
        raise errors.bad_request("metadata: expected an object")
