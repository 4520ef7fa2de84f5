"""scikit-learn's digits: 1,797 images of 8x8 with 17 grey levels, there without a download."""

import gzip
from importlib.util import find_spec
from pathlib import Path

from trainables.data.dataset import DataError, Dataset, Split, hold_out
from trainables.data.shuffling import shuffled_array


def load(_data_folder: Path) -> Dataset:
    """1,197 training examples, 300 for validation, 300 for test; shape [1, 8, 8]."""
    import numpy as np  # not on a machine that has only torch

    # scikit-learn's file without its import, which takes 4 s. The test's oracle is
    # sklearn.datasets.load_digits.
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError(
            "dataset digits: it comes with scikit-learn, which is not there; `pip install scikit-learn` "
            "brings it"
        )
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt") as file:
        rows = [[int(value) for value in line.split(",")] for line in file]
    table = np.array(rows)  # [n, D + 1], the label last
    x, y = table[:, :-1].astype(np.uint8), table[:, -1].astype(np.int64)
    order = shuffled_array(len(y), "digits split")
    test, rest = order[:300], order[300:]
    return hold_out(
        "digits",
        Split(x[rest], y[rest]),
        Split(x[test], y[test]),
        validation=300,
        shape=(1, 8, 8),
        largest=16,
    )
