"""The tables of the report: no column is empty, and the numbers of a column have the same digits."""

import pytest

from tests.support.rows import study, trial
from tuner.evidence.analysis import results
from tuner.evidence.report import write_report

TEMPERATURES = [0.1, 0.3, 0.5, 1.0, 2.0]


def searched(forward):
    pairs = [(f, b) for f in forward for b in TEMPERATURES]
    return [
        trial(n, [0.2 + f + abs(b - 0.5) + noise for noise in (0.0, 0.01, -0.01)], tau_f=f, tau_b=b)
        for n, (f, b) in enumerate(pairs)
    ]


@pytest.mark.parametrize(("forward", "method"), [([0.1], "subset"), (TEMPERATURES, "surface")])
def test_where_the_optimum_lies_is_told_in_the_columns_that_its_method_has(tmp_path, forward, method):
    rows = searched(forward)
    assert results(study(), rows).optimum.method == method
    page, *_ = write_report(study(), rows, [], tmp_path, artifacts=tmp_path / "none")
    text = page.read_text(encoding="utf-8")
    assert ("<th>probability</th>" in text) == (method == "surface")
    assert "0.3000 ± 0.0058" in text  # the best pair, with the digits of every other one
