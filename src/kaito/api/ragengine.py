"""The RAGEngine kind, kaito.sh/v1alpha1 (deprecated) and v1beta1: retrieval-augmented generation.

Field meanings follow KAITO 0.12. Both versions have the same fields, the flat ones of v1alpha1
included: conversion is None, and KAITO's schema of v1beta1, which lacks them, prunes them away.
"""

import msgspec

from kaito.api import labels
from kaito.api.meta import Condition, Object, Wire
from kaito.api.resources import Resource
from kaito.api.workspace import ResourceSpec

DEFAULT_MOUNT_PATH = "/mnt/data"


class PersistentVolumeSpec(Wire):
    """A volume for the index."""

    persistent_volume_claim: str
    """The claim that holds the index."""
    mount_path: str = ""
    """Where it is mounted; /mnt/data when absent."""


class VectorDatabaseSpec(Wire):
    """A vector database that runs elsewhere."""

    engine: str
    """The database's kind: qdrant."""
    url: str
    """Its address, such as http://qdrant.default.svc.cluster.local:6333."""
    access_secret: str = ""
    """Secret whose key VECTOR_DB_ACCESS_SECRET opens it."""


class StorageSpec(Wire):
    """Where the index is kept; in memory when nothing is set."""

    persistent_volume: PersistentVolumeSpec | None = None
    """A volume for the index."""
    vector_db: VectorDatabaseSpec | None = msgspec.field(default=None, name="vectorDB")
    """A vector database that runs elsewhere."""
    persistent_volume_claim: str = ""
    """Deprecated, from v1alpha1: use persistentVolume.persistentVolumeClaim."""
    mount_path: str = ""
    """Deprecated, from v1alpha1: use persistentVolume.mountPath."""

    @property
    def volume(self) -> PersistentVolumeSpec | None:
        """The volume in whichever way it was written, with its mount path."""
        found = self.persistent_volume
        if found is None and self.persistent_volume_claim:
            found = PersistentVolumeSpec(
                persistent_volume_claim=self.persistent_volume_claim, mount_path=self.mount_path
            )
        if found is None:
            return None
        return msgspec.structs.replace(found, mount_path=found.mount_path or DEFAULT_MOUNT_PATH)


class LocalEmbeddingSpec(Wire):
    """An embedding model that runs with the engine; exactly one of image, modelID."""

    image: str = ""
    """An image that holds the model."""
    image_pull_secret: str = ""
    """Secret for pulling that image."""
    model_id: str = msgspec.field(default="", name="modelID")
    """The model on the hub, such as BAAI/bge-small-en-v1.5."""
    model_access_secret: str = ""
    """Secret whose key HF_TOKEN opens a gated model on the hub."""


class RemoteEmbeddingSpec(Wire):
    """An embedding model that runs elsewhere."""

    url: str
    """Its address."""
    access_secret: str = ""
    """Secret that opens it."""


class EmbeddingSpec(Wire):
    """What turns text into vectors; exactly one of local, remote."""

    local: LocalEmbeddingSpec | None = None
    """An embedding model that runs with the engine."""
    remote: RemoteEmbeddingSpec | None = None
    """An embedding model that runs elsewhere."""


class InferenceServiceSpec(Wire):
    """The model that answers."""

    context_window_size: int
    """Tokens that fit into one request to it."""
    url: str = ""
    """Address of its chat completions; without one the engine only retrieves."""
    access_secret: str = ""
    """Secret whose key LLM_ACCESS_SECRET opens it."""


class ConfigMapReference(Wire):
    """A ConfigMap of the same namespace."""

    name: str
    """Its name."""


class GuardrailsSpec(Wire):
    """What answers are checked for."""

    enabled: bool = False
    """Check answers."""
    config_map_ref: ConfigMapReference | None = None
    """ConfigMap whose key guardrails.yaml is the policy; a default policy when absent."""


class RAGEngineSpec(Wire):
    """An engine for retrieval-augmented generation."""

    embedding: EmbeddingSpec
    """What turns text into vectors."""
    compute: ResourceSpec | None = None
    """Which nodes it runs on; any node when absent. Cannot be added or removed later."""
    storage: StorageSpec | None = None
    """Where the index is kept."""
    inference_service: InferenceServiceSpec | None = None
    """The model that answers."""
    guardrails: GuardrailsSpec | None = None
    """What answers are checked for."""
    query_service_name: str = ""
    """Deprecated, from v1alpha1, and without effect."""
    index_service_name: str = ""
    """Deprecated, from v1alpha1, and without effect."""


class RAGEngineStatus(Wire):
    """What was observed."""

    worker_nodes: tuple[str, ...] = ()
    """Names of the nodes the engine runs on."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""


class RAGEngine(Object):
    """An index of documents, and answers from it."""

    spec: RAGEngineSpec | None = None
    """What is wanted."""
    status: RAGEngineStatus = RAGEngineStatus()
    """What was observed."""


RAGENGINES = Resource(
    group=labels.GROUP, version="v1beta1", plural="ragengines", kind="RAGEngine", type=RAGEngine
)

# --- condition types, as KAITO 0.12 -------------------------------------------------------------
SERVICE_READY = "ServiceReady"
RAGENGINE_SUCCEEDED = "RAGEngineSucceeded"
