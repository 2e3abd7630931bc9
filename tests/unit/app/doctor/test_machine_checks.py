"""What the doctor says of a machine, fact by fact."""

from dataclasses import replace
from typing import Any

import pytest

from kaito.app.doctor.machine_checks import check_machine
from kaito.app.doctor.machine_facts import Gpus, MachineFacts
from kaito.base.quantity import GIB
from kaito.planner.machine import Machine

WELL = MachineFacts(
    machine=Machine(name="m", cpus=8, memory_bytes=32 * GIB),
    python=(3, 11, 7),
    packages=(("vllm", "0.32.0"),),
    sandbox="/usr/bin/bwrap",
    models_folder="/state/models",
    free_bytes=100 * GIB,
    plane="https://127.0.0.1:1",
    tools=(("kubectl", "/bin/kubectl"), ("helm", "/bin/helm")),
)


def test_a_machine_that_has_everything_gets_nothing_to_do() -> None:
    findings = check_machine(WELL)
    assert {finding.state for finding in findings} == {"ok"}
    assert not any(finding.next for finding in findings)


@pytest.mark.parametrize(
    ("change", "check", "state", "said"),
    [
        ({"python": (3, 10, 1)}, "python", "missing", "3.11 is needed"),
        ({"packages": ()}, "engine", "missing", "no engine"),
        ({"packages": (("torch", "2"),)}, "engine", "missing", "torch 2"),
        ({"packages": (("torch", "2"), ("transformers", "5"))}, "engine", "warning", "no vllm"),
        ({"sandbox": ""}, "sandbox", "warning", "is not installed"),
        ({"sandbox": "", "has_sandbox_program": True}, "sandbox", "warning", "does not work"),
        ({"machine": Machine(name="m", cpus=1, memory_bytes=GIB)}, "memory", "warning", "1.0 GiB"),
        ({"free_bytes": GIB}, "disk", "warning", "little for weights"),
        ({"folder_problem": "/ cannot be written"}, "disk", "missing", "/ cannot be written"),
        ({"can_bind_pods": False}, "addresses", "missing", "127.0.0.1"),
        ({"can_bind_low_ports": False}, "addresses", "ok", "30080"),
        ({"plane": ""}, "plane", "warning", "does not run"),
        ({"tools": (("helm", ""),)}, "helm", "warning", "not on PATH"),
        ({"weights": (("phi-4", GIB),)}, "weights", "ok", "phi-4 (1.0 GiB)"),
        ({"gpus": Gpus(count=1, driver="580.1", names=("H200, 141 GB",))}, "gpu", "ok", "580.1"),
        ({"gpus": Gpus(count=2, problem="nvidia-smi failed")}, "gpu", "warning", "2 NVIDIA GPUs"),
    ],
)
def test_each_fact_is_told(change: dict[str, Any], check: str, state: str, said: str) -> None:
    found = next(f for f in check_machine(replace(WELL, **change)) if f.check == check)
    assert found.state == state
    assert said in found.what
    assert bool(found.next) == (state != "ok")
