"""The chart as helm renders it, and what the roles in it allow."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import kubernetes_tools
import yaml

from kaito.api.meta import Manifest

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "kaito"
CLAIMS = "karpenter.sh/v1/NodeClaim"
POOLS = "karpenter.sh/v1/NodePool"


@dataclass(frozen=True)
class Rendered:
    """What `helm template` made, or why it refused."""

    text: str
    refusal: str = ""

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """The objects, in helm's order."""
        return tuple(filter(None, yaml.load_all(self.text, Loader=yaml.CSafeLoader)))

    def of_kind(self, kind: str) -> tuple[Manifest, ...]:
        """Those of one kind."""
        return tuple(manifest for manifest in self.manifests if manifest["kind"] == kind)


@dataclass(frozen=True, order=True)
class Grant:
    """One thing that a role allows: `verb` of `resource` (`plural.group`, and `/subresource`)."""

    verb: str
    resource: str
    names: tuple[str, ...] = ()
    """The only objects it is allowed for; empty: all."""


def render(*arguments: str, apis: Iterable[str] = ()) -> Rendered:
    """`helm template` for the namespace kaito-workspace of a cluster that has `apis`.

    A refusal is the result, too.
    """
    versions = [word for api in apis for word in ("--api-versions", api)]
    done = subprocess.run(
        [
            str(kubernetes_tools.tool_path("helm")),
            *("template", "kaito", str(CHART), "--namespace", "kaito-workspace"),
            *(*versions, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Rendered(done.stdout, done.stderr if done.returncode else "")


def grants_of(roles: Iterable[Manifest]) -> Iterator[Grant]:
    """Everything that the roles allow, one thing at a time."""
    for role in roles:
        for rule in role["rules"]:
            names = tuple(rule.get("resourceNames", ()))
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    plural, slash, part = resource.partition("/")
                    named = f"{plural}.{group}" if group else plural
                    for verb in rule["verbs"]:
                        yield Grant(verb, named + slash + part, names)
