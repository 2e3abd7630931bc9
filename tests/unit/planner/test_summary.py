"""The plan as a compact JSON object and as one line."""

import json

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.on_instance import plan_on_instance
from kaito.planner.plan import Demand, Plan, PlanRequest
from kaito.planner.summary import summary_line, to_summary


def planned(model: str, machine: str, demand: Demand | None = None) -> Plan:
    preset = find_preset(model)
    assert preset is not None
    assert preset.facts is not None
    request = PlanRequest(
        preset=preset,
        facts=preset.facts,
        instance=find_instance_type(machine),
        demand=demand or Demand(),
    )
    if request.instance:
        outcome = plan_on_instance(request)
    else:
        outcome = plan_on_machine(request, Machine(name="m", cpus=4, memory_bytes=32 * GIB))
    assert isinstance(outcome, Plan)
    return outcome


def test_a_summary_is_json_of_its_version() -> None:
    plan = planned("phi-4-mini-instruct", "Standard_NC24ads_A100_v4")
    summary = to_summary(plan)
    assert json.loads(json.dumps(summary)) == summary
    assert summary["version"] == 1
    assert summary["instanceType"] == "Standard_NC24ads_A100_v4"
    assert summary["contextTokens"] == 131_072
    assert summary["pricePerHour"] == {"usd": "3.673", "region": "eastus", "asOf": "2026-06-18"}
    assert plan.share is not None
    assert summary["memoryPerGpu"] == {
        name: getattr(plan.share, name)
        for name in ("total", "usable", "weights", "activations", "graphs", "engine", "cache")
    }


def test_what_does_not_apply_is_left_out() -> None:
    summary = to_summary(planned("smollm2-135m-instruct", "none"))
    assert not {"instanceType", "memoryPerGpu", "pricePerHour"} & set(summary)
    assert summary["startUpSeconds"] == 52
    assert summary["runtime"] == "vllm"


def test_the_price_is_of_all_nodes() -> None:
    summary = to_summary(planned("llama-3.3-70b-instruct", "Standard_NC24ads_A100_v4"))
    assert summary["nodes"] == 2
    price = summary["pricePerHour"]
    assert isinstance(price, dict)
    assert price["usd"] == "7.346"


@pytest.mark.parametrize(
    ("model", "machine", "rest"),
    [
        (
            "phi-4-mini-instruct",
            "Standard_NC24ads_A100_v4",
            "1 GPU each: context 131072, 3 of that length at once, 3.67 USD/h",
        ),
        (
            "llama-3.3-70b-instruct",
            "Standard_NC96ads_A100_v4",
            "2 GPUs each: tensor parallel 2, context 22320, 1 of that length at once, 14.69 USD/h",
        ),
        (
            "smollm2-135m-instruct",
            "none",
            "3.8 GiB of main memory: context 8192, 5 of that length at once",
        ),
    ],
)
def test_the_line_says_where_and_with_which_limits(model: str, machine: str, rest: str) -> None:
    where = "vllm in" if machine == "none" else f"vllm on 1 x {machine},"
    assert summary_line(planned(model, machine)) == f"{where} {rest}"
