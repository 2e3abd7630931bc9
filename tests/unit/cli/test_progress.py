"""The lines of a wait, on a terminal and elsewhere."""

import io

from kaito.api.workspace import StageStatus, StartUpStatus, TransferStatus
from kaito.base.clock import ManualClock
from kaito.cli.progress import Lines, Tracker, format_seconds
from kaito.cli.stages import Stage, Standing

FETCHING = Standing(stage=Stage.WEIGHTS, reason="FetchingWeights", message="fetching")
STARTING = Standing(stage=Stage.ENGINE, reason="StartingEngine", message="loading")
EXPECTED = (
    StageStatus(name="nodes"),
    StageStatus(name="weights", predicted_seconds=12),
    StageStatus(name="engine", predicted_seconds=41),
)
READY = Standing(stage=Stage.READY, message="the model answers")


class Wait:
    """A tracker with its clock and its output."""

    def __init__(self, *, in_place: bool = False, typical: dict[str, float] | None = None) -> None:
        self.clock = ManualClock()
        self.out = io.StringIO()
        self.lines = Lines(self.out, in_place=in_place)
        self.tracker = Tracker(self.lines, self.clock, typical or {})

    @property
    def printed(self) -> list[str]:
        return self.out.getvalue().splitlines()


async def test_each_stage_is_one_line_with_the_time_so_far() -> None:
    wait = Wait()
    wait.tracker.observe(Standing(stage=Stage.NODE, message="asking"))
    await wait.clock.advance(0.5)
    wait.tracker.observe(FETCHING)
    await wait.clock.advance(10)
    wait.tracker.observe(Standing(stage=Stage.WEIGHTS, reason="FetchingWeights", message="still"))
    wait.tracker.observe(STARTING)
    await wait.clock.advance(100)
    wait.tracker.observe(READY)
    assert wait.printed == [
        "node       0.0s  asking",
        "weights    0.5s  fetching",
        "engine    10.5s  loading",
        "ready      110s  the model answers",
    ]
    assert wait.tracker.durations == {"node": 0.5, "weights": 10.0, "engine": 100.0}


async def test_a_stage_that_was_never_seen_is_shown_as_passed_and_not_measured() -> None:
    wait = Wait()
    wait.tracker.observe(Standing(stage=Stage.NODE))
    await wait.clock.advance(1)
    wait.tracker.observe(STARTING)
    wait.tracker.observe(READY)
    assert [line.split()[0] for line in wait.printed] == ["node", "weights", "engine", "ready"]
    assert wait.printed[1] == "weights    1.0s  done already"
    assert set(wait.tracker.durations) == {"node", "engine"}


async def test_a_stage_joined_in_the_middle_is_not_measured() -> None:
    wait = Wait()
    wait.tracker.observe(STARTING)
    await wait.clock.advance(3)
    wait.tracker.observe(READY)
    assert wait.tracker.durations == {}


def test_what_is_ready_at_once_is_one_line() -> None:
    wait = Wait()
    wait.tracker.observe(READY)
    assert wait.printed == ["ready      0.0s  the model answers"]


def test_an_eta_is_given_where_all_later_stages_are_known() -> None:
    wait = Wait(typical={"weights": 20.0, "engine": 30.0})
    wait.tracker.observe(FETCHING)
    assert wait.printed[-1].endswith("ready in about 50s; fetching")


def test_an_eta_of_the_stage_alone_says_so() -> None:
    wait = Wait(typical={"weights": 20.0})
    wait.tracker.observe(FETCHING)
    assert wait.printed[-1].endswith("this stage ends in about 20s; fetching")


def test_a_failure_that_may_pass_is_said_once_with_what_to_do() -> None:
    wait = Wait()
    failing = Standing(stage=Stage.WEIGHTS, reason="ModelUnavailable", message="no hub")
    for _ in range(3):
        wait.tracker.observe(failing, advice="import them")
    assert [line for line in wait.printed if "still waiting" in line] == [
        "weights    0.0s  ModelUnavailable: no hub (still waiting; import them)"
    ]


async def test_on_a_terminal_the_current_line_is_rewritten() -> None:
    wait = Wait(in_place=True, typical={"engine": 30.0})
    wait.tracker.observe(STARTING)
    await wait.clock.advance(4)
    wait.tracker.refresh()
    assert wait.out.getvalue().endswith("\r\x1b[Kengine     4.0s  ready in about 26s; loading")
    wait.tracker.observe(READY)
    assert "\r\x1b[Kengine     4.0s  done in 4.0s\n" in wait.out.getvalue()
    assert wait.out.getvalue().endswith("the model answers\n")


async def test_a_detail_takes_the_place_of_the_message_until_the_stage_ends() -> None:
    wait = Wait(in_place=True)
    wait.tracker.observe(FETCHING)
    wait.tracker.refresh(detail="download, 1 of 2 GiB")
    assert wait.out.getvalue().endswith("download, 1 of 2 GiB")
    wait.tracker.observe(STARTING)
    assert wait.out.getvalue().endswith("loading")


def test_an_open_line_is_ended_when_the_wait_is_left() -> None:
    wait = Wait(in_place=True)
    wait.tracker.observe(FETCHING)
    wait.lines.leave()
    wait.lines.leave()
    assert wait.out.getvalue().endswith("fetching\n")


def test_seconds_get_coarser_as_they_grow() -> None:
    assert [format_seconds(s) for s in (0.04, 59.94, 75, 700)] == ["0.0s", "59.9s", "75s", "11m"]


def downloading(done: int, *, eta: int) -> StartUpStatus:
    transfer = TransferStatus(done=done, total=2_000_000_000, eta_seconds=eta, source="hub:a/b")
    return StartUpStatus(predicted_seconds=53, stages=EXPECTED, weights=transfer)


async def test_a_prediction_stands_before_a_start_and_what_it_took_after_it() -> None:
    wait = Wait()
    wait.tracker.observe(Standing(stage=Stage.NODE, message="asking"))
    wait.tracker.observe_start(StartUpStatus(predicted_seconds=53, stages=EXPECTED))
    wait.tracker.observe(FETCHING)
    await wait.clock.advance(45)
    wait.tracker.observe_start(StartUpStatus(predicted_seconds=53, seconds=45, stages=EXPECTED))
    wait.tracker.observe(READY)
    assert wait.printed[1] == (
        "node       0.0s  expected to take about 53s: weights 12s, engine 41s"
    )
    assert wait.printed[2] == "weights    0.0s  ready in about 53s; fetching"
    assert wait.printed[-1] == "ready     45.0s  the model answers; took 45s, expected 53s"


async def test_what_was_measured_here_counts_for_more_than_what_is_predicted() -> None:
    wait = Wait(typical={"weights": 5.0, "engine": 10.0})
    wait.tracker.observe_start(StartUpStatus(predicted_seconds=53, stages=EXPECTED))
    wait.tracker.observe(FETCHING)
    assert wait.printed[-1] == "weights    0.0s  ready in about 15s; fetching"


async def test_a_download_is_told_with_bytes_rate_and_time_left_and_not_too_often() -> None:
    wait = Wait()
    wait.tracker.observe(FETCHING)
    for done, eta in ((0, 0), (500_000_000, 60), (1_000_000_000, 40)):
        wait.tracker.observe_start(downloading(done, eta=eta))
        wait.tracker.observe(FETCHING)
        await wait.clock.advance(3)
    told = [line for line in wait.printed if "GB" in line]
    bars = ("[------------------------]", "[############------------]")
    assert told == [
        f"weights    0.0s  {bars[0]} 0.0 of 2.0 GB, from hub:a/b",
        f"weights    6.0s  {bars[1]} 1.0 of 2.0 GB, 25 MB/s, 40s left, from hub:a/b",
    ]


async def test_on_a_terminal_a_download_is_the_line_of_its_stage() -> None:
    wait = Wait(in_place=True)
    wait.tracker.observe(FETCHING)
    wait.tracker.observe_start(downloading(1_000_000_000, eta=40))
    wait.tracker.observe(FETCHING)
    assert "1.0 of 2.0 GB, 25 MB/s, 40s left" in wait.out.getvalue().rpartition("\r")[2]
