"""`kaito operator`: run the controllers in a cluster, as the chart does.

Flags are KAITO 0.12's with their defaults, but for leader election, which is on. Exit status: 0
stopped, 1 an error or the lease was lost (the pod is started again), 2 the flags are wrong.
"""

import argparse
import os
from typing import TYPE_CHECKING

from kaito.cli.process_options import (
    add_address_options,
    add_log_options,
    add_switch,
    is_on,
)
from kaito.kube.config import Cluster, from_kubeconfig, from_kubeconfigs, in_cluster

if TYPE_CHECKING:
    from kaito.app.operator.options import OperatorOptions

_MIRROR_FLAGS = (
    ("default-model-mirror-storage-class", "NAME", "of ModelMirrors that name none"),
    ("model-mirror-download-cpu", "AMOUNT", "what their downloads ask for (500m)"),
    ("model-mirror-download-memory", "AMOUNT", "the same of memory (1Gi)"),
    (
        "default-streaming-service-account",
        "NAME",
        "whose login pods have that read a mirror's bucket, where no Secret is named",
    ),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    text = parser.add_argument
    text("-n", "--namespace", default="", metavar="NAME", help="look after this namespace only")
    text("--kubeconfig", default="", metavar="FILE", help="instead of the pod's service account")
    text("--context", default="", metavar="NAME", help="context in that file")
    _configure_process(parser)
    _configure_nodes(parser)


def _configure_process(parser: argparse.ArgumentParser) -> None:
    text = parser.add_argument
    add_address_options(parser)
    add_switch(parser, "--leader-elect", help_="one of several replicas works (default true)")
    add_switch(parser, "--webhook", help_="validate objects for the API server (default true)")
    text("--kube-client-qps", type=float, default=30, metavar="N", help="requests a second (30)")
    text("--kube-client-burst", type=int, default=50, metavar="N", help="requests at once (50)")
    text("--feature-gates", default="", metavar="K=V,..", help="gates, e.g. enableMIG=false")
    add_log_options(parser)
    text("--version", action="store_true", help="print the version")


def _configure_nodes(parser: argparse.ArgumentParser) -> None:
    from kaito.app.operator.options import PROVISIONERS

    text = parser.add_argument
    text(
        "--node-provisioner",
        default=PROVISIONERS[0],
        metavar="NAME",
        help=f"where nodes come from: {', '.join(PROVISIONERS)} (default {PROVISIONERS[0]})",
    )
    text("--default-node-image-family", default="", metavar="NAME", help="ubuntu or azurelinux")
    text("--karpenter-node-class-group", default="", metavar="GROUP", help="the cloud's own")
    text("--karpenter-node-class-kind", default="", metavar="KIND", help="the cloud's own")
    for flag in ("version", "resource-name"):
        help_ = "of the node classes that are declared; the usual ones when left out"
        text(f"--karpenter-node-class-{flag}", default="", metavar="NAME", help=help_)
    help_ = "node classes to make: a list of name, default, spec; exactly one is the default"
    text("--karpenter-node-classes", default="", metavar="JSON", help=help_)
    text(
        "--give-back-incomplete-nodes-after",
        type=float,
        default=1800,
        metavar="SECONDS",
        help="some of several nodes, where others do not come; 0: never (1800)",
    )
    text(
        "--tuning-allow-hosts",
        default="",
        metavar="HOST,..",
        help="private hosts that training data may come from",
    )
    for flag, metavar, help_ in _MIRROR_FLAGS:
        text(f"--{flag}", default="", metavar=metavar, help=help_)


def run(arguments: argparse.Namespace) -> int:
    """Run the operator until it is told to stop."""
    if arguments.version:
        from kaito import __version__

        print(f"kaito {__version__}")
        return 0
    # Judged before a cluster is looked for: what is wrong is wrong for all of them.
    _options(arguments, home="")
    cluster = _choose_cluster(arguments)
    options = _options(arguments, home=cluster.namespace)
    from kaito.app.operator.process import run_operator
    from kaito.cli.running import run_until_told

    return run_until_told(
        arguments, "operator", lambda standing: run_operator(options, cluster, standing)
    )


def _choose_cluster(arguments: argparse.Namespace) -> Cluster:
    """--kubeconfig, then the cluster this runs in, then what every other verb would take."""
    from pathlib import Path

    if arguments.kubeconfig:
        return from_kubeconfig(Path(arguments.kubeconfig), context=arguments.context)
    if (inside := in_cluster()) is not None:
        return inside
    from kaito.app.state import choose_state_folder
    from kaito.cli.target import choose_kubeconfigs

    paths = choose_kubeconfigs("", choose_state_folder(""))
    return from_kubeconfigs(paths, context=arguments.context)


def _options(arguments: argparse.Namespace, *, home: str) -> "OperatorOptions":
    """The flags and the environment, checked; `home` is where the process itself runs."""
    from kaito.app.operator import options as choices
    from kaito.app.operator.gates import parse_gates
    from kaito.app.operator.node_classes import parse_node_classes
    from kaito.app.webhook.options import Address, WebhookOptions

    around = choices.parse_environment(os.environ, home=home)
    gates = parse_gates(arguments.feature_gates)
    webhook = WebhookOptions(
        address=Address("", around.webhook_port),
        service=around.webhook_service,
        namespace=around.home,
    )
    return choices.OperatorOptions(
        gates=gates,
        metrics=choices.parse_address("metrics-bind-address", arguments.metrics_bind_address),
        probes=choices.parse_address(
            "health-probe-bind-address", arguments.health_probe_bind_address
        ),
        leader_elect=is_on("--leader-elect", arguments.leader_elect),
        requests_per_second=choices.check_rate(arguments.kube_client_qps),
        burst=choices.check_burst(arguments.kube_client_burst),
        webhook=webhook if is_on("--webhook", arguments.webhook) else None,
        provisioner=choices.choose_provisioner_name(arguments.node_provisioner, gates),
        cloud=around.cloud,
        namespace=choices.check_namespace(arguments.namespace),
        home=around.home,
        image_family=choices.choose_image_family(arguments.default_node_image_family),
        node_class_group=arguments.karpenter_node_class_group,
        node_class_kind=arguments.karpenter_node_class_kind,
        node_class_version=arguments.karpenter_node_class_version,
        node_class_resource=arguments.karpenter_node_class_resource_name,
        node_classes=parse_node_classes(arguments.karpenter_node_classes),
        registry=around.registry,
        cluster_name=around.cluster_name,
        give_back_seconds=choices.check_patience(arguments.give_back_incomplete_nodes_after),
        tuning_hosts=choices.parse_hosts(arguments.tuning_allow_hosts),
        mirrors=choices.choose_mirror_options(vars(arguments)),
    )
