"""What it costs to judge one Workspace: all rules of it, on create and on update.

    .venv/bin/python benchmarks/validation.py [--runs 5]

In-process, with the catalogue and a ConfigMap at hand, as admission does it: from JSON to the list
of faults. The tuning has as many addresses as people give; the last one breaks a dozen rules.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import _report
from kaito.api.kinds import kind_of_resource
from kaito.api.meta import Manifest
from kaito.app.admission import CATALOGUE

_CONFIG = "vllm: {max-model-len: 4096, gpu-memory-utilization: 0.9, tensor-parallel-size: 2}"
_AROUND = replace(CATALOGUE, find_config=lambda *_: {"inference_config.yaml": _CONFIG})
_REPEATS = 200
_FAULTS = "create, a dozen faults"
_RESOURCE = {
    "instanceType": "Standard_NC24ads_A100_v4",
    "labelSelector": {"matchLabels": {"apps": "phi-4"}},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    _report.print_machine("kaito", "msgspec", "PyYAML")
    kind = kind_of_resource("workspaces.kaito.sh")
    assert kind is not None
    preset = _workspace(inference={"preset": {"name": "phi-4"}})
    edited = {**preset, "metadata": {"name": "w", "labels": {"a": "b"}}}
    configured = _workspace(inference={"preset": {"name": "phi-4"}, "config": "c"})
    cases: dict[str, Callable[[], Any]] = {
        "create, preset": lambda: kind.check(preset, None, _AROUND),
        "create, preset and config": lambda: kind.check(configured, None, _AROUND),
        "create, ten adapters": lambda: kind.check(_adapters(), None, _AROUND),
        "create, tuning": lambda: kind.check(_tuning(), None, _AROUND),
        "update, a label": lambda: kind.check(edited, preset, _AROUND),
        _FAULTS: lambda: kind.check(_faulty(), None, _AROUND),
    }
    for name, judge in cases.items():
        judge()
        figures = [_milliseconds(judge) for _ in range(runs)]
        # Finding the nearest names to a mistyped one takes most of the time, and is no target.
        target = "" if name == _FAULTS else "under 1"
        _report.print_figure(name, figures, unit="ms", target=target)


def _milliseconds(judge: Callable[[], Any]) -> float:
    started = time.perf_counter()
    for _ in range(_REPEATS):
        judge()
    return (time.perf_counter() - started) * 1000 / _REPEATS


def _workspace(**fields: Any) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "w", "namespace": "default"},
        "resource": _RESOURCE,
        **fields,
    }


def _adapters() -> Manifest:
    adapters = [
        {"source": {"name": f"a{index}", "image": "registry.example.com/a:1"}, "strength": "0.5"}
        for index in range(10)
    ]
    return _workspace(inference={"preset": {"name": "phi-4"}, "adapters": adapters})


def _tuning() -> Manifest:
    urls = [f"https://example.com/data/part-{index}.parquet" for index in range(16)]
    return _workspace(
        tuning={
            "preset": {"name": "phi-4"},
            "method": "qlora",
            "input": {"urls": urls},
            "output": {"image": "registry.example.com/a:1", "imagePushSecret": "s"},
        }
    )


def _faulty() -> Manifest:
    broken = {"source": {"name": "A", "urls": ["x"]}, "strength": "2"}
    return _workspace(
        metadata={"name": "a.b", "annotations": {"kaito.sh/runtime": "tgi"}},
        resource={"instanceType": "Standard_NC6s_v33", "labelSelector": {}, "count": 0},
        inference={"preset": {"name": "smolm2"}, "adapters": [broken, broken]},
        tuning={"method": "full"},
    )


if __name__ == "__main__":
    main()
