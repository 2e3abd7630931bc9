"""Weights that an installed Python distribution carries as one GGUF file.

The file is found in the distribution's own record: importing the package would start whatever it
was written for. Then transformers turns it, once, into what every engine loads: safetensors in
bfloat16, a tokenizer, its chat template. Heavy libraries are imported here and only when needed.
"""

import importlib.metadata
import os
from pathlib import Path

from kaito.api.weight_source import PackageSource
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.progress import Reporter

_BYTES_PER_SECOND = 5e6
"""Of GGUF, on two cores, from the first import to the last file: for the ETA only."""


def convert_package(source: PackageSource, folder: Path, reporter: Reporter) -> str:
    """Write the model of `source` into `folder`; the distribution's version as the revision."""
    gguf = find_file(source)
    seconds = round(gguf.stat().st_size / _BYTES_PER_SECOND)
    reporter.report("convert", eta=seconds, item=gguf.name)
    _convert(gguf, folder)
    return source.version


def find_file(source: PackageSource) -> Path:
    """The file on disk, from the distribution's list of its files."""
    name, version = source.distribution, source.version
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise SourceFailed(
            f"the Python distribution {name!r} is not installed; pip install --no-deps "
            f"{name}=={version}"
        ) from error
    if distribution.version != version:
        raise SourceFailed(
            f"the Python distribution {name!r} is installed as {distribution.version}, "
            f"not {version}"
        )
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if file.name == source.file and path.is_file():
            return path
    raise SourceFailed(f"the Python distribution {name!r} has no file {source.file!r}")


def _convert(gguf: Path, folder: Path) -> None:
    # Read at import: no bars between the progress lines, and no hub, for the file is all there is.
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
        from transformers.utils import logging
    except ImportError as error:
        raise SourceFailed(
            f"turning GGUF into safetensors needs {error.name!r}, which is not installed"
        ) from error
    logging.set_verbosity_error()
    where, name = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        where,
        gguf_file=name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        # safetensors writes through a private temporary file; other users serve these.
        path.chmod(0o644)
