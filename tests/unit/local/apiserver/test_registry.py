"""The registry: adding, replacing, removing, and versions in order."""

from kaito.local.apiserver.kinds import BUILTIN, builtin_registry
from kaito.local.apiserver.registry import Registry, Served, Version, sort_versions
from kaito.local.schema.builtin import has_builtin


def widget(*versions: str) -> Served:
    return Served(
        group="example.com",
        version=versions[-1],
        plural="widgets",
        kind="Widget",
        singular="widget",
        versions=tuple(Version(name=name) for name in versions),
    )


def test_versions_are_sorted_as_kubernetes_prefers_them() -> None:
    # The example of the Kubernetes documentation on version priority.
    expected = ("v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2",
                "foo1", "foo10")  # fmt: skip
    assert sort_versions(tuple(sorted(expected))) == expected


def test_a_replaced_resource_is_gone_from_the_versions_it_no_longer_has() -> None:
    registry = Registry()
    registry.add(widget("v1", "v1alpha1"))
    registry.add(widget("v1"))
    assert registry.find("example.com", "v1alpha1", "widgets") is None
    assert registry.group_versions() == (("example.com", "v1"),)


def test_a_removed_resource_is_gone() -> None:
    registry = Registry()
    registry.add(widget("v1"))
    registry.remove("widgets.example.com")
    registry.remove("widgets.example.com")
    assert list(registry) == []
    assert registry.named("widgets.example.com") is None


def test_every_change_is_counted() -> None:
    registry = Registry()
    before = registry.changes
    registry.add(widget("v1"))
    assert registry.changes > before


def test_every_builtin_kind_has_a_schema_and_a_name_of_its_own() -> None:
    assert all(has_builtin(s.group, s.version, s.kind) for s in BUILTIN)
    assert len({s.resource for s in BUILTIN}) == len(BUILTIN)
    short = [name for s in BUILTIN for name in s.short_names]
    assert len(set(short)) == len(short)
    assert builtin_registry().named("pods") is not None
