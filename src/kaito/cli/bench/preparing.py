"""What must be known of a server before it is measured: its words per token, and what it can do."""

from dataclasses import dataclass, replace

import msgspec

from kaito.base.errors import KaitoError, UsageError
from kaito.cli.bench.plan import Load
from kaito.cli.bench.prompts import Prompts, scale_words
from kaito.cli.bench.sending import COMPLETIONS, Request
from kaito.cli.endpoints import Asker, Refused, ServedModel

_NOT_UNDERSTOOD = (400, 422)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How to ask one server for the load that is wanted."""

    request: Request
    prompts: Prompts
    engine_version: str = ""


async def prepare(asker: Asker, model: ServedModel, load: Load) -> Prepared:
    """Ask for one token of answer to a prompt of the wanted size, and count.

    Raises:
        UsageError: prompt and answer exceed the model's context.
        Refused: the server does not complete text.
    """
    require_fitting(model, load)
    prompts = Prompts(seed=load.seed, words=load.input_tokens, shared_words=load.shared_prefix)
    request = Request(model=model.id, prompt=prompts.make("size"), max_tokens=1)
    try:
        tokens = await _count(asker, request)
    except Refused as refused:
        if refused.status not in _NOT_UNDERSTOOD:
            raise
        # Perhaps only because it does not know `ignore_eos`.
        request = replace(request, is_exact=False)
        tokens = await _count(asker, request)
    words, of = scale_words, load.input_tokens
    return Prepared(
        request=replace(request, prompt="", max_tokens=load.output_tokens),
        prompts=replace(
            prompts,
            words=words(load.input_tokens, words=of, tokens=tokens),
            shared_words=words(load.shared_prefix, words=of, tokens=tokens)
            if load.shared_prefix
            else 0,
        ),
        engine_version=await _version(asker),
    )


def require_fitting(model: ServedModel, load: Load) -> None:
    """Raise `UsageError` where the load does not fit the model's context."""
    wanted, context = load.input_tokens + load.output_tokens, model.max_model_len
    if context is not None and wanted > context:
        raise UsageError(
            f"{load.input_tokens} tokens of prompt and {load.output_tokens} of answer do not fit "
            f"the context of {model.id!r}, which is {context}",
            hint="give less with --input-tokens and --output-tokens",
        )


async def _count(asker: Asker, request: Request) -> int:
    async with asker.open("POST", COMPLETIONS, request.to_body(is_stream=False)) as response:
        body = await response.read()
    try:
        return msgspec.json.decode(body, type=_Completed).usage.prompt_tokens
    except msgspec.MsgspecError as error:
        raise KaitoError(
            "the server does not say how many tokens a prompt has", hint="is this its address?"
        ) from error


async def _version(asker: Asker) -> str:
    try:
        async with asker.open("GET", "/version") as response:
            return msgspec.json.decode(await response.read(), type=_Version).version
    except (KaitoError, msgspec.MsgspecError):
        return ""


class _Usage(msgspec.Struct):
    prompt_tokens: int


class _Completed(msgspec.Struct):
    usage: _Usage


class _Version(msgspec.Struct):
    version: str = ""
