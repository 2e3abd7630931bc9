"""What stands for an image."""

from pathlib import Path

import pytest

from kaito.local.node.errors import NotStartable
from kaito.local.node.images import (
    explain_missing,
    explain_substitution,
    is_own_image,
    plan_program,
)


@pytest.mark.parametrize(
    ("image", "is_own"),
    [
        ("ghcr.io/kaito-project-py/kaito-serving:0.1.0", True),
        ("localhost:5000/kaito-serving", True),
        ("kaito-serving@sha256:abc", True),
        ("example.com/not-kaito-serving:1", False),
        ("example.com/kaito-serving/other", False),
        ("nginx", False),
    ],
)
def test_our_own_images_are_known_by_their_name(image: str, is_own: bool) -> None:
    assert is_own_image(image) is is_own


def test_our_own_image_finds_this_environments_programs_first() -> None:
    program = plan_program("a/kaito-serving:1", ("python",), path="/bin", own_bin="/venv/bin")
    assert (program.path, program.is_own) == ("/venv/bin:/bin", True)


def test_any_other_image_runs_this_machines_programs() -> None:
    program = plan_program("curl", ("curl", "-s"), path="/bin", own_bin="/venv/bin")
    assert (program.argv, program.path, program.is_own) == (("curl", "-s"), "/bin", False)
    assert explain_substitution("curl", program) == (
        "Image curl is not pulled: its files are not used, curl of this machine runs"
    )


def test_an_image_without_a_command_cannot_be_run_and_says_what_to_do() -> None:
    with pytest.raises(NotStartable, match="set `command`") as caught:
        plan_program("nginx", (), path="/bin", own_bin="/venv/bin")
    assert caught.value.reason == "ImageNotRunnable"


def test_a_missing_program_is_noticed_before_a_sandbox_hides_it(tmp_path: Path) -> None:
    def explain(name: str) -> str:
        return explain_missing(name, path="/usr/bin:/bin", mount_paths=["/app"])

    assert explain("sh") == ""
    assert explain("nope-nope") == '"nope-nope": executable file not found in $PATH of this machine'
    assert explain(f"{tmp_path}/nope").endswith("no such file or directory")
    assert explain("/app/run") == ""
    assert explain("./run") == ""
