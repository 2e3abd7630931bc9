"""Every label, annotation, taint and finalizer key, each built from a group constant."""

GROUP = "kaito.sh"
KARPENTER_GROUP = "karpenter.sh"
KARPENTER_AZURE_GROUP = "karpenter.azure.com"
KARPENTER_AWS_GROUP = "karpenter.k8s.aws"
KUBERNETES_GROUP = "kubernetes.io"

# --- labels -----------------------------------------------------------------------------------
WORKSPACE = f"{GROUP}/workspace"
WORKSPACE_NAMESPACE = f"{GROUP}/workspacenamespace"
RAGENGINE = f"{GROUP}/ragengine"
RAGENGINE_NAMESPACE = f"{GROUP}/ragenginenamespace"
MACHINE = f"{GROUP}/machine"
"""On a Node: the physical machine behind it. Nodes with one value share that machine's memory."""
EMULATED = f"{GROUP}/emulated"
"""On a Node: `true` when its instance type is only played by another kind of machine."""
KARPENTER_WORKSPACE = f"karpenter.{GROUP}/workspace-name"
KARPENTER_WORKSPACE_NAMESPACE = f"karpenter.{GROUP}/workspace-namespace"
KARPENTER_MANAGED_BY = f"karpenter.{GROUP}/managed-by"
KARPENTER_INFERENCESET = f"karpenter.{GROUP}/inferenceset"

CLAIM_OWNER = (WORKSPACE, WORKSPACE_NAMESPACE)
"""Name and namespace of the Workspace that a NodeClaim, and its node, was made for."""
POOL_OWNER = (KARPENTER_WORKSPACE, KARPENTER_WORKSPACE_NAMESPACE)
"""The same on a NodePool, and on what it makes."""

RESERVED_SELECTOR_KEYS = frozenset(
    {
        WORKSPACE,
        WORKSPACE_NAMESPACE,
        RAGENGINE,
        RAGENGINE_NAMESPACE,
        KARPENTER_WORKSPACE,
        KARPENTER_WORKSPACE_NAMESPACE,
        KARPENTER_MANAGED_BY,
        KARPENTER_INFERENCESET,
    }
)
"""Keys that identify owners; a user's node selector may not set them."""

NODEPOOL = f"{KARPENTER_GROUP}/nodepool"
INSTANCE_TYPE = f"node.{KUBERNETES_GROUP}/instance-type"
HOSTNAME = f"{KUBERNETES_GROUP}/hostname"
OS = f"{KUBERNETES_GROUP}/os"
ARCH = f"{KUBERNETES_GROUP}/arch"
NAMESPACE_NAME = f"{KUBERNETES_GROUP}/metadata.name"
SERVICE_NAME = f"{KUBERNETES_GROUP}/service-name"
POD_NAME = f"statefulset.{KUBERNETES_GROUP}/pod-name"
POD_INDEX = f"apps.{KUBERNETES_GROUP}/pod-index"
COMPLETION_INDEX = f"batch.{KUBERNETES_GROUP}/job-completion-index"
JOB_TRACKING = f"batch.{KUBERNETES_GROUP}/job-tracking"
"""Finalizer of a pod until its Job has counted its end."""
"""Which pod of an indexed Job it is: an annotation, and a label."""
MANAGED_BY = f"app.{KUBERNETES_GROUP}/managed-by"

# --- annotations ------------------------------------------------------------------------------
RUNTIME = f"{GROUP}/runtime"
ENABLE_LOAD_BALANCER = f"{GROUP}/enablelb"
BYPASS_RESOURCE_CHECKS = f"{GROUP}/bypass-resource-checks"
NODE_IMAGE_FAMILY = f"{GROUP}/node-image-family"
NODE_CLASS_NAME = f"{GROUP}/node-class-name"
PERFORMANCE_MODE = f"{GROUP}/performance-mode"
USE_LOCAL_WEIGHTS = f"{GROUP}/use-local-weights"
MODEL_STREAMING = f"{GROUP}/model-streaming"
TEMPLATE_HASH = f"{GROUP}/template-hash"
"""On a workload we render: the hash of its pod template and of everything mounted into it."""
CONFIG_HASH = f"{GROUP}/config-hash"
"""On a pod template: the hash of the ConfigMap mounted into it, so that edits roll out."""
REPORT_PORT = f"{GROUP}/report-port"
"""On a pod: the port at which it answers /kaito/report."""
API_KEYS_SECRET = f"{GROUP}/api-keys-secret"
"""On a Workspace: the Secret whose values are the API keys that requests must bring."""
MAX_WAITING = f"{GROUP}/max-waiting-requests"
"""On a Workspace: requests that may wait for the engine before new ones get 429."""
ALLOW_PICKLE = f"{GROUP}/allow-pickle"
"""On a Workspace: `true` lets weights be served that are pickled Python, which runs when loaded."""
MODEL_MIRROR = f"{GROUP}/model-mirror"
"""On a Workspace: the ModelMirror whose weights it uses; `auto`: one of its model, if there is."""
MODEL_MIRROR_NAME = f"{GROUP}/model-mirror-name"
"""A label of what a ModelMirror makes."""
MIRROR_CLAIM = f"{GROUP}/mirror-claim"
"""On a static ModelMirror: the PersistentVolumeClaim it stands for; its own name where absent."""
MIRROR_PATH = f"{GROUP}/mirror-path"
"""On a static ModelMirror: the folder of that volume with the model's files; its root if absent."""
MIRROR_ACCESS = f"{GROUP}/mirror-access-mode"
"""On a managed ModelMirror: the access mode to ask for, where the storage class does not tell."""
ROLLOUT = f"{GROUP}/rollout"
"""On a Workspace: `surge` starts the new pod beside the old one, `replace` in its place, `auto`
surges where there is room at once."""
SWITCHED_AT = f"{GROUP}/switched-at"
"""On a Service: when it was last pointed at another pod; the old one is left alone for a while."""
ADAPTER_MOUNTS = f"{GROUP}/adapter-mounts"
"""On a StatefulSet: what its pods have for adapters, as JSON."""
ADAPTERS_HASH = f"{GROUP}/adapters-hash"
"""On a pod: the list of adapters it was last told of; the change makes its node look at once."""
PAUSED = f"{GROUP}/paused"
"""On a tuning Workspace: `true` stops its job, which goes on from its last checkpoint later."""
TUNING_HASH = f"{GROUP}/tuning-hash"
"""On a Job: the hash of what its result depends on; with another one the work is done anew."""
REACHABLE_AT = f"{GROUP}/reachable-at"
"""On a Service: the URL that works when its own port may not be bound on this machine."""
WORKSPACE_UID = f"{GROUP}/workspace-uid"
"""On a NodeClaim: the very Workspace it was made for."""
DO_NOT_DISRUPT = f"{KARPENTER_GROUP}/do-not-disrupt"

# --- taints -----------------------------------------------------------------------------------
GPU_TAINT_KEY = "sku"
GPU_TAINT_VALUE = "gpu"
AZURE_SPOT = "kubernetes.azure.com/scalesetpriority"
"""Azure taints its spot nodes with it."""

# --- resources --------------------------------------------------------------------------------
NVIDIA_GPU = "nvidia.com/gpu"

TOLERATED_TAINTS = frozenset({GPU_TAINT_KEY, AZURE_SPOT, NVIDIA_GPU})
"""Keys of the taints that our pods tolerate."""

# --- finalizers -------------------------------------------------------------------------------
WORKSPACE_FINALIZER = f"workspace.finalizer.{GROUP}"
FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"

# --- field managers ---------------------------------------------------------------------------
FIELD_MANAGER = GROUP
