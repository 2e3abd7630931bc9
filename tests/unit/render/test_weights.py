"""The init container of weights: the order of its sources, and what opens a private image."""

from kaito.api.meta import ObjectMeta
from kaito.api.workspace import PresetOptions, PresetSpec, Workspace
from kaito.catalog.lookup import find_preset
from kaito.render.served_model import MirrorBucket
from kaito.render.settings import RenderSettings
from kaito.render.weights import render_weights, weights_secret_volumes
from kaito.render.weights_key import allows_pickle, weights_key

SETTINGS = RenderSettings(serving_image="serving:1")
PRESET = find_preset("phi-4")
assert PRESET is not None
HUB = f"--source=hub:{PRESET.hub_id}@{PRESET.revision}"
PRIVATE = PresetSpec(
    name="phi-4",
    preset_options=PresetOptions(
        image="registry.example.com/phi:1", image_pull_secrets=("reg.cred",)
    ),
)


def test_without_an_image_the_weights_are_the_hubs() -> None:
    assert PRESET is not None
    container = render_weights(PresetSpec(name="phi-4"), PRESET, SETTINGS)
    assert container["args"] == ["--key=phi-4", HUB]


def test_an_image_comes_first_then_the_hub() -> None:
    assert PRESET is not None
    container = render_weights(PRIVATE, PRESET, SETTINGS)
    assert container["args"] == [
        f"--key={weights_key(PRIVATE, PRESET)}",
        "--source=oci:registry.example.com/phi:1",
        HUB,
        "--architecture=Phi3ForCausalLM",
        "--pull-secret=/mnt/pull-secrets/reg.cred",
    ]


def test_what_a_mirrors_bucket_has_comes_from_there_with_its_own_login() -> None:
    assert PRESET is not None
    bucket = MirrorBucket(source="s3://models/phi-4?sealed=true", secret="s3-login")
    spec = PresetSpec(name="phi-4", preset_options=PresetOptions(model_access_secret="hf"))
    container = render_weights(spec, PRESET, SETTINGS, bucket=bucket)
    assert container["args"] == [
        "--key=phi-4",
        "--source=s3://models/phi-4?sealed=true",
        "--architecture=Phi3ForCausalLM",
    ]
    found = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"][-4:]}
    assert found["KAITO_BUCKET_CA"] == {"name": "s3-login", "key": "ca.crt", "optional": True}
    assert found["AWS_ACCESS_KEY_ID"] == {"name": "s3-login", "key": "AWS_ACCESS_KEY_ID"}
    assert found["AWS_SESSION_TOKEN"]["optional"] is True
    assert "HF_TOKEN" not in {one["name"] for one in container["env"]}


def test_what_somebody_put_into_a_bucket_has_a_folder_of_its_own() -> None:
    assert PRESET is not None
    spec = PresetSpec(name="phi-4")
    own = weights_key(spec, PRESET, MirrorBucket(source="s3://models/phi-4"))
    assert own.startswith("phi-4--")
    assert weights_key(spec, PRESET, MirrorBucket(source="s3://models/other")) != own


def test_pull_secrets_are_mounted_where_the_program_looks_and_may_be_missing() -> None:
    assert PRESET is not None
    container = render_weights(PRIVATE, PRESET, SETTINGS)
    volumes = weights_secret_volumes(PRIVATE)
    assert [volume["secret"] for volume in volumes] == [
        {"secretName": "reg.cred", "optional": True}
    ]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts[volumes[0]["name"]] == "/mnt/pull-secrets/reg.cred"


def test_a_volume_that_adapters_brought_is_not_brought_twice() -> None:
    assert weights_secret_volumes(PRIVATE, besides=("reg.cred",)) == []


def test_an_image_has_a_folder_of_its_own() -> None:
    assert PRESET is not None
    assert weights_key(PresetSpec(name="phi-4"), PRESET) == "phi-4"
    assert weights_key(PRIVATE, PRESET).startswith("phi-4--")


def test_pickles_are_for_who_asks_for_them() -> None:
    assert PRESET is not None
    spec = PresetSpec(name="phi-4")
    container = render_weights(spec, PRESET, SETTINGS, allow_pickle=True)
    assert "--allow-pickle=true" in container["args"]
    asking = Workspace(metadata=ObjectMeta(annotations={"kaito.sh/allow-pickle": "true"}))
    assert allows_pickle(asking)
    assert not allows_pickle(Workspace())
