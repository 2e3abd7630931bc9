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
from kaito.runtimes.tuning.identity import training_fingerprint
from kaito.runtimes.tuning.job import Job
from kaito.runtimes.tuning.machine import Machine, observe_machine
from kaito.runtimes.tuning.model import load_tokenizer
from kaito.runtimes.tuning.plan import Lengths, Plan, plan_training
from kaito.runtimes.tuning.preflight import prepare_data
from kaito.runtimes.tuning.settings import Settings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.speed import estimate_seconds
from kaito.runtimes.tuning.targets import Targets, choose_targets
from kaito.runtimes.tuning.train import Course
from kaito.runtimes.tuning.trainer_settings import apply_settings

_FEW_STEPS: Final = 10


def prepare_course(
    job: Job, arrived: tuple[Arrived, ...], surveyed: DatasetRecord | None = None
) -> Course:
    """Judge the data and plan the training; sets the job's plan as soon as there is one.

    Args:
        job: what is asked for.
        arrived: the files.
        surveyed: what a look over them found: a model that does not fit is refused by it, before
            all of the data is tokenized.

    Raises:
        DataRefused: nothing useful in the data, or no model.
        SettingRefused: a setting cannot be done, or nothing fits this machine.
    """
    arguments, settings = job.arguments, job.settings
    folder = job.model
    machine = observe_machine(arguments.memory_bytes)
    facts = read_model_facts(folder, trusts_code=settings.model.get("trust_remote_code") is True)
    targets = choose_targets(settings.lora.get("target_modules"), facts.linear_names)
    tokenizer = load_tokenizer(folder, settings)
    most = max_tokens(settings, facts.context)
    encoder = Encoder(tokenizer, max_length=most, answers_only=settings.answers_only)
    if surveyed is not None:
        longest = min(surveyed.longest, most)
        job.plan = _plan(settings, facts, surveyed, machine, longest=longest)
    prepared = prepare_data(
        arrived, encoder, settings.data, folder=job.scratch / "samples", told=job.tell_rows
    )
    plan = _plan(settings, facts, prepared.record, machine, longest=prepared.longest)
    job.plan = plan
    evaluates = prepared.evaluation is not None
    applied = apply_settings(settings, plan, machine, targets=targets.names, evaluates=evaluates)
    record = msgspec.structs.replace(
        prepared.record,
        max_length=most,
        has_chat_template=encoder.has_template,
        steps=plan.steps,
        memory_bytes=plan.memory_bytes,
        memory_limit_bytes=machine.memory_bytes,
        seconds=_seconds(settings, facts, prepared.record, machine),
        warnings=_warnings(prepared.record, encoder, targets, plan),
    )
    return Course(
        model=folder,
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


def _plan(
    settings: Settings, facts: ModelFacts, record: DatasetRecord, machine: Machine, *, longest: int
) -> Plan:
    lengths = Lengths(samples=record.samples, longest=longest, tokens=record.tokens)
    return plan_training(settings, facts, lengths, machine)


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
    if not encoder.has_template and "messages" in record.shapes:
        found.append("the model has no chat template: conversations become 'role: content' lines")
    if plan.steps < _FEW_STEPS:
        found.append(f"only {plan.steps} steps of training: add rows or num_train_epochs")
    return tuple(found)
