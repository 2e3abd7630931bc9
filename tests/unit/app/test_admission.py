"""Admission as the API server calls it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from workspace_cases import workspace

from kaito.app.admission import CATALOGUE, ONE_MACHINE, KaitoAdmission, find_model

GOOD: dict[str, Any] = workspace()


def admit(operation: str, new: Any, old: Any = None) -> list[str]:
    found = KaitoAdmission().admit(operation, "workspaces.kaito.sh", old=old, new=new)
    return [str(problem) for problem in found]


def test_a_good_workspace_passes_and_a_bad_one_is_told_where() -> None:
    assert admit("CREATE", GOOD) == []
    (problem,) = admit("CREATE", {**GOOD, "inference": {"preset": {"name": "nothing"}}})
    assert problem.startswith("inference.preset.name: ")


def test_deleting_is_always_admitted() -> None:
    assert admit("DELETE", None, {**GOOD, "inference": None}) == []


def test_other_kinds_are_none_of_its_business() -> None:
    assert KaitoAdmission().admit("CREATE", "configmaps", old=None, new={"data": 1}) == ()


def test_wrong_types_are_a_problem_and_not_an_error() -> None:
    assert admit("CREATE", {**GOOD, "resource": {"labelSelector": 3}})


def test_admission_fills_nothing_in() -> None:
    assert KaitoAdmission().default("workspaces.kaito.sh", GOOD) is GOOD


def test_the_catalogue_answers_for_its_models_and_for_nobody_elses() -> None:
    llama = find_model("Llama-3.1-8B-Instruct")
    assert llama.is_gated
    assert llama.context_tokens == 131_072
    assert "vllm" in llama.runtimes
    other = find_model("someone/some-model")
    assert (other.problem, other.runtimes, other.context_tokens) == ("", (), 0)
    assert find_model("some-model").problem


# The founding page, word for word but for its comments (../spec/seed-kaito-inference-ms.md): what
# people have in their folders.
FOUNDING = """
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-phi-3-mini
resource:
  instanceType: "Standard_NC6s_v3"
  labelSelector:
    matchLabels:
      apps: phi-3
inference:
  preset:
    name: phi-3-mini-4k-instruct
---
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-phi-3-mini-adapter
resource:
  instanceType: "Standard_NC6s_v3"
  labelSelector:
    matchLabels:
      apps: phi-3-adapter
inference:
  preset:
    name: phi-3-mini-128k-instruct
  adapters:
    - source:
        name: "phi-3-adapter"
        image: "ACR_REPO_HERE.azurecr.io/ADAPTER_HERE:0.0.1"
      strength: "1.0"
---
# Its placeholders for the output filled in: an image's name has no capitals.
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-phi-3-mini
resource:
  instanceType: "Standard_NC6s_v3"
  labelSelector:
    matchLabels:
      app: phi-3-adapter
tuning:
  preset:
    name: phi-3-mini-4k-instruct
  method: qlora
  input:
    urls:
      - "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/\
train-00000-of-00001-54e3756291ca09c6.parquet?download=true"
  output:
    image: "registry.azurecr.io/adapter:0.0.1"
    imagePushSecret: ACR_REGISTRY_SECRET_HERE
"""

# The shapes that a drop-in replacement has to take (spec, appendix), registries filled in.
SHAPES = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: workspace-phi-4-mini, annotations: {kaito.sh/performance-mode: throughput}}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {apps: phi-4}}
inference:
  preset:
    name: phi-4-mini-instruct
    presetOptions: {modelAccessSecret: hf-token}
  config: ds-inference-params
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: workspace-phi-3-mini-adapter, annotations: {kaito.sh/runtime: transformers}}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {apps: phi-3-adapter}}
inference:
  preset: {name: phi-3-mini-128k-instruct}
  adapters:
    - source: {name: phi-3-adapter, image: "REG/ADAPTER:0.0.1", imagePullSecrets: [regcred]}
      strength: "1.0"
    - source:
        name: vol-adapter
        volumeSource: {persistentVolumeClaim: {claimName: my-adapter-pvc}}
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: workspace-tuning-phi-3}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {app: tuning-phi-3}}
tuning:
  preset: {name: phi-3-mini-128k-instruct}
  method: qlora
  config: optimized-phi3-tuning
  input: {image: "reg/data:0.0.1", imagePullSecrets: [S]}
  output: {image: "reg/image:0.0.1", imagePushSecret: REG_SECRET}
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: workspace-tuning-volume}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {app: tuning-phi-3}}
tuning:
  preset: {name: phi-3-mini-128k-instruct}
  method: qlora
  input:  {volumeSource: {persistentVolumeClaim: {claimName: pvc-azurefile-input}}}
  output: {volumeSource: {persistentVolumeClaim: {claimName: pvc-azurefile-output}}}
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: workspace-custom-llm}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {matchLabels: {apps: custom-llm}}
inference:
  template:
    spec:
      containers:
        - name: custom-llm-container
          image: mcr.microsoft.com/aks/kaito/kaito-base:0.2.0
          command: [accelerate]
          resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 1}}
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: slice}
resource: {labelSelector: {matchLabels: {apps: x}}, partition: {mode: mig, profile: "2g.24gb"}}
inference: {preset: {name: phi-4-mini-instruct}}
---
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: whole}
resource: {labelSelector: {matchLabels: {apps: x}}, partition: {mode: accelerator, count: 2}}
inference: {preset: {name: phi-4-mini-instruct}}
"""


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("new", documents(FOUNDING), ids=lambda new: new["metadata"]["name"])
def test_the_founding_page_is_admitted(new: dict[str, Any]) -> None:
    assert admit("CREATE", new) == []


@pytest.mark.parametrize("new", documents(SHAPES), ids=lambda new: new["metadata"]["name"])
def test_every_shape_of_the_specification_is_admitted(new: dict[str, Any]) -> None:
    for provisioning in ("unknown", "existing" if "partition" in new["resource"] else "auto"):
        around = replace(CATALOGUE, provisioning=provisioning)
        admission = KaitoAdmission(around)
        assert admission.admit("CREATE", "workspaces.kaito.sh", old=None, new=new) == ()


def test_one_machine_may_serve_data_to_itself() -> None:
    tuning = next(new for new in documents(FOUNDING) if "tuning" in new)
    local = {**tuning["tuning"], "input": {"urls": ["http://127.0.0.1:8000/train.json"]}}
    assert admit("CREATE", {**tuning, "tuning": local}) == []
    assert ONE_MACHINE.allow_private_urls
    assert not CATALOGUE.allow_private_urls
