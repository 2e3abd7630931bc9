"""`kaito provisioner`: make the machines that NodeClaims of one class ask for, in one cloud.

Settings of the cloud come from the environment, credentials from where its SDK finds them. Exit
status: 0 stopped, 1 an error or the lease was lost, 2 flags or environment are wrong.
"""

import argparse
import asyncio
import os
import signal
from typing import TYPE_CHECKING

from kaito.base.errors import KaitoError, UsageError
from kaito.kube.config import Cluster, from_kubeconfig, in_cluster

if TYPE_CHECKING:
    from kaito.app.provisioner.options import ProvisionerOptions

_TRUE = ("true", "1", "t")
_FALSE = ("false", "0", "f")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from kaito.app.provisioner.clouds import CLOUDS

    text = parser.add_argument
    text("--cloud", choices=CLOUDS, required=True, help="where machines are made")
    text("--kubeconfig", default="", metavar="FILE", help="instead of the pod's service account")
    text("--context", default="", metavar="NAME", help="context in that file")
    text("--node-class-group", default="", metavar="GROUP", help="of the claims to answer")
    text("--node-class-kind", default="", metavar="KIND", help="of the claims to answer")
    text("--metrics-bind-address", default=":8080", metavar="ADDR", help="default :8080; 0: none")
    text(
        "--health-probe-bind-address",
        default=":8081",
        metavar="ADDR",
        help="default :8081; 0: none",
    )
    text(
        "--leader-elect",
        nargs="?",
        const="true",
        default="true",
        metavar="BOOL",
        help="one provisioner for a class works, others stand by (default true)",
    )
    text("--lease-namespace", default="kube-system", metavar="NAME", help="default kube-system")
    text("--log-format", choices=("json", "text"), default="json", help="default json")
    levels = ("debug", "info", "warning", "error")
    text("--log-level", choices=levels, default="info", help="default info")


def run(arguments: argparse.Namespace) -> int:
    """Run the provisioner until it is told to stop."""
    options = _options(arguments)
    cluster = _choose_cluster(arguments)
    from kaito.base.logs import start_logging

    start_logging(level=arguments.log_level.upper(), json=arguments.log_format == "json")
    return asyncio.run(_run(options, cluster))


async def _run(options: "ProvisionerOptions", cluster: Cluster) -> int:
    import socket
    import uuid

    from kaito.app.operator.process import Standing
    from kaito.app.provisioner.clouds import open_cloud
    from kaito.app.provisioner.process import run_provisioner
    from kaito.base.clock import SystemClock

    cloud = open_cloud(options.cloud, os.environ, SystemClock())
    standing = Standing(identity=f"{socket.gethostname()}_{uuid.uuid4()}", stop=asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, standing.stop.set)
    try:
        await run_provisioner(options, cluster, cloud, standing)
    except (KaitoError, ExceptionGroup) as error:
        return _tell_end(error)
    return 0


def _tell_end(error: Exception) -> int:
    """Log why the provisioner ended, in the form that everything else is logged in; the status."""
    import logging

    from kaito.base.logs import facts
    from kaito.cli.reporting import first_known

    known = first_known(error)
    hint = known.hint if isinstance(known, KaitoError) else ""
    logging.getLogger("kaito.provisioner").error("ended", extra=facts(error=known, hint=hint))
    return 2 if isinstance(known, UsageError) else 1


def _choose_cluster(arguments: argparse.Namespace) -> Cluster:
    """--kubeconfig, then the cluster this runs in."""
    from pathlib import Path

    if arguments.kubeconfig:
        return from_kubeconfig(Path(arguments.kubeconfig), context=arguments.context)
    if (inside := in_cluster()) is not None:
        return inside
    raise UsageError("no cluster to look after", hint="run in a pod, or give --kubeconfig FILE")


def _options(arguments: argparse.Namespace) -> "ProvisionerOptions":
    from kaito.app.operator.options import parse_address
    from kaito.app.provisioner.options import ProvisionerOptions, choose_class

    group, kind = choose_class(
        arguments.cloud, arguments.node_class_group, arguments.node_class_kind
    )
    return ProvisionerOptions(
        cloud=arguments.cloud,
        class_group=group,
        class_kind=kind,
        metrics=parse_address("metrics-bind-address", arguments.metrics_bind_address),
        probes=parse_address("health-probe-bind-address", arguments.health_probe_bind_address),
        leader_elect=_is_on("--leader-elect", arguments.leader_elect),
        lease_namespace=arguments.lease_namespace,
    )


def _is_on(flag: str, value: str) -> bool:
    if value.lower() not in _TRUE + _FALSE:
        raise UsageError(f"{flag}={value!r} is not a boolean", hint="use true or false")
    return value.lower() in _TRUE
