"""The loss curve of a terminal."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from kaito.api.report import LossPoint
from kaito.cli.tuning.curve import draw_curve

FALLING = tuple(LossPoint(step=i, loss=3 * math.exp(-i / 20)) for i in range(1, 101))


def test_a_falling_loss_falls_from_the_upper_left_to_the_lower_right() -> None:
    lines = draw_curve(FALLING, width=60, height=6, unicode=False)
    starts = [line.index("*") for line in lines[:-1]]
    assert starts == sorted(starts)
    assert lines[0].startswith("2.854 |*")
    assert lines[-1].strip().startswith("+1")
    assert lines[-1].endswith("100")


def test_it_needs_two_points_and_some_room() -> None:
    assert draw_curve(FALLING[:1], width=60) == ()
    assert draw_curve(FALLING, width=10) == ()


@given(
    st.lists(st.floats(0, 20, allow_nan=False), min_size=2, max_size=300),
    st.integers(24, 160),
    st.booleans(),
)
@example(losses=[0.0, 2.225073858507e-311], width=24, unicode=False)
def test_it_never_leaves_its_frame(losses: list[float], width: int, unicode: bool) -> None:
    points = tuple(LossPoint(step=i + 1, loss=loss) for i, loss in enumerate(losses))
    lines = draw_curve(points, width=width, height=5, unicode=unicode)
    assert len(lines) == 6
    assert all(len(line) <= width + 6 for line in lines)
    assert any(set(line) & set("*⠁⠂⠄⡀⠈⠐⠠⢀") or unicode for line in lines)
