"""The plan's arithmetic in `kaito explain`."""

from kaito.api.workspace import PlanStatus
from kaito.cli.commands.explain import plan_lines


def test_the_plan_is_shown_with_its_terms_one_a_line() -> None:
    plan = PlanStatus(
        runtime="vllm",
        instance_type="Standard_NC24ads_A100_v4",
        nodes=2,
        gpus_per_node=1,
        context_tokens=16384,
        concurrency=7,
        working=("weights 28 GiB", "KV cache 40 GiB"),
        overrides=("context 16k instead of 128k",),
        notes=("slow network",),
    )
    assert plan_lines(plan) == (
        "plan: 2 x Standard_NC24ads_A100_v4, 1 GPUs a pod, vllm, context 16k, 7 at once",
        "  weights 28 GiB",
        "  KV cache 40 GiB",
        "  override: context 16k instead of 128k",
        "  note: slow network",
    )


def test_a_machine_without_gpus_is_named_with_what_a_cluster_would_be() -> None:
    plan = PlanStatus(
        runtime="vllm", nodes=1, context_tokens=8192, in_cluster="in a cluster this would not run"
    )
    assert plan_lines(plan) == (
        "plan: 1 x this machine, vllm, context 8k, 0 at once",
        "  in a cluster this would not run",
    )


def test_without_a_plan_nothing_is_said() -> None:
    assert plan_lines(None) == ()
