"""`kaito bench`: how fast a served model answers, at several numbers of requests at once."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES
from kaito.base.clock import Clock, SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.bench import load as loading
from kaito.cli.bench.figures import derive_figures
from kaito.cli.bench.plan import ROUNDS, Level, Load, parse_concurrency, plan_levels
from kaito.cli.bench.plotting import draw_report, require_plotting
from kaito.cli.bench.preparing import prepare
from kaito.cli.bench.report import Report, Setting, render_level, render_report
from kaito.cli.bench.samples import LevelRun
from kaito.cli.bench.saving import derive_metrics
from kaito.cli.durations import parse_duration
from kaito.cli.endpoints import (
    ENV_API_KEY,
    Endpoint,
    choose_api_key,
    choose_model,
    open_endpoint,
    require_endpoint,
)
from kaito.cli.output import note, print_document
from kaito.cli.target import Target, choose_target
from kaito.cli.workspaces import read_workspace
from kaito.kube.client import Client

_INTERRUPTED = 130
_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The command line, understood."""

    key: Key | None
    """The Workspace; None where an address stands for it."""
    target: Target | None
    """The cluster it is in."""
    url: str
    api_key: str = field(repr=False)
    model: str
    load: Load
    levels: tuple[Level, ...]
    is_saved: bool
    clock: Clock


@dataclass(slots=True, kw_only=True)
class Measured:
    """What is known so far; also after an interruption."""

    setting: Setting | None = None
    runs: list[LevelRun] = field(default_factory=list)

    def report(self, *, is_whole: bool) -> Report | None:
        """The figures so far; None before anything was asked."""
        if self.setting is None:
            return None
        expected = self.setting.input_tokens
        levels = (derive_figures(run, expected_input=expected) for run in self.runs)
        known = tuple(level for level in levels if level is not None)
        return Report(setting=self.setting, is_whole=is_whole, levels=known)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s NAME [options]"
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="name of the workspace")
    parser.add_argument(
        "--url", default="", metavar="URL", help="of a server, instead of a workspace's"
    )
    _add_load_options(parser)
    parser.add_argument(
        "--model",
        default="",
        metavar="NAME",
        help="an adapter, or another name the model is served under; the model itself unless given",
    )
    parser.add_argument(
        "--api-key",
        default="",
        metavar="KEY",
        help=f"where the server wants one; ${ENV_API_KEY} unless given",
    )
    add_output_option(parser, "table", "json", "yaml")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="write a picture, too: FILE.png or FILE.svg"
    )
    parser.add_argument(
        "--save",
        action="store_true",
        help="keep the peak in the workspace's status.performance",
    )
    add_cluster_options(parser)


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--concurrency",
        default="1,8,32",
        metavar="LIST",
        help="requests at once, measured one after the other; 1,8,32 unless given",
    )
    long = parser.add_mutually_exclusive_group()
    long.add_argument(
        "--requests",
        type=int,
        metavar="N",
        help="for each concurrency; four times as many, at least 12, unless given",
    )
    long.add_argument(
        "--duration", metavar="TIME", help="for each concurrency, instead of a number of requests"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=ROUNDS,
        metavar="N",
        help=f"parts of each concurrency, for median and spread; {ROUNDS} unless given",
    )
    for name, tokens, what in (
        ("--input-tokens", 256, "of each prompt, about; 256 unless given"),
        ("--output-tokens", 64, "of each answer; 64 unless given"),
        ("--shared-prefix", 0, "at the beginning that all prompts have in common; 0 unless given"),
    ):
        parser.add_argument(name, type=int, default=tokens, metavar="TOKENS", help=what)
    parser.add_argument(
        "--seed", type=int, metavar="N", help="to send the same prompts as a run that printed it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; an interruption, or a server that goes away, prints what there is."""
    wanted = understand(arguments, SystemClock())
    if arguments.plot is not None:
        require_plotting(arguments.plot)
    measured = Measured()
    status = 0
    try:
        asyncio.run(_measure(wanted, measured))
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except KaitoError:
        # Levels that were measured took minutes; the error follows them.
        if (report := measured.report(is_whole=False)) is not None and report.levels:
            _print(report, arguments)
        raise
    report = measured.report(is_whole=not status)
    if report is None:
        return status
    _print(report, arguments)
    return status


def understand(arguments: argparse.Namespace, clock: Clock) -> Wanted:
    """What the command line asks for; `UsageError` where it cannot be done."""
    if bool(arguments.name) == bool(arguments.url):
        raise UsageError(
            "one of a workspace's NAME and --url says what to measure",
            hint="for example: kaito bench phi",
        )
    if arguments.url and arguments.save:
        raise UsageError("--save needs a workspace to keep the figures in, not only --url")
    _require_positive(arguments)
    target = choose_target(arguments) if arguments.name else None
    key = Key(target.namespace, arguments.name.rpartition("/")[2]) if target else None
    seconds = parse_duration(arguments.duration) if arguments.duration else 0.0
    seed = arguments.seed if arguments.seed is not None else int(clock.now().timestamp()) % _SEEDS
    return Wanted(
        key=key,
        target=target,
        url=_server_of(arguments.url),
        api_key=choose_api_key(arguments.api_key),
        model=arguments.model,
        load=Load(
            input_tokens=arguments.input_tokens,
            output_tokens=arguments.output_tokens,
            shared_prefix=arguments.shared_prefix,
            seed=seed,
        ),
        levels=plan_levels(
            parse_concurrency(arguments.concurrency),
            requests=arguments.requests or 0,
            seconds=seconds,
            rounds=arguments.rounds,
        ),
        is_saved=arguments.save,
        clock=clock,
    )


def _server_of(url: str) -> str:
    if url and not _is_address(url):
        raise UsageError(f"{url!r} is no address", hint="for example: http://127.0.0.1:5000")
    # OpenAI's clients are given the address with the version, people copy it from there.
    return url.rstrip("/").removesuffix("/v1")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _require_positive(arguments: argparse.Namespace) -> None:
    numbers = {
        "--requests": arguments.requests,
        "--rounds": arguments.rounds,
        "--input-tokens": arguments.input_tokens,
        "--output-tokens": arguments.output_tokens,
    }
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UsageError(f"{name} must be at least 1, not {number}")
    if not 0 <= arguments.shared_prefix <= arguments.input_tokens:
        raise UsageError("--shared-prefix must be between 0 and --input-tokens")


async def _measure(wanted: Wanted, measured: Measured) -> None:
    async with AsyncExitStack() as stack:
        client, endpoint, engine = None, Endpoint(url=wanted.url, api_key=wanted.api_key), ""
        if wanted.target and wanted.key:
            client = await stack.enter_async_context(Client(wanted.target.cluster))
            endpoint = await require_endpoint(client, wanted.key, api_key=wanted.api_key)
            engine = (await read_workspace(client, wanted.key)).runtime
        asker = await stack.enter_async_context(open_endpoint(endpoint, client))
        model = choose_model(await asker.models(), wanted.model)
        prepared = await prepare(asker, model, wanted.load)
        measured.setting = Setting(
            workspace=str(wanted.key or ""),
            endpoint=str(endpoint),
            model=model.id,
            engine=engine,
            engine_version=prepared.engine_version,
            input_tokens=wanted.load.input_tokens,
            output_tokens=wanted.load.output_tokens,
            shared_prefix=wanted.load.shared_prefix,
            is_exact=prepared.request.is_exact,
            seed=wanted.load.seed,
        )
        target = loading.Target(
            asker=asker, request=prepared.request, prompts=prepared.prompts, clock=wanted.clock
        )
        await loading.measure_levels(target, wanted.levels, measured.runs, _tell)
        if wanted.is_saved and client and wanted.key:
            await _save(client, wanted.key, measured)


def _tell(run: LevelRun) -> None:
    if (figures := derive_figures(run)) is not None:
        note(render_level(figures))


async def _save(client: Client, key: Key, measured: Measured) -> None:
    report = measured.report(is_whole=True)
    assert report is not None, "saved after measuring"
    metrics = msgspec.to_builtins(derive_metrics(report))
    status = {"status": {"performance": {"metrics": metrics}}}
    await client.patch(WORKSPACES, key, status, subresource="status")
    note(f"saved in status.performance of workspace {key}")


def _print(report: Report, arguments: argparse.Namespace) -> None:
    if arguments.output in ("json", "yaml"):
        print_document(report, arguments.output)
    else:
        print(render_report(report))
    if arguments.plot is not None and report.levels:
        draw_report(report, arguments.plot)
        note(f"wrote {arguments.plot}")
