"""The contract between a rendered pod and the programs inside it.

Owns ports, paths, environment names, exit codes, the image's name, and the typed arguments that the
renderer writes with `to_argv` and the program reads with `parse_argv`: one definition, two ends.
Pure: nothing here looks at a machine. The spelling of weight sources is in `weight_source`.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import Any, Final, Literal, Self

import msgspec

from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean

# --- image ------------------------------------------------------------------------------------
SERVING_IMAGE: Final = "ghcr.io/kaito-project-py/kaito-serving"
"""Repository of the image that carries both programs below."""


def serving_image(version: str) -> str:
    """The image reference of one release, e.g. `…/kaito-serving:0.1.0`."""
    return f"{SERVING_IMAGE}:{version}"


SERVING_COMMAND: Final = ("python", "-m", "kaito.runtimes.serving")
WEIGHTS_COMMAND: Final = ("python", "-m", "kaito.runtimes.weights")
"""The init container, with `WeightsArguments`."""
IMPORT_COMMAND: Final = (*WEIGHTS_COMMAND, "import")
"""What `kaito models import` runs, with `ImportArguments`; prints the model's folder on stdout."""
MIRROR_COMMAND: Final = (*WEIGHTS_COMMAND, "mirror")
"""What fills a ModelMirror's bucket, with `MirrorArguments`."""

# --- ports ------------------------------------------------------------------------------------
HTTP_PORT: Final = 5000
RENDEZVOUS_PORT: Final = 29500
RAY_PORT: Final = 6379
RAY_DASHBOARD_PORT: Final = 8265

# --- identity ---------------------------------------------------------------------------------
USER_ID: Final = 65532
"""Whom our programs run as in a cluster, and the group that may write their volumes."""
USER_NAME: Final = "kaito"
"""The same by name: some libraries ask for it, and the image need not list it."""

# --- end ----------------------------------------------------------------------------------------
GRACE_SECONDS: Final = 120
"""What a server's pod is granted to end, for streams to be finished; it ends sooner when idle."""

# --- HTTP paths -------------------------------------------------------------------------------
READY_PATH: Final = "/ready"
"""200 once the engine has really answered a one-token request, and still lives."""
HEALTH_PATH: Final = "/health"
CHAT_PATH: Final = "/chat"
METRICS_PATH: Final = "/metrics"

# --- paths in the pod -------------------------------------------------------------------------
WEIGHTS_MOUNT: Final = "/workspace/weights"
CONFIG_MOUNT: Final = "/mnt/config"
CONFIG_KEY: Final = "inference_config.yaml"
CONFIG_FILE: Final = f"{CONFIG_MOUNT}/{CONFIG_KEY}"
ADAPTER_MOUNT: Final = "/mnt/adapter"
SCRATCH_MOUNT: Final = "/tmp"  # noqa: S108 - in a container: the one place libraries agree on
"""The only writable folder of a container whose root is read-only; its HOME too."""
TERMINATION_LOG: Final = "/dev/termination-log"
TERMINATION_MESSAGE_BYTES: Final = 4096
WEIGHTS_MANIFEST: Final = "kaito-weights.json"
"""Written last into a model's folder: its presence means that the folder is complete."""

# --- environment ------------------------------------------------------------------------------
ENV_POD_IP: Final = "KAITO_POD_IP"
ENV_POD_HOSTS: Final = "KAITO_POD_HOSTS"
"""A file as /etc/hosts with the names of the pods of headless Services, where there is no DNS."""
ENV_POD_NAME: Final = "KAITO_POD_NAME"
"""The pod's name: its ordinal says whether it leads where several pods share a model."""
ENV_RAY_IP: Final = "VLLM_HOST_IP"
"""The pod's address as vLLM and Ray are to know it, where several pods share a model."""
ENV_TERMINATION_LOG: Final = "KAITO_TERMINATION_LOG"
ENV_HUB_AUTH: Final = "HF_TOKEN"
ENV_HUB_ENDPOINT: Final = "HF_ENDPOINT"
ENV_BUCKET_CA: Final = "KAITO_BUCKET_CA"
"""Certificates (PEM) that a bucket's service may show besides those of public authorities."""


class ExitCode(IntEnum):
    """How both programs end (sysexits.h): the reason is the termination message."""

    OK = 0
    USAGE = 64
    """The arguments do not parse: a mistake of whoever rendered the pod."""
    INVALID_DATA = 65
    """A folder or a file is there and is not what it should be."""
    UNAVAILABLE = 69
    """No source of the weights could be reached or had them: trying again may help."""
    SOFTWARE = 70
    """The engine died of something that is not listed here."""
    NO_ROOM = 73
    """A disk is full: more room helps."""
    PEERS = 75
    """The other pods of the same model did not come, or went: trying again may help."""
    CONFIG = 78
    """`inference_config.yaml` or an engine option is wrong: only an edit helps."""


def model_folder(root: str, key: str) -> str:
    """Where the weights of `key` lie under `root`: what `--model` of the server names."""
    return f"{root.rstrip('/')}/{key}"


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Command-line arguments as data: `--field-name=value`, in field order, defaults left out.

    Tuples repeat their option; booleans are `true` or `false`; None is never written.
    """

    def to_argv(self) -> tuple[str, ...]:
        """The argument list; equal values give equal lists."""
        argv: list[str] = []
        for field in _fields(type(self)):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            option = f"--{field.name.replace('_', '-')}"
            entries = value if isinstance(value, tuple) else (value,)
            argv.extend(f"{option}={_to_text(entry)}" for entry in entries)
        return tuple(argv)

    @classmethod
    def parse_argv(cls, argv: Sequence[str]) -> Self:
        """Read what `to_argv` wrote; `UsageError` names the first argument that is wrong."""
        fields = {field.name: field for field in _fields(cls)}
        values: dict[str, Any] = {}
        for argument in argv:
            option, equals, text = argument.partition("=")
            name = option.removeprefix("--").replace("-", "_")
            if not (equals and option.startswith("--") and name in fields):
                known = (f"--{known.replace('_', '-')}" for known in fields)
                nearest = did_you_mean(option, known) if name not in fields else ""
                hint = (
                    nearest or f"options are written {option if name in fields else '--name'}=value"
                )
                raise UsageError(f"argument {argument!r} is not known", hint=hint)
            if _is_repeated(fields[name]):
                values.setdefault(name, []).append(text)
            else:
                values[name] = text
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"arguments are wrong: {_to_option(str(error))}") from error


class WeightsArguments(Arguments, frozen=True, kw_only=True):
    """What the init container is told: which weights, where to, and from where, in order."""

    key: str
    """The folder under `root`; one preset, one key."""
    root: str = WEIGHTS_MOUNT
    source: tuple[str, ...] = ()
    """Tried in this order; see `kaito.api.weight_source` for the spelling."""
    architecture: str = ""
    """When given, one of config.json's `architectures` must be this."""
    pull_secret: tuple[str, ...] = ()
    """Folders with a `.dockerconfigjson` (or `config.json`) each, for registries."""
    allow_pickle: bool = False
    """Whether weights that are pickled Python may be fetched: loading them runs their code."""
    port: int = HTTP_PORT
    """Where `/kaito/report` is answered while it works; 0: nowhere."""
    host: str = ""
    """Empty: the pod's address from KAITO_POD_IP, else every address."""


class ImportArguments(Arguments, frozen=True, kw_only=True):
    """What `kaito models import` tells the weights program: take this folder as that preset."""

    key: str
    root: str
    path: str
    architecture: str = ""
    allow_pickle: bool = False


class MirrorArguments(Arguments, frozen=True, kw_only=True):
    """What the program that fills or checks a ModelMirror's bucket is told."""

    bucket: str
    """An `s3://` source, as `kaito.api.weight_source` spells it."""
    key: str = ""
    """The folder under `root` where the weights wait for their way to the bucket."""
    root: str = ""
    source: tuple[str, ...] = ()
    """Where the weights come from, tried in this order; none: the bucket has them already."""
    owner: str = "an unnamed mirror"
    """Who fills the bucket, as others are told who want to; the same over all tries."""
    port: int = HTTP_PORT
    """Where `/kaito/report` is answered while it works; 0: nowhere."""
    host: str = ""
    """Empty: the pod's address from KAITO_POD_IP, else every address."""


class Distributed(msgspec.Struct, frozen=True, kw_only=True):
    """How the pods of one model find each other: the first leads, the others join its Ray."""

    nodes: int
    gpus: int
    """Of all pods together."""
    leader: str
    """Host name of the first pod."""
    port: int
    """Where its Ray listens."""
    join_seconds: int
    """How long the pods wait for each other."""


class ServingArguments(Arguments, frozen=True, kw_only=True):
    """What the server is told. Options that only one engine knows go through `engine_option`."""

    model: str
    """A folder with safetensors, config and tokenizer; or a hub id."""
    runtime: Literal["vllm", "transformers"] = "vllm"
    served_model_name: tuple[str, ...] = ()
    """The first is what responses carry; the others are accepted too."""
    host: str = ""
    """Empty: the pod's address from KAITO_POD_IP, else every address."""
    port: int = HTTP_PORT
    dtype: str = "auto"
    max_model_len: int | None = None
    """Tokens of context; None lets the engine take the most that fits."""
    kv_cache_bytes: int = 0
    """Memory for the KV cache on a CPU; 0 takes the runtime's default. Ignored on a GPU."""
    gpu_memory_utilization: float | None = None
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    enable_expert_parallel: bool = False
    """Spread a layer's experts over the GPUs instead of splitting each."""
    max_num_seqs: int = 0
    """Sequences in one batch; 0 leaves it to the engine, as in the next."""
    max_num_batched_tokens: int = 0
    performance_mode: str = ""
    """vLLM's balanced, interactivity or throughput."""
    distributed_executor_backend: Literal["", "ray", "mp"] = ""
    nodes: int = 1
    """Pods that share one model; the next three count only above 1."""
    leader: str = ""
    ray_port: int = RAY_PORT
    join_seconds: int = 1800
    quantization: str = ""
    kv_cache_dtype: str = ""
    load_format: str = ""
    tokenizer_mode: str = ""
    config_format: str = ""
    tool_call_parser: str = ""
    """Set: the engine also chooses tools by itself."""
    reasoning_parser: str = ""
    chat_template: str = ""
    """A template of ours by its name, or the path of a Jinja file; empty: the tokenizer's own."""
    trust_remote_code: bool = False
    adapters_file: str = ""
    """`kaito.api.adapters`: watched while serving. Empty leaves LoRA off, which is faster."""
    adapters_folder: str = ""
    """Where fetched adapters are kept."""
    pull_secret: tuple[str, ...] = ()
    """Folders with a `.dockerconfigjson` each, for the registries of adapters."""
    max_lora_rank: int = 0
    """Largest rank of an adapter; 0: the runtime's default."""
    max_loras: int = 0
    """Adapters in one batch; 0: the runtime's default."""
    keys_folder: str = ""
    """A mounted Secret: the value of each of its keys is an API key. Watched. Empty: no keys."""
    max_waiting: int = 0
    """Requests beyond those that run at once before new ones get 429; 0: decided from the engine,
    -1: no limit."""
    max_body_bytes: int = 0
    """Largest request; 0: the runtime's default."""
    engine_option: tuple[str, ...] = ()
    """`NAME=VALUE` for the engine, under its own name; JSON where the engine takes JSON."""
    allow_pickle: bool = False
    """Whether weights that are pickled Python may be loaded, which runs their code."""
    config_file: str = ""
    """The `inference_config.yaml`; its values win over everything above."""

    @property
    def distributed(self) -> Distributed | None:
        """How this pod takes part in a model of several, or None where it serves alone."""
        if self.nodes <= 1:
            return None
        return Distributed(
            nodes=self.nodes,
            gpus=self.tensor_parallel_size * self.pipeline_parallel_size * self.data_parallel_size,
            leader=self.leader,
            port=self.ray_port,
            join_seconds=self.join_seconds,
        )


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an init container is: one line on standard error every few seconds.

    `kaito-progress stage=download done=1048576 total=269000000 eta=42 item=model.safetensors`;
    `done` and `total` are bytes (0: not known), `eta` whole seconds (-1: not known).
    """

    stage: str
    done: int = 0
    total: int = 0
    eta: int = -1
    item: str = ""

    def to_line(self) -> str:
        """The line, without its end."""
        return (
            f"kaito-progress stage={self.stage} done={self.done} total={self.total} "
            f"eta={self.eta} item={self.item}"
        )

    @classmethod
    def parse_line(cls, line: str) -> Self | None:
        """The progress that a log line states, or None when it is another kind of line."""
        match = _PROGRESS.search(line)
        return msgspec.convert(match.groupdict(), cls, strict=False) if match else None


_PROGRESS = re.compile(
    r"kaito-progress stage=(?P<stage>\S+) done=(?P<done>\d+) total=(?P<total>\d+) "
    r"eta=(?P<eta>-?\d+) item=(?P<item>.*)\Z"
)


@cache
def _fields(kind: type[Arguments]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_repeated(field: msgspec.structs.FieldInfo) -> bool:
    return isinstance(field.default, tuple)


def _to_option(message: str) -> str:
    # msgspec names a field as `$.port`; a person typed `--port`.
    named = re.sub(r"`\$\.(\w+)[^`]*`", lambda m: "--" + m[1].replace("_", "-"), message)
    return re.sub(r"field `(\w+)`", lambda m: "--" + m[1].replace("_", "-"), named)
