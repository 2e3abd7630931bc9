"""`kaito models describe`: one model, its plan for this machine, and what else it fits on."""

import argparse
from dataclasses import replace

from kaito.api.validation import RUNTIMES
from kaito.app.state import StateFolder, choose_state_folder
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.preset import Preset
from kaito.cli.arguments import add_output_option, add_state_option
from kaito.cli.commands.models_list import to_document
from kaito.cli.fitting import best_by_cloud, best_by_gpu
from kaito.cli.models import has_weights
from kaito.cli.output import print_document
from kaito.cli.plan_documents import ranking_document
from kaito.cli.plan_text import render_ranking
from kaito.cli.presets import format_context, format_size, require_preset
from kaito.local.machine import observe_machine
from kaito.local.models import ModelsFolder
from kaito.planner.machine import plan_on_machine
from kaito.planner.plan import Demand, Plan, PlanRequest, Refusal
from kaito.planner.search import rank_instances


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name, alias or org/model")
    parser.add_argument(
        "--runtime", choices=RUNTIMES, default=RUNTIMES[0], help=f"{RUNTIMES[0]} unless given"
    )
    add_output_option(parser, "json", "yaml")
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the model and the plan."""
    state = choose_state_folder(arguments.state_dir)
    preset = require_preset(arguments.name)
    # What lies in the folder is the truth; the catalogue's facts are of the published weights.
    preset = replace(preset, facts=ModelsFolder(state.models).facts(preset.name) or preset.facts)
    plan = _plan(preset, arguments.runtime)
    ranked = _ranked(preset, arguments.runtime)
    if arguments.output:
        document = {
            **to_document(preset, state),
            **_serving_document(preset),
            "runtime": arguments.runtime,
            "plan": _to_plan(plan),
            "fits": [ranking_document(one) for one in ranked],
        }
        print_document(document, arguments.output)
    else:
        print("\n".join(f"{name:<10} {value}" for name, value in _lines(preset, plan, state)))
        _print_fits(ranked)
    return 0


def _ranked(preset: Preset, runtime: str) -> tuple[Plan, ...]:
    """Every instance type that holds it, the cheapest first."""
    if preset.facts is None:
        return ()
    # The machine's own planner always names a runtime; the search leaves the default to the GPU.
    demand = Demand(runtime=runtime if runtime != RUNTIMES[0] else "")
    request = PlanRequest(preset=preset, facts=preset.facts, demand=demand)
    return tuple(one.plan for one in rank_instances(request, INSTANCE_TYPES))


def _print_fits(ranked: tuple[Plan, ...]) -> None:
    if not ranked:
        return
    print(f"\nThe cheapest of each cloud:\n{render_ranking(best_by_cloud(ranked))}")
    print(f"\nThe cheapest with each GPU:\n{render_ranking(best_by_gpu(ranked))}")


def _serving_document(preset: Preset) -> dict[str, object]:
    return {
        "runtimes": preset.runtimes,
        "toolCallParser": preset.tool_call_parser or None,
        "reasoningParser": preset.reasoning_parser or None,
        "tunable": preset.is_tunable,
        "note": preset.note or None,
    }


def _plan(preset: Preset, runtime: str) -> Plan | Refusal | None:
    if preset.facts is None:
        return None
    request = PlanRequest(preset=preset, facts=preset.facts, demand=Demand(runtime=runtime))
    return plan_on_machine(request, observe_machine())


def _to_plan(plan: Plan | Refusal | None) -> dict[str, object] | None:
    match plan:
        case Plan():
            return {
                "fits": True,
                "memoryBytes": plan.memory_bytes,
                "kvCacheBytes": plan.kv_cache_bytes,
                "contextTokens": plan.context_tokens,
                "working": plan.working,
            }
        case Refusal():
            return {"fits": False, "reason": plan.reason, "message": plan.message}
        case None:
            return None


def _lines(
    preset: Preset, plan: Plan | Refusal | None, state: StateFolder
) -> tuple[tuple[str, str], ...]:
    facts = preset.facts
    return (
        ("name", preset.name),
        ("hub id", preset.hub_id),
        *((("aliases", ", ".join(preset.aliases)),) if preset.aliases else ()),
        ("license", preset.license + (", gated: the hub wants a token" * preset.is_gated)),
        *((("class", facts.architecture),) if facts else ()),
        (
            "weights",
            f"{format_size(facts)}, {'here' if has_weights(state, preset) else 'not here'}",
        ),
        ("context", f"{format_context(facts)} tokens"),
        ("runtimes", ", ".join(preset.runtimes)),
        ("tools", preset.tool_call_parser or "none"),
        ("reasoning", preset.reasoning_parser or "none"),
        ("tuning", "yes" if preset.is_tunable else "no"),
        *((("note", preset.note),) if preset.note else ()),
        *_plan_lines(preset, plan),
    )


def _plan_lines(preset: Preset, plan: Plan | Refusal | None) -> tuple[tuple[str, str], ...]:
    if plan is None:
        return (("plan", f"not known before: kaito models import {preset.hub_id} PATH"),)
    if isinstance(plan, Refusal):
        return (("plan", f"{plan.reason}: {plan.message}"),)
    first, *rest = plan.working
    return (("plan", first), *(("", line) for line in rest))
