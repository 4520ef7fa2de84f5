"""A trained member as a file: model.safetensors, which torch and numpy read without this package.

It holds the member's parameters, its buffers, and what its seed fixes beside them (`constants.NAME`: a logic
network's wiring); its metadata says what was trained: the estimator with its temperatures, and the study.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor  # whoever looks for files needs no torch

CONSTANTS = "constants."  # what the names of tensors begin with that are no parameters
# Of all models of one population's last report, which travels through the driver: those of further seeds are
# left out.
MOST_BYTES = 512 * 2**20


def file_name(seed: int) -> str:
    """Of the model that was trained with a seed."""
    return f"model-{seed}.safetensors"


def as_bytes(tensors: "Mapping[str, Tensor]", about: Mapping[str, Any]) -> bytes:
    """The file's content: a member's tensors {name: [...]}, and what is to be known of it, as metadata.

    A value that is no text is written as JSON.
    """
    from safetensors.torch import save

    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
    return _ordered(save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def _ordered(content: bytes) -> bytes:
    """A file with the names of its header in order, so that the same model is the same file: the library
    writes the metadata in any order. (The format: the header's length in 8 bytes, the header as JSON, the
    values.)
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # values are aligned
    return len(header).to_bytes(8, "little") + header + content[end:]


def read(file: Path) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The tensors of a file, and what it says of them.

    Raises:
        OSError: there is no such file.
    """
    from safetensors import safe_open

    with safe_open(file, "pt") as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  # no mapping
        return tensors, {name: _value(text) for name, text in (content.metadata() or {}).items()}


def nbytes(tensors: "Mapping[str, Tensor]") -> int:
    """How large a member's tensors are."""
    return sum(tensor.nbytes for tensor in tensors.values())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def on_host(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The same tensors on the host, sharing no memory with others."""
    import torch

    return {
        name: t.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, t in tensors.items()
    }
