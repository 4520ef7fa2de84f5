"""Writes tuner/evidence/design_constants.py: the critical p-values of the usual sequential designs.

    python -m benchmarks.calibration.constants

20 million simulated studies a design, two to three minutes in all. The standard error of the overall error of
5 % is then 0.005 %. Run it again when a design is added; the test of the module compares the table with a
smaller simulation.
"""

from pathlib import Path
from typing import get_args

import numpy as np

from tuner.evidence.sequential_design import ERROR, lowest_p
from tuner.spec.judging import Boundary

DESIGNS = (
    (5, 10),
    (5, 10, 20),
    (5, 10, 15, 20),
    (5, 10, 15, 20, 30),
    (10, 15, 20, 30),
    (10, 20),
    (10, 20, 30),
    (3, 5, 10),
)
BLOCKS, STUDIES = 20, 1_000_000
TARGET = Path(__file__).parents[2] / "tuner" / "evidence" / "design_constants.py"
HEAD = '''"""Critical p-values of the usual sequential designs: (boundary, looks) -> (two-sided, one-sided).

Written by `python -m benchmarks.calibration.constants`, from 20 million simulated studies a design: do not
edit. With the constant boundary they are the nominal level of every look, with O'Brien and Fleming's that of
the last one.
"""

LEVELS: dict[tuple[str, tuple[int, ...]], tuple[float, float]] = {
'''


def main() -> None:
    """Simulates every design and writes the table."""
    rows = []
    for boundary in get_args(Boundary):
        for looks in DESIGNS:
            two_sided, one_sided = constants(looks, boundary)
            rows.append(f'    ("{boundary}", {looks}): ({two_sided:.6f}, {one_sided:.6f}),\n')
            print(rows[-1].strip(), flush=True)
    TARGET.write_text(HEAD + "".join(rows) + "}\n", encoding="utf-8")


def constants(looks: tuple[int, ...], boundary: Boundary) -> tuple[float, float]:
    """The critical p-values of a design, of the lowest p-values of every block."""
    lowest: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    kept = int(2 * ERROR * STUDIES)
    for block in range(BLOCKS):
        for side, p in zip(lowest, lowest_p(looks, boundary, STUDIES, block, largest=0.25), strict=True):
            side.append(np.partition(p, kept)[:kept])
    place = int(ERROR * STUDIES * BLOCKS)
    two_sided, one_sided = (float(np.partition(np.concatenate(side), place)[place]) for side in lowest)
    return two_sided, one_sided


if __name__ == "__main__":
    main()
