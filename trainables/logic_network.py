"""A trained logic gate network as a plain list of gates and wires, evaluated with numpy alone.

The file network.json, which a study of the task `dln` keeps of its confirmed trials, holds one object:

    format      "logic-network-1"
    features    number of inputs, whole numbers such as pixels of 0 to 255
    cutoffs     [c_1, c_2, ...]; bit i*features + j is 1 where input j is greater than c_i
    layers      [{"gate": [...], "a": [...], "b": [...]}, ...]: each gate's id, and which bits of the layer
                before it reads
    classes     the last layer's gates form so many groups of equal size; a class score is the number of
                ones in its group

A gate's id written as four binary digits is its truth table, for (a, b) = (0, 0), (0, 1), (1, 0), (1, 1): 1 =
0001 is a and b.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Layer:
    """Gates of one layer."""

    gate: npt.NDArray[np.int64]  # [N] ids 0 to 15
    a: npt.NDArray[np.int64]  # [N] rows of the layer's input
    b: npt.NDArray[np.int64]  # [N]

    def __call__(self, x: Bits) -> Bits:
        """Output bits [N, B] of input bits [D, B]."""
        row = 2 * x[self.a].astype(np.uint8) + x[self.b]  # of the truth table
        return ((self.gate[:, None] >> (3 - row)) & 1).astype(bool)


@dataclass(frozen=True)
class LogicNetwork:
    """A network as its file describes it."""

    features: int
    cutoffs: tuple[int, ...]
    layers: tuple[Layer, ...]
    classes: int

    @classmethod
    def load(cls, file: Path | str) -> "LogicNetwork":
        """Reads network.json. Raises ValueError where it is of another format."""
        given = json.loads(Path(file).read_bytes())
        if not isinstance(given, dict) or given.get("format") != "logic-network-1":
            raise ValueError(f"{file} is not a logic network: it must say format logic-network-1")
        layers = tuple(
            Layer(*(np.array(layer[name], dtype=np.int64) for name in ("gate", "a", "b")))
            for layer in given["layers"]
        )
        return cls(given["features"], tuple(given["cutoffs"]), layers, given["classes"])

    def scores(self, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Number of ones in each class's group, [n, classes], of inputs [n, features]."""
        if inputs.ndim != 2 or inputs.shape[1] != self.features:
            raise ValueError(f"inputs must be [n, {self.features}]. Got {inputs.shape=}.")
        x = np.concatenate([np.greater(inputs.T, cutoff) for cutoff in self.cutoffs])
        for layer in self.layers:
            x = layer(x)
        counts: npt.NDArray[np.int64] = x.reshape(self.classes, -1, len(inputs)).sum(1)
        return counts.T

    def predict(self, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """The class with the highest score, [n], of inputs [n, features]; the first of equals."""
        best: npt.NDArray[np.int64] = self.scores(inputs).argmax(1)
        return best
