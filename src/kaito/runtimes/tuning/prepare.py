"""From files of data to a training that is ready to begin: everything but the weights.

The tokenizer and the model's shape are read, the data is judged, and the plan says what fits.
"""

from dataclasses import replace
from typing import Final

import msgspec

from kaito.api.tuning_job import ADAPTER, CHECKPOINTS
from kaito.api.tuning_record import DatasetRecord
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.facts import ModelFacts, max_tokens, read_model_facts
from kaito.runtimes.tuning.handover import hand_over
from kaito.runtimes.tuning.identity import training_fingerprint
from kaito.runtimes.tuning.job import Job
from kaito.runtimes.tuning.library_check import check_applied
from kaito.runtimes.tuning.machine import Machine, observe_machine
from kaito.runtimes.tuning.model import load_tokenizer
from kaito.runtimes.tuning.plan import Lengths, Plan, plan_training
from kaito.runtimes.tuning.preflight import Prepared, prepare_data
from kaito.runtimes.tuning.settings import Settings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.speed import estimate_seconds
from kaito.runtimes.tuning.targets import Targets, choose_targets
from kaito.runtimes.tuning.train import Course
from kaito.runtimes.tuning.trainer_settings import apply_settings

_FEW_STEPS: Final = 10


def prepare_course(
    job: Job,
    arrived: tuple[Arrived, ...],
    surveyed: DatasetRecord | None = None,
    *,
    prepared: Prepared | None = None,
) -> Course:
    """Judge the data and plan the training; sets the job's plan as soon as there is one.

    Args:
        job: what is asked for.
        arrived: the files.
        surveyed: what a look over them found: a model that does not fit is refused by it, before
            all of the data is tokenized.
        prepared: by another rank of this node; None: the files are read here.

    Raises:
        DataRefused: nothing useful in the data, or no model.
        SettingRefused: a setting cannot be done, or nothing fits this machine.
    """
    arguments, settings = job.arguments, job.settings
    machine = observe_machine(arguments.memory_bytes)
    facts = _read_facts(job)
    targets = _choose_targets(job, machine, facts)
    tokenizer = load_tokenizer(job.model, settings)
    most = max_tokens(settings, facts.context)
    encoder = Encoder(tokenizer, max_length=most, answers_only=settings.answers_only)
    if surveyed is not None:
        job.plan = _plan(job, facts, surveyed, machine, longest=min(surveyed.longest, most))
    if prepared is None:
        samples = job.scratch / "samples"
        prepared = prepare_data(arrived, encoder, settings.data, folder=samples, told=job.tell_rows)
        hand_over(prepared)
    job.plan = plan = _plan(job, facts, prepared.record, machine, longest=prepared.longest)
    holds_out = prepared.evaluation is not None
    applied = apply_settings(settings, plan, machine, targets=targets.names, evaluates=holds_out)
    record = msgspec.structs.replace(
        _with_plan(prepared.record, plan, machine),
        max_length=most,
        has_chat_template=encoder.has_template,
        seconds=_seconds(settings, facts, prepared.record, machine),
        warnings=_warnings(prepared.record, encoder, targets, plan),
    )
    return Course(
        model=job.model,
        base=arguments.base or arguments.preset,
        revision=arguments.base_revision,
        checkpoints=job.results / CHECKPOINTS,
        adapter=job.results / ADAPTER,
        settings=settings,
        applied=applied,
        plan=plan,
        machine=machine,
        prepared=replace(prepared, record=record),
        tokenizer=tokenizer,
        encoder=encoder,
        facts=facts,
        job=training_fingerprint(job.fingerprint, record.digest, applied.to_texts()),
    )


def _with_plan(record: DatasetRecord, plan: Plan, machine: Machine) -> DatasetRecord:
    return msgspec.structs.replace(
        record,
        steps=plan.steps,
        memory_bytes=plan.memory_bytes,
        memory_limit_bytes=machine.memory_bytes,
    )


def _read_facts(job: Job) -> ModelFacts:
    trusts_code = job.settings.model.get("trust_remote_code") is True
    return read_model_facts(job.model, trusts_code=trusts_code)


def _choose_targets(job: Job, machine: Machine, facts: ModelFacts) -> Targets:
    """The layers to train; refuses settings that the libraries would, before any data is read."""
    settings = job.settings
    targets = choose_targets(settings.lora.get("target_modules"), facts.linear_names)
    trial = Plan(
        batch=1,
        accumulation=1,
        checkpoints_activations=False,
        steps=1,
        memory_bytes=0,
        chosen=frozenset(),
    )
    applied = apply_settings(
        settings,
        trial,
        machine,
        targets=targets.names,
        evaluates=settings.data.train_share < 1,
    )
    check_applied(applied, job.results / CHECKPOINTS)
    return targets


def _plan(
    job: Job, facts: ModelFacts, record: DatasetRecord, machine: Machine, *, longest: int
) -> Plan:
    lengths = Lengths(samples=record.samples, longest=longest, tokens=record.tokens)
    shares = job.arguments.shares_model
    return plan_training(job.settings, facts, lengths, machine, shares_model=shares)


def _seconds(settings: Settings, facts: ModelFacts, record: DatasetRecord, machine: Machine) -> int:
    epochs = settings.number("num_train_epochs", 3)
    return estimate_seconds(facts, tokens=int(record.tokens * epochs), machine=machine)


def _warnings(
    record: DatasetRecord, encoder: Encoder, targets: Targets, plan: Plan
) -> tuple[str, ...]:
    """What goes on but deserves a look."""
    found = list(targets.notes)
    if record.dropped:
        first = record.dropped_rows[0]
        found.append(
            f"{record.dropped} of {record.rows} rows are left out; the first: {first.file} row "
            f"{first.row} {first.reason}"
        )
    if record.truncated:
        found.append(
            f"{record.truncated} of {record.samples} samples are cut at {encoder.max_length} tokens"
            f", the longest has {record.longest}: a larger max_length keeps them whole"
        )
    if record.repeated * 2 > record.rows:
        found.append(f"{record.repeated} of {record.rows} rows are as an earlier one")
    if not encoder.has_template and "messages" in record.shapes:
        found.append("the model has no chat template: conversations become 'role: content' lines")
    if plan.steps < _FEW_STEPS:
        steps = "one step" if plan.steps == 1 else f"{plan.steps} steps"
        found.append(f"only {steps} of training: add rows or num_train_epochs")
    return tuple(found)
