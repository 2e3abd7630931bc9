"""boto3 over HTTP against moto's server; other errors come in through the hook that boto has."""

import json
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends
from moto.server import ThreadedMotoServer

from cloud_benches.bench import Recorded
from kaito.cloud.aws.cloud import AwsCloud
from kaito.cloud.aws.settings import AwsSettings
from kaito.cloud.failure import FailureKind
from kaito.cloud.port import MachineState

REGION = "us-east-1"
CLUSTER = "models"
ROLE = "arn:aws:iam::123456789012:role/nodes"
_CAPACITY = (
    "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have "
    "sufficient p5.48xlarge capacity in the Availability Zone you requested (us-east-1a)."
)
_VCPUS = (
    "Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU "
    "capacity than your current vCPU limit of 0 allows for the instance bucket."
)
_STATES = {
    "creating": "CREATING",
    "running": "ACTIVE",
    "deleting": "DELETING",
    "failed": "CREATE_FAILED",
}

K = FailureKind
REFUSALS = (
    Recorded(
        kind=K.UNAUTHORIZED,
        status=403,
        code="AccessDeniedException",
        words="User: arn:aws:sts::123456789012:assumed-role/kaito/x is not authorized to perform: "
        "eks:CreateNodegroup on resource: arn:aws:eks:us-east-1:123456789012:cluster/models",
    ),
    Recorded(
        kind=K.QUOTA,
        code="ResourceLimitExceededException",
        words="You have reached the limit of 30 managed node groups in cluster models.",
    ),
    Recorded(
        kind=K.INVALID,
        code="InvalidParameterException",
        words="The following supplied instance types do not exist: [p9.huge]",
    ),
    Recorded(kind=K.THROTTLED, status=429, code="ThrottlingException", words="Rate exceeded"),
    Recorded(
        kind=K.THROTTLED,
        status=409,
        code="ResourceInUseException",
        words="Cluster models has an update in progress.",
    ),
    Recorded(kind=K.UNAVAILABLE, status=500, code="ServerException", words="Internal failure"),
    Recorded(
        kind=K.UNAVAILABLE,
        status=503,
        code="ServiceUnavailableException",
        words="Service is unavailable",
    ),
)
BREAKDOWNS = (
    Recorded(kind=K.CAPACITY, code="AsgInstanceLaunchFailures", words=_CAPACITY),
    Recorded(kind=K.QUOTA, code="AsgInstanceLaunchFailures", words=_VCPUS),
    Recorded(
        kind=K.NOT_FOUND,
        code="IamNodeRoleNotFound",
        words="The node role could not be found: arn:aws:iam::123456789012:role/nodes",
    ),
    Recorded(
        kind=K.UNAVAILABLE,
        code="NodeCreationFailure",
        words="Instances failed to join the kubernetes cluster",
    ),
)


_NO_CLUSTER = Recorded(
    kind=K.NOT_FOUND,
    status=404,
    code="ResourceNotFoundException",
    words=f"No cluster found for name: {CLUSTER}.",
)


class AwsBench:
    """See `Bench`."""

    instance_type = "g5.xlarge"

    def __init__(self, endpoint: str) -> None:
        self._backend.reset()
        self._client = boto3.client(
            "eks",
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        self._client.create_cluster(
            name=CLUSTER, roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-a", "subnet-b"]}
        )
        self._refusals: list[Recorded] = []
        self._is_silent = False
        self._is_clusterless = False
        self._created = 0
        events = self._client.meta.events
        events.register("before-send.eks.*", self._intercept)
        events.register("after-call.eks.CreateNodegroup", self._count)
        self.cloud = AwsCloud(self._client, AwsSettings(cluster=CLUSTER, node_role=ROLE))

    def refuse(self, error: Recorded, *, times: int = 1) -> None:
        self._refusals += [error] * times

    def go_silent(self) -> None:
        self._is_silent = True

    def set_state(self, name: str, state: MachineState, why: Recorded | None = None) -> None:
        group = self._groups[name]
        group.status = _STATES[state]
        if why:
            issue = {"code": why.code, "message": why.words, "resourceIds": ["asg"]}
            group.health = {"issues": [issue]}

    def remove(self, name: str) -> None:
        del self._groups[name]

    def remove_cluster(self) -> None:
        del self._backend.clusters[CLUSTER]
        self._is_clusterless = True

    def add_foreign(self, name: str) -> None:
        self._client.create_nodegroup(
            clusterName=CLUSTER, nodegroupName=name, subnets=["subnet-a"], nodeRole=ROLE
        )
        self._created -= 1

    def created(self) -> int:
        return self._created

    @property
    def _backend(self) -> Any:
        return eks_backends[DEFAULT_ACCOUNT_ID][REGION]

    @property
    def _groups(self) -> dict[str, Any]:
        groups: dict[str, Any] = self._backend.clusters[CLUSTER].nodegroups
        return groups

    def _count(self, http_response: AWSResponse, **_: object) -> None:
        self._created += http_response.status_code == 200

    def _intercept(self, request: Any, **_: object) -> AWSResponse | None:
        if self._is_silent:
            raise ConnectTimeoutError(endpoint_url=request.url)
        error = self._refusals.pop(0) if self._refusals else None
        if self._is_clusterless and request.url.endswith("/node-groups"):
            # Where EKS says so, moto breaks down.
            error = _NO_CLUSTER
        if error is None:
            return None
        headers = {"x-amzn-ErrorType": error.code, "Content-Type": "application/json"}
        body = json.dumps({"message": error.words}).encode()
        response = AWSResponse(request.url, error.status, headers, None)
        response._content = body  # the seam has no other way to give a body
        return response


def moto_server() -> str:
    """Start a server of moto's on a free port, in a thread that ends with the process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"
