"""Generates `protobuf.json`: the field numbers of Kubernetes' built-in kinds in protobuf.

Reads the struct tags of Kubernetes' Go types (`protobuf:"bytes,1,opt,name=metadata"`), which say
what the .proto files say and also which fields are pointers or inlined. Only the messages that the
kinds in `ROOTS` lead to are kept, since only those are ever decoded.

    python tools/protobuf_fields.py API_FOLDER APIMACHINERY_FOLDER

The folders are checkouts of https://github.com/kubernetes/api and .../apimachinery.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

OUTPUT = Path(__file__).parent.parent / "src/kaito/local/apiserver/protobuf/fields.json"
PACKAGES = {
    "admissionregistration/v1": "admissionregistration/v1",
    "apps/v1": "apps/v1",
    "authentication/v1": "authentication/v1",
    "authorization/v1": "authorization/v1",
    "autoscaling/v1": "autoscaling/v1",
    "batch/v1": "batch/v1",
    "coordination/v1": "coordination/v1",
    "core/v1": "core/v1",
    "discovery/v1": "discovery/v1",
    "networking/v1": "networking/v1",
    "policy/v1": "policy/v1",
    "rbac/v1": "rbac/v1",
    "scheduling/v1": "scheduling/v1",
    "storage/v1": "storage/v1",
}
META = ("meta/v1", "pkg/apis/meta/v1")
ALIASES = {"metav1": "meta/v1", "types": "types"}
ALIASES |= dict.fromkeys(("v1", "apiv1", "corev1"), "core/v1")
ALPHA = "schedulingv1alpha"
"""Types of alpha APIs: a server without those APIs drops such fields."""
ROOTS = (
    "admissionregistration/v1.MutatingWebhookConfiguration",
    "admissionregistration/v1.ValidatingWebhookConfiguration",
    "apps/v1.ControllerRevision",
    "apps/v1.Deployment",
    "apps/v1.ReplicaSet",
    "apps/v1.StatefulSet",
    "authentication/v1.SelfSubjectReview",
    "authorization/v1.SelfSubjectAccessReview",
    "authorization/v1.SelfSubjectRulesReview",
    "autoscaling/v1.Scale",
    "batch/v1.Job",
    "coordination/v1.Lease",
    "core/v1.Binding",
    "core/v1.ConfigMap",
    "core/v1.Endpoints",
    "core/v1.Event",
    "core/v1.Namespace",
    "core/v1.Node",
    "core/v1.PersistentVolume",
    "core/v1.PersistentVolumeClaim",
    "core/v1.Pod",
    "core/v1.Secret",
    "core/v1.Service",
    "core/v1.ServiceAccount",
    "discovery/v1.EndpointSlice",
    "meta/v1.DeleteOptions",
    "networking/v1.NetworkPolicy",
    "policy/v1.Eviction",
    "policy/v1.PodDisruptionBudget",
    "rbac/v1.ClusterRole",
    "rbac/v1.ClusterRoleBinding",
    "rbac/v1.Role",
    "rbac/v1.RoleBinding",
    "scheduling/v1.PriorityClass",
    "storage/v1.StorageClass",
)
SPECIAL = {
    "metav1.Time": "Time",
    "metav1.MicroTime": "MicroTime",
    "metav1.Duration": "Duration",
    "metav1.FieldsV1": "Raw",
    "resource.Quantity": "Quantity",
    "intstr.IntOrString": "IntOrString",
    "runtime.RawExtension": "Raw",
    "meta/v1.Time": "Time",
    "meta/v1.MicroTime": "MicroTime",
    "meta/v1.Duration": "Duration",
    "meta/v1.FieldsV1": "Raw",
}
SCALARS = {"string": "string", "bool": "bool", "float64": "double", "byte": "byte"}
SCALARS |= dict.fromkeys(("int", "int32", "int64", "uint8"), "int")

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\[\]\w.*]+)\s+`(.*)`", re.MULTILINE)
_TAG = re.compile(r'(\w+):"([^"]*)"')


@dataclass(frozen=True)
class Field:
    """One field: its number, its JSON name, and its Go type as written."""

    number: int
    name: str
    go_type: str
    keeps_zero: bool
    inline: bool


def main() -> None:
    """Write the data file."""
    api, machinery = Path(sys.argv[1]), Path(sys.argv[2])
    folders = {name: api / path for name, path in PACKAGES.items()}
    folders[META[0]] = machinery / META[1]
    folders["types"] = machinery / "pkg/types"
    structs: dict[str, list[Field]] = {}
    named: dict[str, str] = {}
    for package, folder in folders.items():
        read_package(package, folder, structs, named)
    messages = reachable(structs, named)
    lines = [
        f"  {json.dumps(name)}: {json.dumps(messages[name], separators=(',', ':'))}"
        for name in sorted(messages)
    ]
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{OUTPUT.name}: {len(messages)} messages")


def read_package(
    package: str, folder: Path, structs: dict[str, list[Field]], named: dict[str, str]
) -> None:
    """Gather the structs and the named types of one Go package."""
    for file in sorted(folder.glob("*.go")):
        if file.name.startswith(("zz_", "generated")) or file.name.endswith("_test.go"):
            continue
        text = file.read_text()
        for match in _STRUCT.finditer(text):
            structs[f"{package}.{match[1]}"] = parse_fields(match[2])
        for match in re.finditer(r"^type (\w+) ([\[\]\w.*]+)$", text, re.MULTILINE):
            named[f"{package}.{match[1]}"] = match[2]


def parse_fields(body: str) -> list[Field]:
    """The protobuf fields of a struct."""
    found = []
    for match in _FIELD.finditer(body):
        tags = dict(_TAG.findall(match[3]))
        numbered = re.match(r"\w+,(\d+)", tags.get("protobuf", ""))
        if numbered is None:
            continue
        name, *options = tags.get("json", "").split(",")
        pointer = match[2].startswith("*")
        found.append(
            Field(
                number=int(numbered[1]),
                name=name,
                go_type=match[2].lstrip("*"),
                keeps_zero=pointer or not {"omitempty", "omitzero"} & set(options),
                inline=not name,
            )
        )
    return found


def reachable(structs: dict[str, list[Field]], named: dict[str, str]) -> dict[str, dict[str, str]]:
    """The messages that the roots lead to: number to `name type`, as the decoder reads it."""
    messages: dict[str, dict[str, str]] = {}
    wanted = list(ROOTS)
    while wanted:
        name = wanted.pop()
        if name in messages:
            continue
        package = name.partition(".")[0]
        messages[name] = {}
        for field in structs[name]:
            if field.go_type.lstrip("[]").partition(".")[0].startswith(ALPHA):
                continue
            kind = resolve(field.go_type, package, structs, named)
            mark = "^" if field.inline else "*" if field.keeps_zero else ""
            messages[name][str(field.number)] = f"{field.name} {mark}{kind}"
            element = re.sub(r"^(\[\]|\{\}|@)+", "", kind)
            if element in structs:
                wanted.append(element)
    return messages


def resolve(
    go_type: str, package: str, structs: dict[str, list[Field]], named: dict[str, str]
) -> str:
    """A Go type as the decoder names it: `[]` a list, `{}` a map by string, `@[]` a boxed list."""
    if go_type in SPECIAL:
        return SPECIAL[go_type]
    if go_type == "[]byte":
        return "bytes"
    if go_type.startswith("[]"):
        return "[]" + resolve(go_type[2:], package, structs, named)
    if entry := re.match(r"map\[[\w.]+\](.+)", go_type):
        return "{}" + resolve(entry[1], package, structs, named)
    if go_type in SCALARS:
        return SCALARS[go_type]
    alias, dot, bare = go_type.rpartition(".")
    full = f"{ALIASES[alias] if dot else package}.{bare}"
    if full in SPECIAL:
        return SPECIAL[full]
    if full in structs:
        return full
    inner = resolve(named[full], full.partition(".")[0], structs, named)
    # A named list is a message of its own, with the list as field 1.
    return f"@{inner}" if inner.startswith("[]") else inner


if __name__ == "__main__":
    main()
