"""`kaito plan`: what a model would run on, why, how much it serves and what it costs."""

import argparse
from typing import TYPE_CHECKING

from kaito.base.errors import KaitoError, UsageError
from kaito.cli.answers import Answer, answer_question, kaito_nodes
from kaito.cli.arguments import add_file_option, add_output_option, add_state_option
from kaito.cli.demands import add_demand_options
from kaito.cli.output import print_document, print_rows
from kaito.cli.plan_text import RANKING_HEADINGS, ranking_row, render_plan, render_ranking
from kaito.cli.questions import CLOUDS, Question, question_about_model
from kaito.cli.reporting import report
from kaito.planner.plan import Refusal

if TYPE_CHECKING:
    from kaito.cli.tuning_answers import TuningAnswer

_ALTERNATIVES = 4
"""Lines under a plan that was searched for."""
_KAITO = "kaito-0.12"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s (MODEL | -f FILE) [options]"
    parser.add_argument(
        "model",
        nargs="?",
        default="",
        metavar="MODEL",
        help="name, alias, org/model, or a folder with config.json and *.safetensors",
    )
    add_file_option(parser, required=False)
    parser.add_argument(
        "--instance-type",
        default="",
        metavar="TYPE",
        help="the machine; the cheapest that fits unless given",
    )
    parser.add_argument(
        "--cloud", choices=CLOUDS, default="", help="search only this one's instance types"
    )
    parser.add_argument(
        "--all", action="store_true", help="rank every instance type that fits, the cheapest first"
    )
    add_demand_options(parser)
    parser.add_argument(
        "--compat", choices=(_KAITO,), default="", help="show that version's node count, too"
    )
    add_output_option(parser, "table", "json", "yaml")
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plans; 1 where there is none."""
    questions, tunings = _questions(arguments)
    answers = [answer_question(question, rank=arguments.all) for question in questions]
    if arguments.output in ("json", "yaml"):
        _print_documents(answers, tunings, arguments)
    else:
        _print_texts(answers, arguments)
        _print_tunings(tunings, with_gap=bool(answers))
    refused = [_report_refusal(answer.outcome, answer.question.where) for answer in answers]
    refused += [_report_refusal(tuning.outcome, tuning.where) for tuning in tunings]
    return max(refused)


def _questions(
    arguments: argparse.Namespace,
) -> tuple[tuple[Question, ...], "tuple[TuningAnswer, ...]"]:
    if bool(arguments.model) == bool(arguments.filename):
        raise UsageError(
            "name either a MODEL or a FILE with -f",
            hint="for example: kaito plan phi-4, or kaito plan -f workspace.yaml",
        )
    if arguments.model:
        return (question_about_model(arguments),), ()
    # Manifests need the YAML parser and the wire types, which a bare model does not.
    from kaito.cli.manifest_questions import questions_in_files

    found = questions_in_files(arguments)
    return found.serving, found.tuning


def _print_documents(
    answers: list[Answer], tunings: "tuple[TuningAnswer, ...]", arguments: argparse.Namespace
) -> None:
    from kaito.cli.plan_documents import answer_document

    shown = [one if arguments.all else one.shortened(1 + _ALTERNATIVES) for one in answers]
    documents = [answer_document(one, compat=bool(arguments.compat)) for one in shown]
    # One model gives one document; files may have any number, so they always give a list.
    whole = documents[0] if arguments.model else {"plans": documents}
    if tunings:
        from kaito.cli.tuning_answers import tuning_document

        whole["tunings"] = [tuning_document(one) for one in tunings]
    print_document(whole, arguments.output)


def _print_tunings(tunings: "tuple[TuningAnswer, ...]", *, with_gap: bool) -> None:
    planned = [one for one in tunings if not isinstance(one.outcome, Refusal)]
    if planned:
        from kaito.cli.tuning_answers import render_tuning

        print("\n" * with_gap + "\n\n".join(render_tuning(one) for one in planned))


def _print_texts(answers: list[Answer], arguments: argparse.Namespace) -> None:
    shown = 0
    for answer in answers:
        if isinstance(answer.outcome, Refusal):
            continue
        if shown:
            print()
        if answer.question.where:
            print(f"{answer.question.where}: {answer.question.name}")
        _print_text(answer, arguments)
        shown += 1


def _print_text(answer: Answer, arguments: argparse.Namespace) -> None:
    assert not isinstance(answer.outcome, Refusal)
    if arguments.all:
        _print_ranking(answer, with_kaito=bool(arguments.compat))
        return
    facts = answer.question.request.facts
    print(render_plan(answer.outcome, model_context=facts.context_tokens))
    if arguments.compat:
        print(f"\nnodes by KAITO 0.12: {kaito_nodes(answer, answer.outcome)}")
    others = answer.ranked[1 : 1 + _ALTERNATIVES]
    if others:
        print(f"\nAlso fits ({len(answer.ranked) - 1} more, see --all):")
        print(render_ranking(others))


def _print_ranking(answer: Answer, *, with_kaito: bool) -> None:
    if not with_kaito:
        print(render_ranking(answer.ranked))
        return
    rows = [(*ranking_row(plan), kaito_nodes(answer, plan)) for plan in answer.ranked]
    print_rows((*RANKING_HEADINGS, "by kaito"), rows)


def _report_refusal(outcome: object, where: str) -> int:
    if not isinstance(outcome, Refusal):
        return 0
    return report(KaitoError(outcome.message), about=where)
