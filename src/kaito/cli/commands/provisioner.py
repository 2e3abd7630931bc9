"""`kaito provisioner`: make the machines that NodeClaims of one class ask for, in one cloud.

Settings of the cloud come from the environment, credentials from where its SDK finds them. Exit
status: 0 stopped, 1 an error or the lease was lost, 2 flags or environment are wrong.
"""

import argparse
import os
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from kaito.base.errors import UsageError
from kaito.cli.process_options import (
    add_address_options,
    add_log_options,
    add_switch,
    is_on,
)
from kaito.kube.config import Cluster, from_kubeconfig, in_cluster

if TYPE_CHECKING:
    from kaito.app.provisioner.options import ProvisionerOptions


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from kaito.app.provisioner.clouds import CLOUDS

    text = parser.add_argument
    text("--cloud", choices=CLOUDS, required=True, help="where machines are made")
    text("--kubeconfig", default="", metavar="FILE", help="instead of the pod's service account")
    text("--context", default="", metavar="NAME", help="context in that file")
    text("--node-class-group", default="", metavar="GROUP", help="of the claims to answer")
    text("--node-class-kind", default="", metavar="KIND", help="of the claims to answer")
    add_address_options(parser)
    help_ = "one provisioner for a class works, others stand by (default true)"
    add_switch(parser, "--leader-elect", help_=help_)
    text("--lease-namespace", default="kube-system", metavar="NAME", help="default kube-system")
    add_log_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the provisioner until it is told to stop."""
    options = _options(arguments)
    cluster = _choose_cluster(arguments)
    from kaito.app.leading import Standing
    from kaito.app.provisioner.clouds import open_cloud
    from kaito.app.provisioner.process import run_provisioner
    from kaito.base.clock import SystemClock
    from kaito.cli.running import run_until_told

    def provision(standing: Standing) -> Awaitable[None]:
        cloud = open_cloud(options.cloud, os.environ, SystemClock())
        return run_provisioner(options, cluster, cloud, standing)

    return run_until_told(arguments, "provisioner", provision)


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
        leader_elect=is_on("--leader-elect", arguments.leader_elect),
        lease_namespace=arguments.lease_namespace,
    )
