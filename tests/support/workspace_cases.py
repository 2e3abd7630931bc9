"""Workspaces, right and wrong, as manifests: one table for every judge of them.

`SOUND` are admitted everywhere. `WRONG` break exactly one rule each: the manifest and how the
complaint begins. `CHANGES` are updates: before, after, and how the complaint begins, or an empty
text where the update is fine.
"""

from typing import Any

Manifest = dict[str, Any]

PRESET: Manifest = {"preset": {"name": "phi-4"}}
CONTAINER: Manifest = {"spec": {"containers": [{"name": "c", "image": "python:3.11"}]}}
TEMPLATE: Manifest = {"template": CONTAINER}
VOLUME: Manifest = {"persistentVolumeClaim": {"claimName": "claim"}}
URL = "https://example.com/a.parquet"
TUNING: Manifest = {
    "preset": {"name": "phi-4"},
    "method": "qlora",
    "input": {"urls": [URL]},
    "output": {"image": "example.com/a:1", "imagePushSecret": "s"},
}
RESOURCE: Manifest = {
    "instanceType": "Standard_NC24ads_A100_v4",
    "labelSelector": {"matchLabels": {"apps": "w"}},
}
SLICED: Manifest = {"labelSelector": {"matchLabels": {"apps": "w"}}}


def workspace(*, version: str = "v1beta1", **fields: Any) -> Manifest:
    """A sound Workspace with `fields` in place of its own; a field that is None is left out."""
    document: Manifest = {
        "apiVersion": f"kaito.sh/{version}",
        "kind": "Workspace",
        "metadata": {"name": "w", "namespace": "default"},
        "resource": RESOURCE,
    }
    if not {"inference", "tuning"} & fields.keys():
        fields["inference"] = PRESET
    return {key: value for key, value in {**document, **fields}.items() if value is not None}


def annotated(**annotations: str) -> Manifest:
    """Metadata with annotations of our group."""
    keyed = {f"kaito.sh/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {"name": "w", "namespace": "default", "annotations": keyed}


def adapters(*entries: Manifest) -> Manifest:
    """An inference with these adapters."""
    return {**PRESET, "adapters": list(entries)}


def adapter(**source: Any) -> Manifest:
    """An adapter with this source, named and from an image unless said otherwise."""
    given = {"name": "a", "image": "example.com/a:1", **source}
    return {"source": {key: value for key, value in given.items() if value is not None}}


def selecting(**selector: Any) -> Manifest:
    """A resource with this selector."""
    return {**RESOURCE, "labelSelector": selector}


def sliced(**partition: Any) -> Manifest:
    """A resource with this partition of existing nodes."""
    return {**SLICED, "partition": partition}


def tuning(**changes: Any) -> Manifest:
    """A sound tuning with changes; a field that is None is left out."""
    return {key: value for key, value in {**TUNING, **changes}.items() if value is not None}


TERM = {"key": "apps", "operator": "In", "values": ["w"]}

SOUND: dict[str, Manifest] = {
    "preset": workspace(),
    "first version": workspace(version="v1alpha1"),
    "any model of the hub": workspace(inference={"preset": {"name": "anyone/any-model"}}),
    "alias in another case": workspace(inference={"preset": {"name": "Phi-4"}}),
    "template": workspace(inference=TEMPLATE),
    "tuning": workspace(tuning=TUNING),
    "method in another case": workspace(tuning=tuning(method="QLoRA")),
    "tuning on one node": workspace(tuning=TUNING, resource={**RESOURCE, "count": 1}),
    "tuning on two nodes": workspace(tuning=TUNING, resource={**RESOURCE, "count": 2}),
    "tuning from and to volumes": workspace(
        tuning=tuning(input={"volumeSource": VOLUME}, output={"volumeSource": VOLUME})
    ),
    "tuning from an image": workspace(
        tuning=tuning(input={"image": "localhost:5000/data", "imagePullSecrets": ["s"]})
    ),
    "image with a digest": workspace(
        tuning=tuning(input={"image": f"example.com/data@sha256:{'a' * 64}"})
    ),
    "tuning all weights": workspace(tuning=tuning(method="full")),
    "tuning from a data set of the hub": workspace(
        tuning=tuning(input={"urls": ["hf://datasets/org/data@main"]})
    ),
    "tuning to a volume and an image": workspace(
        tuning=tuning(output={**TUNING["output"], "volumeSource": VOLUME})
    ),
    "longest name": workspace(metadata={"name": "a" * 52}),
    "longest name of a tuning": workspace(metadata={"name": "1" * 63}, tuning=TUNING),
    "longest name of a tuning on two nodes": workspace(
        metadata={"name": "a" * 54}, tuning=TUNING, resource={**RESOURCE, "count": 2}
    ),
    "no instance type": workspace(resource=SLICED),
    "instance type in another case": workspace(
        resource={**RESOURCE, "instanceType": "standard_nc24ads_a100_V4"}
    ),
    "expressions": workspace(resource=selecting(matchExpressions=[TERM])),
    "reserved label beside another": workspace(
        resource=selecting(matchLabels={"kaito.sh/workspace": "w", "apps": "w"})
    ),
    "empty parts": workspace(
        inference={"preset": {"name": "phi-4", "presetOptions": {}}, "config": "", "adapters": []}
    ),
    "adapters": workspace(
        inference=adapters(
            {**adapter(name="one.of-two"), "strength": "0.5"},
            {**adapter(name="two", image=None, volumeSource=VOLUME)},
        )
    ),
    "adapters of the hub": workspace(
        inference=adapters(
            adapter(name="one", image=None, urls=["hf://org/my_adapter.v1"]),
            adapter(name="two", image=None, urls=["hf://Org/name@refs/pr/1"]),
        )
    ),
    "adapter placeholder of KAITO's pages": workspace(
        inference=adapters(adapter(image="ACR_REPO_HERE.azurecr.io/ADAPTER_HERE:0.0.1"))
    ),
    "strengths": workspace(
        inference=adapters(
            *(
                {**adapter(name=f"a{index}"), "strength": strength}
                for index, strength in enumerate(("0", "1", "1.0", ".5", "1.", "5e-1", "+1", "-0"))
            )
        )
    ),
    "ten adapters": workspace(
        inference=adapters(*(adapter(name=f"a{index}") for index in range(10)))
    ),
    "adapters under transformers": workspace(
        metadata=annotated(runtime="transformers"),
        inference={"preset": {"name": "phi-3-mini-4k-instruct"}, "adapters": [adapter()]},
    ),
    "annotations": workspace(
        metadata=annotated(
            runtime="vllm",
            performance_mode="throughput",
            use_local_weights="true",
            node_image_family="AzureLinux",
            model_streaming="disabled",
            enablelb="True",
        )
    ),
    "slice": workspace(resource=sliced(mode="mig", profile="2g.24gb")),
    "whole GPUs": workspace(resource=sliced(mode="accelerator", count=2)),
    "gated model with a secret": workspace(
        inference={
            "preset": {
                "name": "llama-3.1-8b-instruct",
                "presetOptions": {"modelAccessSecret": "hf-token"},
            }
        }
    ),
    "gated model on the nodes": workspace(
        metadata=annotated(use_local_weights="true"),
        inference={"preset": {"name": "llama-3.1-8b-instruct"}},
    ),
    "private preset with its image": workspace(
        version="v1alpha1",
        inference={
            "preset": {
                "name": "phi-4",
                "accessMode": "private",
                "presetOptions": {"image": "example.com/phi:1"},
            }
        },
    ),
    "private preset of the second version": workspace(
        inference={"preset": {"name": "phi-4", "accessMode": "private"}}
    ),
}

_IMAGE = "inference.adapters[0].source"
_URLS = "tuning.input.urls[0]"
_LABELS = "resource.labelSelector"

WRONG: dict[str, tuple[Manifest, str]] = {
    "neither": (
        workspace(inference=None),
        "inference: Either Inference or Tuning must be specified, not neither",
    ),
    "both": (
        workspace(inference=PRESET, tuning=TUNING),
        "tuning: Either Inference or Tuning must be specified, but not both",
    ),
    "name with a dot": (
        workspace(metadata={"name": "my.model"}),
        "metadata.name: the name must be at most 52 lower-case letters, digits",
    ),
    "name that begins with a digit": (
        workspace(metadata={"name": "4-phi"}),
        "metadata.name: the name must be at most 52 lower-case letters, digits",
    ),
    "name of 53 letters": (
        workspace(metadata={"name": "a" * 53}),
        "metadata.name: the name must be at most 52 lower-case letters, digits",
    ),
    "name of 64 letters of a tuning": (
        workspace(metadata={"name": "a" * 64}, tuning=TUNING),
        "metadata.name: the name must be a DNS label",
    ),
    "name with a dot of a tuning": (
        workspace(metadata={"name": "my.tuning"}, tuning=TUNING),
        "metadata.name: the name must be a DNS label",
    ),
    "name of 55 letters of a tuning on two nodes": (
        workspace(metadata={"name": "a" * 55}, tuning=TUNING, resource={**RESOURCE, "count": 2}),
        "metadata.name: the name must be at most 54 lower-case letters, digits",
    ),
    "no resource": (workspace(resource=None), "resource: is required"),
    "unknown preset": (
        workspace(inference={"preset": {"name": "smollm2-135-instruct"}}),
        (
            "inference.preset.name: Unsupported inference preset name 'smollm2-135-instruct'; "
            "did you mean smollm2-135m-instruct"
        ),
    ),
    "retired preset": (
        workspace(inference={"preset": {"name": "llama-3-8b-instruct"}}),
        (
            "inference.preset.name: Unsupported inference preset name 'llama-3-8b-instruct'; "
            "use llama-3.1-8b-instruct"
        ),
    ),
    "preset without a name": (
        workspace(inference={"preset": {"name": ""}}),
        "inference.preset.name: is required",
    ),
    "unknown tuning preset": (
        workspace(tuning=tuning(preset={"name": "phi-44"})),
        "tuning.preset.name: Unsupported inference preset name 'phi-44'",
    ),
    "preset that cannot be tuned": (
        workspace(tuning=tuning(preset={"name": "gpt-oss-20b"})),
        "tuning.preset.name: Unsupported tuning preset name 'gpt-oss-20b'",
    ),
    "unknown instance type": (
        workspace(resource={**RESOURCE, "instanceType": "Standard_NC6s_v4"}),
        (
            "resource.instanceType: Unsupported instance type 'Standard_NC6s_v4'; did you mean "
            "Standard_NC6s_v3"
        ),
    ),
    "instance type that nothing serves on": (
        workspace(resource={**RESOURCE, "instanceType": "trn1.2xlarge"}),
        "resource.instanceType: trn1.2xlarge cannot serve",
    ),
    "no nodes": (
        workspace(resource={**RESOURCE, "count": 0}),
        "resource.count: must be at least 1, not 0",
    ),
    "no labels": (
        workspace(resource=selecting()),
        f"{_LABELS}: matchLabels must contain at least one non-reserved label",
    ),
    "reserved labels only": (
        workspace(resource=selecting(matchLabels={"kaito.sh/workspace": "w"})),
        f"{_LABELS}: matchLabels must contain at least one non-reserved label",
    ),
    "reserved expression only": (
        workspace(resource=selecting(matchExpressions=[{**TERM, "key": "kaito.sh/ragengine"}])),
        f"{_LABELS}: matchLabels must contain at least one non-reserved label",
    ),
    "expression with two values": (
        workspace(resource=selecting(matchExpressions=[{**TERM, "values": ["a", "b"]}])),
        f"{_LABELS}.matchExpressions: only operator In with one value",
    ),
    "expression without a value": (
        workspace(resource=selecting(matchExpressions=[{"key": "apps", "operator": "Exists"}])),
        f"{_LABELS}.matchExpressions: only operator In with one value",
    ),
    "label that no node can have": (
        workspace(resource=selecting(matchLabels={"a b": "w"})),
        f"{_LABELS}.matchLabels: 'a b' is not a label's key",
    ),
    "label value that no node can have": (
        workspace(resource=selecting(matchLabels={"apps": "a" * 64})),
        f"{_LABELS}.matchLabels: 'aaaa",
    ),
    "slice without a profile": (
        workspace(resource=sliced(mode="mig")),
        "resource.partition.profile: is required for mode mig",
    ),
    "slice that no GPU has": (
        workspace(resource=sliced(mode="mig", profile="9g.1gb")),
        "resource.partition.profile: '9g.1gb' is no MIG profile; known: 1g.",
    ),
    "slice with a count": (
        workspace(resource=sliced(mode="mig", profile="1g.10gb", count=1)),
        "resource.partition.count: count is only valid for accelerator mode",
    ),
    "whole GPUs with a profile": (
        workspace(resource=sliced(mode="accelerator", profile="1g.10gb", count=1)),
        "resource.partition.profile: profile is not valid for accelerator mode",
    ),
    "whole GPUs without a count": (
        workspace(resource=sliced(mode="accelerator")),
        "resource.partition.count: is required for mode accelerator",
    ),
    "slice of a machine to be made": (
        workspace(resource={**RESOURCE, "partition": {"mode": "accelerator", "count": 1}}),
        "resource.partition: GPU partitioning is only supported with BYO nodes",
    ),
    "tuning on a slice": (
        workspace(tuning=TUNING, resource=sliced(mode="accelerator", count=1)),
        "resource.partition: GPU partitioning is not supported for tuning",
    ),
    "neither preset nor template": (
        workspace(inference={}),
        "inference: Preset or Template must be specified",
    ),
    "preset and template": (
        workspace(inference={**PRESET, **TEMPLATE}),
        "inference.template: Preset and Template cannot be set at the same time",
    ),
    "empty template": (
        workspace(inference={"template": {}}),
        "inference.template.spec.containers: at least one container",
    ),
    "template of another shape": (
        workspace(inference={"template": {"spec": [1]}}),
        "inference.template.spec.containers: at least one container",
    ),
    "runtime": (
        workspace(metadata=annotated(runtime="tgi")),
        "metadata.annotations[kaito.sh/runtime]: 'tgi' is not a runtime; choose one of: vllm",
    ),
    "runtime that the model does not have": (
        workspace(
            metadata=annotated(runtime="transformers"),
            inference={"preset": {"name": "deepseek-v3.2"}},
        ),
        (
            "metadata.annotations[kaito.sh/runtime]: Runtime validation: model deepseek-v3.2 does "
            "not support inference with Huggingface Transformers runtime"
        ),
    ),
    "performance mode": (
        workspace(metadata=annotated(performance_mode="fast")),
        "metadata.annotations[kaito.sh/performance-mode]: 'fast' is not a valid performance mode",
    ),
    "rollout": (
        workspace(metadata=annotated(rollout="blue-green")),
        (
            "metadata.annotations[kaito.sh/rollout]: 'blue-green' is not a way to roll out; choose "
            "one of: auto, surge, replace"
        ),
    ),
    "pickled weights": (
        workspace(metadata=annotated(allow_pickle="yes")),
        "metadata.annotations[kaito.sh/allow-pickle]: 'yes' must be",
    ),
    "local weights": (
        workspace(metadata=annotated(use_local_weights="True")),
        "metadata.annotations[kaito.sh/use-local-weights]: 'True' must be",
    ),
    "image family": (
        workspace(metadata=annotated(node_image_family="windows")),
        "metadata.annotations[kaito.sh/node-image-family]: unsupported node image family",
    ),
    "gated model without a secret": (
        workspace(inference={"preset": {"name": "llama-3.1-8b-instruct"}}),
        "inference.preset.presetOptions.modelAccessSecret: This preset requires authentication",
    ),
    "private preset without its image": (
        workspace(
            version="v1alpha1",
            inference={"preset": {"name": "phi-4", "accessMode": "private"}},
        ),
        "inference.preset.presetOptions.image: When AccessMode is private, an image must be",
    ),
    "adapter without a source": (
        workspace(inference=adapters({})),
        "inference.adapters[0].source: Source is required",
    ),
    "adapter without a name": (
        workspace(inference=adapters(adapter(name=None))),
        f"{_IMAGE}.name: Name of Adapter field must be specified",
    ),
    "adapter with a bad name": (
        workspace(inference=adapters(adapter(name="My_Adapter"))),
        (
            f"{_IMAGE}.name: must be lower-case letters, digits, '-' and '.', such as my-adapter, "
            "not 'My_Adapter'"
        ),
    ),
    "adapter twice": (
        workspace(inference=adapters(adapter(), adapter())),
        "inference.adapters: Duplicate adapter source name found",
    ),
    "adapter from an address": (
        workspace(inference=adapters(adapter(image=None, urls=[URL]))),
        f"{_IMAGE}.urls: URLs are not supported as adapter source",
    ),
    "adapter from two repositories": (
        workspace(inference=adapters(adapter(image=None, urls=["hf://org/one", "hf://org/two"]))),
        f"{_IMAGE}.urls: URLs are not supported as adapter source, but for one of the hub",
    ),
    "adapter from an unfinished repository": (
        workspace(inference=adapters(adapter(image=None, urls=["hf://org/"]))),
        f"{_IMAGE}.urls: URLs are not supported as adapter source, but for one of the hub",
    ),
    "adapter from the hub and an image": (
        workspace(inference=adapters(adapter(urls=["hf://org/name"]))),
        f"{_IMAGE}: has a URL and an Image or Volume",
    ),
    "adapter from nowhere": (
        workspace(inference=adapters(adapter(image=None))),
        f"{_IMAGE}: Either Image or Volume must be specified for adapter source",
    ),
    "adapter from two places": (
        workspace(inference=adapters(adapter(volumeSource=VOLUME))),
        f"{_IMAGE}: Either Image or Volume must be specified for adapter source, and not both",
    ),
    "adapter from no volume": (
        workspace(inference=adapters(adapter(image=None, volumeSource={}))),
        f"{_IMAGE}.volumeSource: must name one kind of volume",
    ),
    "adapter from no image": (
        workspace(inference=adapters(adapter(image="https://example.com/a"))),
        f"{_IMAGE}.image: must be an image reference",
    ),
    "adapter too strong": (
        workspace(inference=adapters({**adapter(), "strength": "1.01"})),
        "inference.adapters[0].strength: must be a number from 0 to 1, such as 1.0, not '1.01'",
    ),
    "adapter of negative strength": (
        workspace(inference=adapters({**adapter(), "strength": "-0.1"})),
        "inference.adapters[0].strength: must be a number from 0 to 1",
    ),
    "adapter of no strength": (
        workspace(inference=adapters({**adapter(), "strength": "strong"})),
        "inference.adapters[0].strength: must be a number from 0 to 1",
    ),
    "tuning without a preset": (
        workspace(tuning=tuning(preset=None)),
        "tuning.preset: is required",
    ),
    "tuning method": (
        workspace(tuning=tuning(method="prefix")),
        "tuning.method: must be one of: lora, qlora, full, not 'prefix'",
    ),
    "no tuning method": (
        workspace(tuning=tuning(method=None)),
        "tuning.method: must be one of: lora, qlora",
    ),
    "no input": (workspace(tuning=tuning(input=None)), "tuning.input: is required"),
    "no output": (workspace(tuning=tuning(output=None)), "tuning.output: is required"),
    "empty input": (
        workspace(tuning=tuning(input={"name": "data"})),
        "tuning.input: Exactly one of URLs, Volume, or Image must be specified",
    ),
    "two inputs": (
        workspace(tuning=tuning(input={"urls": [URL], "image": "example.com/a:1"})),
        "tuning.input: Exactly one of URLs, Volume, or Image must be specified",
    ),
    "input by another scheme": (
        workspace(tuning=tuning(input={"urls": ["ftp://example.com/a"]})),
        "tuning.input.urls: data source URL must use HTTP or HTTPS",
    ),
    "a data set of the hub beside a file": (
        workspace(tuning=tuning(input={"urls": ["hf://datasets/org/data", URL]})),
        "tuning.input.urls: data source URL must use HTTP or HTTPS, or be one data set",
    ),
    "input from this machine": (
        workspace(tuning=tuning(input={"urls": ["http://localhost/a"]})),
        f"{_URLS}: data source URL must not target a local or metadata endpoint",
    ),
    "input from the network": (
        workspace(tuning=tuning(input={"urls": ["http://10.0.0.1/a"]})),
        f"{_URLS}: data source URL must not target a loopback, private",
    ),
    "input image in capitals": (
        workspace(tuning=tuning(input={"image": "example.com/Data"})),
        "tuning.input.image: must be an image reference in lower case",
    ),
    "empty output": (
        workspace(tuning=tuning(output={})),
        "tuning.output: Volume or Image must be specified, or both",
    ),
    "output image in capitals": (
        workspace(tuning=tuning(output={"image": "example.com/A:1", "imagePushSecret": "s"})),
        "tuning.output.image: must be a whole image reference in lower case",
    ),
    "output image without a tag": (
        workspace(tuning=tuning(output={"image": "example.com/a", "imagePushSecret": "s"})),
        "tuning.output.image: must be a whole image reference in lower case",
    ),
    "output without a secret": (
        workspace(tuning=tuning(output={"image": "example.com/a:1"})),
        "tuning.output.imagePushSecret: Must specify imagePushSecret",
    ),
}

_OPTIONS = {"modelAccessSecret": "s"}
_ANY_MODEL = {"preset": {"name": "phi-3-mini-4k-instruct"}}
_MORE = {"app": "w", "apps": "w"}

CHANGES: dict[str, tuple[Manifest, Manifest, str]] = {
    "nothing": (workspace(), workspace(), ""),
    "a label": (workspace(), workspace(metadata={"name": "w", "labels": {"a": "b"}}), ""),
    "an empty text for none": (
        workspace(),
        workspace(inference={**PRESET, "config": "", "adapters": []}),
        "",
    ),
    "inference into tuning": (
        workspace(),
        workspace(tuning=TUNING),
        "inference: cannot be toggled once set",
    ),
    "the preset": (
        workspace(),
        workspace(inference=_ANY_MODEL),
        "inference.preset: field is immutable",
    ),
    "the preset's options": (
        workspace(),
        workspace(inference={"preset": {"name": "phi-4", "presetOptions": _OPTIONS}}),
        "inference.preset: field is immutable",
    ),
    "the preset into a template": (
        workspace(),
        workspace(inference=TEMPLATE),
        "inference.preset: field is immutable",
    ),
    "the template": (
        workspace(inference=TEMPLATE),
        workspace(inference={"template": {"spec": {"containers": [{"name": "d"}]}}}),
        "",
    ),
    "the config": (workspace(), workspace(inference={**PRESET, "config": "c"}), ""),
    "the adapters": (workspace(), workspace(inference=adapters(adapter())), ""),
    "an adapter into a wrong one": (
        workspace(inference=adapters(adapter())),
        workspace(inference=adapters(adapter(image=None))),
        "inference.adapters[0].source: Either Image or Volume",
    ),
    "the count": (
        workspace(),
        workspace(resource={**RESOURCE, "count": 2}),
        "resource.count: field is immutable",
    ),
    "the instance type": (
        workspace(),
        workspace(resource={**RESOURCE, "instanceType": "Standard_NC48ads_A100_v4"}),
        "resource.instanceType: field is immutable",
    ),
    "an instance type where there was none": (
        workspace(resource=SLICED),
        workspace(),
        "resource.instanceType: field is immutable",
    ),
    "the instance type away": (workspace(), workspace(resource=SLICED), ""),
    "the labels": (
        workspace(),
        workspace(resource=selecting(matchLabels=_MORE)),
        "resource.labelSelector: field is immutable",
    ),
    "the slice": (
        workspace(resource=sliced(mode="mig", profile="1g.10gb")),
        workspace(resource=sliced(mode="mig", profile="2g.20gb")),
        "resource.partition: field is immutable",
    ),
    "the slice away": (
        workspace(resource=sliced(mode="mig", profile="1g.10gb")),
        workspace(resource=SLICED),
        "resource.partition: field is immutable",
    ),
    "streaming": (
        workspace(),
        workspace(metadata=annotated(model_streaming="disabled")),
        "metadata.annotations[kaito.sh/model-streaming]: annotation is immutable",
    ),
    "another annotation": (workspace(), workspace(metadata=annotated(runtime="vllm")), ""),
    "an annotation into a wrong one": (
        workspace(),
        workspace(metadata=annotated(runtime="tgi")),
        "metadata.annotations[kaito.sh/runtime]: 'tgi' is not a runtime",
    ),
    "the tuning method": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(method="lora")),
        "tuning.method: Method cannot be changed",
    ),
    "the tuning method's case": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(method="QLoRA")),
        "",
    ),
    "the tuning preset": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(preset=_ANY_MODEL["preset"])),
        "tuning.preset: Preset cannot be changed",
    ),
    "the input's name": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(input={"name": "b", "urls": [URL]})),
        "tuning.input.name: During tuning Name field cannot be changed",
    ),
    "the data": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(input={"volumeSource": VOLUME})),
        "",
    ),
    "the data into wrong ones": (
        workspace(tuning=TUNING),
        workspace(tuning=tuning(input={"urls": ["http://127.1/a"]})),
        "tuning.input.urls[0]: data source URL must not target a loopback",
    ),
}
