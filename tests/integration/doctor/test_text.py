"""The report as people read it, in terminals of any width."""

from hypothesis import given
from hypothesis import strategies as st

from kaito.app.doctor.finding import Section, missing, ok, warning
from kaito.cli.commands.doctor import render

COMMAND = "kubectl create secret generic hub-token -n some-namespace --from-literal=HF_TOKEN=..."
SECTIONS = (
    Section(title="This machine", findings=(ok("python", "3.11.7"),)),
    Section(
        title="Cluster https://cluster:6443",
        findings=(
            warning("webhook", "mistakes that no schema finds show only in the status " * 3),
            missing("secret", "there is no Secret, which opens the model on the hub", COMMAND),
        ),
    ),
)


def test_a_finding_is_a_line_with_its_next_step_below() -> None:
    assert list(render(SECTIONS, width=10_000))[:2] == [
        "This machine",
        "  python   ok       3.11.7",
    ]
    lines = list(render(SECTIONS, width=10_000))
    assert f"                    -> {COMMAND}" in lines
    assert lines[-1] == "1 thing blocks: secret (Cluster https://cluster:6443)"


def test_where_nothing_blocks_it_says_so() -> None:
    assert list(render(SECTIONS[:1], width=80))[-1] == "Nothing blocks."


@given(st.integers(min_value=1, max_value=300))
def test_text_keeps_to_the_width_and_commands_stay_whole(width: int) -> None:
    lines = list(render(SECTIONS, width=width))
    assert sum(COMMAND in line for line in lines) == 1
    told = " ".join(" ".join(lines).split())
    assert "opens the model on the hub" in told
    if width >= 60:
        assert all(len(line) <= width for line in lines if "->" not in line)
