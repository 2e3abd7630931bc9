"""Which attempts are the same job, so that one goes on from the other's checkpoint."""

import msgspec

from kaito.api.tuning_job import TuningArguments
from kaito.runtimes.tuning.identity import job_fingerprint

ASKED = TuningArguments(
    model="/models/phi",
    base="microsoft/phi",
    base_revision="abc",
    preset="phi",
    method="qlora",
    url=("https://example.com/data.parquet",),
    results="/results",
)


def test_a_job_of_the_version_before_is_recognised() -> None:
    """Whatever is added to the arguments: else an upgrade would delete checkpoints."""
    assert job_fingerprint(ASKED, "training_config: {}") == "e4fe8232ab270b5b5c2694f204d2ccd5"


def test_where_and_on_how_many_nodes_it_runs_makes_no_other_job() -> None:
    spread = msgspec.structs.replace(
        ASKED, nodes=2, first_node="a-0.a-headless.default.svc:29500", group_key="k"
    )
    assert job_fingerprint(spread, "") == job_fingerprint(ASKED, "")


def test_other_data_is_another_job() -> None:
    other = msgspec.structs.replace(ASKED, url=("https://example.com/other.parquet",))
    assert job_fingerprint(other, "") != job_fingerprint(ASKED, "")
