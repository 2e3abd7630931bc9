"""What the planner answers to a question, and what KAITO would have."""

from dataclasses import dataclass, replace

from kaito.cli.questions import Question, largest_instance
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.kaito_compat import DEFAULT_CONTEXT, kaito_node_count
from kaito.planner.plan import Plan, Refusal
from kaito.planner.search import rank_instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question's outcome."""

    question: Question
    outcome: Plan | Refusal
    ranked: tuple[Plan, ...] = ()
    """Of a search: every type that fits, the cheapest first, the outcome too."""

    def shortened(self, most: int) -> "Answer":
        """The same answer with no more than that many types."""
        return replace(self, ranked=self.ranked[:most])


def answer_question(question: Question, *, rank: bool = False) -> Answer:
    """Plan for the instance type that is asked for; search where none is, or with `rank`."""
    request = question.request
    if request.instance is not None and not rank:
        return Answer(question=question, outcome=plan_on_gpus(request))
    ranked = rank_instances(request, cloud=question.cloud)
    if ranked:
        plans = tuple(one.plan for one in ranked)
        return Answer(question=question, outcome=plans[0], ranked=plans)
    # The largest machine's refusal says best what is short, or what contradicts itself.
    largest = replace(request, instance=largest_instance(question.cloud))
    return Answer(question=question, outcome=plan_on_gpus(largest))


def kaito_nodes(answer: Answer, plan: Plan) -> str:
    """KAITO 0.12's own node count for a plan's machine, or why it has none."""
    request = answer.question.request
    assert plan.instance is not None
    context = request.demand.context_tokens or DEFAULT_CONTEXT
    count = kaito_node_count(request.preset, plan.instance, context=context)
    return count.message if isinstance(count, Refusal) else str(count)
