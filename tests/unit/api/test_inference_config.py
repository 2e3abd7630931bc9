"""What is read from `inference_config.yaml`, and what is said of a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.inference_config import parse_inference_config

FULL = """
max_probe_steps: 6
kv_cache_cpu_memory_utilization: 0.5
vllm:
  cpu-offload-gb: 0
  gpu_memory_utilization: 0.95
  max_model_len: 131072
  --tensor-parallel-size: 2
  pipeline-parallel-size: "3"
  data-parallel-size: 1
  max-num-seqs: 16
  max-num-batched-tokens: 4k
  kv-cache-dtype: fp8
  enforce-eager: true
  compilation-config.pass_config.fuse: false
transformers: {continuous-batching: false}
"""


def test_options_are_spelt_one_way_and_known_ones_are_typed() -> None:
    config = parse_inference_config(FULL)
    assert list(config.vllm) == [
        "cpu-offload-gb",
        "gpu-memory-utilization",
        "max-model-len",
        "tensor-parallel-size",
        "pipeline-parallel-size",
        "data-parallel-size",
        "max-num-seqs",
        "max-num-batched-tokens",
        "kv-cache-dtype",
        "enforce-eager",
        "compilation-config.pass_config.fuse",
    ]
    assert config.transformers == {"continuous-batching": False}
    assert config.max_model_len == 131_072
    assert config.gpu_memory_utilization == 0.95
    assert (config.tensor_parallel, config.pipeline_parallel, config.data_parallel) == (2, 3, 1)
    assert (config.max_sequences, config.max_batched_tokens) == (16, 4000)
    assert config.kv_cache_dtype == "fp8"
    assert config.enforce_eager


@pytest.mark.parametrize(
    "text", ["", "# nothing", "vllm:", "vllm: {}", "transformers: {dtype: auto}"]
)
def test_what_is_not_set_is_left_to_us(text: str) -> None:
    config = parse_inference_config(text)
    assert config.vllm == {}
    assert config.max_model_len == config.tensor_parallel == config.max_sequences == 0
    assert config.gpu_memory_utilization == 0.0
    assert config.kv_cache_dtype == ""
    assert not config.enforce_eager


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("4096", 4096),
        ("'4096'", 4096),
        ("4K", 4096),
        ("1.5k", 1500),
        ("1M", 2**20),
        ("auto", 0),
        ("-1", 0),
        ("null", 0),
        ("''", 0),
    ],
)
def test_a_length_is_read_as_the_engine_reads_it(value: str, tokens: int) -> None:
    assert parse_inference_config(f"vllm: {{max-model-len: {value}}}").max_model_len == tokens


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is not YAML (line "),
        ("a: b: c", "is not YAML (line 1): mapping values are not allowed "),
        ("3", "must be a map, not a int"),
        ("- vllm", "must be a map, not a list"),
        ("vlm: {}", "has an unknown key 'vlm'; did you mean vllm?"),
        ("zzz: {}", "has an unknown key 'zzz'; known are vllm, transformers"),
        ("vllm: 3", "'vllm' must be a map of engine options"),
        ("vllm: [a]", "'vllm' must be a map of engine options"),
        ("vllm: {a: 1, a: 2}", "is not YAML (line 1): a key is given twice"),
        ("vllm: {a-b: 1, a_b: 2}", "vllm sets 'a-b' twice, once with '_'"),
        ("vllm: &a {x: *a}", "is not plain YAML (line 1): aliases are not allowed here"),
        ("vllm: {max-model-len: 3.5}", "max-model-len must be an integer of at least 1, not 3.5"),
        ("vllm: {max-model-len: 0}", "max-model-len must be an integer of at least 1, not 0"),
        ("vllm: {max-model-len: true}", "max-model-len must be an integer of at least 1, not True"),
        ("vllm: {tensor_parallel_size: -2}", "tensor-parallel-size must be an integer of at"),
        ("vllm: {gpu-memory-utilization: 1.5}", "gpu-memory-utilization must be above 0 and at"),
        ("vllm: {gpu-memory-utilization: high}", "gpu-memory-utilization must be above 0 and at"),
        ("!!python/object:os.system x", "is not plain YAML (line 1): tags are not allowed here"),
        ("vllm: {a: !!timestamp x}", "is not plain YAML (line 1): tags are not allowed here"),
        ("\x00", "is not YAML: it holds a character that YAML does not allow"),
        ("2020-99-99: 1", "is not YAML: ValueError"),
        ("[" * 5000, "is not plain YAML (line 1): more than 64 levels"),
        ("{" * 500_000, "is not plain YAML (line 1): more than 64 levels"),
        ("- " * 500_000, "is not plain YAML (line 1): more than 64 levels"),
        ("? " * 500_000, "is not plain YAML (line 1): more than 64 levels"),
        ("a" * 2_000_000, "has 2000000 characters, more than 1048576"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        parse_inference_config(text)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.one_of(st.text(), PLAIN.map(repr), PLAIN.map(lambda value: f"vllm: {value!r}")))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        said = repr(parse_inference_config(text).max_model_len)
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
