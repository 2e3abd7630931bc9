"""What is done next so that the server serves what is wanted.

A property drives the decision alone through random wishes, failures and delays: it always arrives,
and no wanted name that was served is ever without a version in between.
"""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kaito.runtimes.serving.adapters.decision import (
    Failure,
    Fetch,
    Load,
    Observed,
    Unload,
    content_id,
    decide_actions,
)
from kaito.runtimes.serving.adapters.version import Content, Target, Version

POET = Target(name="poet", source="folder:/a")
CONTENT = Content(folder=Path("/store/a"), digest="sha256:a", rank=8)


def served(target: Target) -> Version:
    return Version(target=target, content=CONTENT, folder=CONTENT.folder)


def test_what_is_wanted_is_fetched_once_then_loaded_then_left_alone() -> None:
    key = content_id(POET)
    assert decide_actions(Observed(targets=(POET,)), 0) == (Fetch(POET),)
    assert decide_actions(Observed(targets=(POET,), fetching=frozenset({key})), 0) == ()
    have = {key: CONTENT}
    assert decide_actions(Observed(targets=(POET,), contents=have), 0) == (Load(POET, CONTENT),)
    all_done = Observed(targets=(POET,), contents=have, served={"poet": served(POET)})
    assert decide_actions(all_done, 0) == ()


def test_what_is_not_wanted_goes_before_anything_comes() -> None:
    clerk = Target(name="clerk", source="folder:/b")
    observed = Observed(
        targets=(clerk,), contents={content_id(clerk): CONTENT}, served={"poet": served(POET)}
    )
    assert decide_actions(observed, 0) == (Unload("poet"), Load(clerk, CONTENT))


def test_another_strength_needs_no_second_fetch_and_no_unload() -> None:
    weaker = Target(name="poet", source=POET.source, strength=0.5)
    observed = Observed(
        targets=(weaker,), contents={content_id(POET): CONTENT}, served={"poet": served(POET)}
    )
    assert decide_actions(observed, 0) == (Load(weaker, CONTENT),)


def test_a_failure_waits_for_its_moment_and_ends_with_a_change() -> None:
    failures = {POET: Failure(message="no", retry_at=10.0)}
    assert decide_actions(Observed(targets=(POET,), failures=failures), 9.9) == ()
    assert decide_actions(Observed(targets=(POET,), failures=failures), 10.0) == (Fetch(POET),)
    for_good = {POET: Failure(message="no")}
    assert decide_actions(Observed(targets=(POET,), failures=for_good), 1e9) == ()
    changed = Target(name="poet", source=POET.source, fingerprint="new")
    assert decide_actions(Observed(targets=(changed,), failures=for_good), 0) == (Fetch(changed),)


targets = st.builds(
    Target,
    name=st.sampled_from(["a", "b", "c"]),
    source=st.sampled_from(["folder:/x", "folder:/y"]),
    fingerprint=st.sampled_from(["", "1"]),
    strength=st.sampled_from([0.5, 1.0]),
)
wishes = st.lists(targets, max_size=3, unique_by=lambda target: target.name).map(tuple)


@given(st.lists(wishes, min_size=1, max_size=5))
def test_it_arrives_at_what_is_wanted_and_never_drops_a_wanted_name(
    script: list[tuple[Target, ...]],
) -> None:
    contents: dict[str, Content] = {}
    state: dict[str, Version] = {}
    for wanted in script:
        names = {target.name for target in wanted}
        for _ in range(3):
            for action in decide_actions(
                Observed(targets=wanted, contents=dict(contents), served=dict(state)), 0
            ):
                if isinstance(action, Fetch):
                    contents[content_id(action.target)] = CONTENT
                elif isinstance(action, Load):
                    state[action.target.name] = served(action.target)
                else:
                    assert action.name not in names
                    del state[action.name]
        assert {name: version.target for name, version in state.items()} == {
            target.name: target for target in wanted
        }
        assert decide_actions(Observed(targets=wanted, contents=contents, served=state), 0) == ()
