"""`kaito logs`: what the containers of a pod, or of a workspace's first pod, wrote."""

import argparse
import sys

from kaito.api.core import PODS, Pod
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options
from kaito.cli.durations import parse_duration
from kaito.cli.naming import with_suggestion
from kaito.cli.output import note
from kaito.cli.target import choose_target, run_with_client
from kaito.kube.client import Client
from kaito.kube.errors import Invalid, NotFound

_WORKSPACE_WORDS = ("workspace", "workspaces", "wk", "wks", "workspace.kaito.sh")
_POD_WORDS = ("pod", "pods", "po")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "name", metavar="NAME", help="a workspace or a pod; pod/NAME or workspace/NAME to be exact"
    )
    parser.add_argument("-c", "--container", default="", metavar="NAME", help="container")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is written")
    parser.add_argument(
        "-p", "--previous", action="store_true", help="of the container before its last restart"
    )
    parser.add_argument("--tail", default="", metavar="LINES", help="only the last lines")
    parser.add_argument("--since", default="", metavar="TIME", help="only the last 5m, 1h, ...")
    parser.add_argument("--timestamps", action="store_true", help="the time before each line")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Copy the log to standard output."""
    query = _query(arguments)
    target = choose_target(arguments)

    async def work(client: Client) -> int:
        pod = await _find_pod(client, arguments.name, target.namespace)
        container = arguments.container or _choose_container(pod)
        path = PODS.path(pod.key, subresource="log")
        try:
            async with client.open(
                "GET", path, query={**query, "container": container}
            ) as response:
                async for chunk in response.content.iter_any():
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
        except Invalid as error:
            raise _advised(error, pod, container) from error
        return 0

    return run_with_client(target, work)


def _query(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.tail and not arguments.tail.isdigit():
        raise UsageError(f"--tail {arguments.tail!r} is not a number of lines")
    since = str(max(int(parse_duration(arguments.since)), 1)) if arguments.since else ""
    return {
        "follow": "true" if arguments.follow else "",
        "previous": "true" if arguments.previous else "",
        "timestamps": "true" if arguments.timestamps else "",
        "tailLines": arguments.tail,
        "sinceSeconds": since,
    }


async def _find_pod(client: Client, word: str, namespace: str) -> Pod:
    kind, slash, name = word.rpartition("/")
    if slash and kind not in (*_WORKSPACE_WORDS, *_POD_WORDS):
        raise UsageError(f"{word!r}: only pods and workspaces have logs here", hint="pod/NAME")
    if kind not in _WORKSPACE_WORDS:
        try:
            return await client.get(PODS, Key(namespace, name))
        except NotFound as error:
            if kind in _POD_WORDS:
                raise await with_suggestion(client, PODS, Key(namespace, name), error) from error
    return await _first_pod(client, Key(namespace, name))


async def _first_pod(client: Client, key: Key) -> Pod:
    try:
        return await client.get(PODS, Key(key.namespace, f"{key.name}-0"))
    except NotFound:
        pass
    try:
        await client.get(WORKSPACES, key)
    except NotFound as error:
        raise await with_suggestion(client, WORKSPACES, key, error) from error
    raise KaitoError(
        f"workspace {key} has no pod yet", hint=f"see `kaito explain {key.name} -n {key.namespace}`"
    )


def _choose_container(pod: Pod) -> str:
    """The first container, or while it cannot run yet the init container that it waits for."""
    for status in pod.status.init_container_statuses:
        ended = status.state.terminated
        if status.state.running or (ended is not None and ended.exit_code != 0):
            note(f"(container {status.name}; choose another with -c)")
            return status.name
    return pod.spec.containers[0].name if pod.spec.containers else ""


def _advised(error: Invalid, pod: Pod, container: str) -> Invalid:
    others = [c.name for c in (*pod.spec.init_containers, *pod.spec.containers)]
    names = ", ".join(name for name in others if name != container)
    if not error.hint and names:
        error.hint = f"the pod's other containers: {names}; choose one with -c"
    return error
