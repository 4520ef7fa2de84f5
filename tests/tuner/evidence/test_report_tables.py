"""The tables of the report: no column is empty, and the numbers of a column have the same digits."""

import pytest

from tests.support.rows import study, trial
from tests.support.screens import too_wide
from tests.support.served import CHROMIUM, MISSING_BROWSER
from trainables.tasks import task_metrics
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


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")
def test_the_tables_of_the_test_set_and_of_the_methods_are_as_wide_as_a_sheet_of_paper(tmp_path, browser):
    names = ("test_loss", "test_loss_argmax", "test_loss_16", "test_accuracy", "test_accuracy_argmax")
    measured = {name: [0.0679, 0.0608, 0.0751] for name in (*names, "test_accuracy_16")}
    fresh = [
        trial(
            100 + n, [0.31, 0.32, 0.33], tau_f=f, tau_b=0.5, role="confirm", seeds=(7, 8, 9), metrics=measured
        )
        for n, f in enumerate((0.1, 0.5))
    ]
    rows = [*searched([0.1, 0.5]), *fresh]
    page, *_ = write_report(
        study(), rows, [], tmp_path, artifacts=tmp_path / "none", metrics=task_metrics("sbn")
    )
    sheet = browser.new_page(viewport={"width": 718, "height": 1000})  # of A4, with margins of 1 cm
    sheet.emulate_media(media="print")
    sheet.goto(page.resolve().as_uri())
    assert sheet.get_by_role("columnheader", name="test accuracy, mean of 16 passes").is_visible()
    assert too_wide(sheet) == 0
    sheet.close()
