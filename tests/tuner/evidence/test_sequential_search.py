"""What a study of the sequential strategy shows: its two stages, as numbers, as a figure, in the report."""

import pytest

from tests.support.rows import MINIMIZE, SEQUENTIAL, sequential_trials, study, trial
from tuner.evidence.analysis import results
from tuner.evidence.figures import drawing
from tuner.evidence.landscape import landscape, stages
from tuner.evidence.report import write_report
from tuner.evidence.results import BackwardLine, ForwardLine


def test_the_landscape_of_a_sequential_search_has_no_value_where_nothing_ran():
    searched, softmax = sequential_trials()
    found = landscape([*searched, *softmax], MINIMIZE)
    assert (found.tau_f, found.tau_b) == ((0.0, 0.5, 1.5), (0.3, 1.0, 2.0))
    assert found.mean == ((None, pytest.approx(5.1), None), (None, pytest.approx(4.1), pytest.approx(3.1)),
                          (None, pytest.approx(6.1), None))  # fmt: skip
    assert [[v is None for v in row] for row in found.sem] == [[v is None for v in row] for row in found.mean]


def test_the_stages_are_a_row_and_a_column_through_the_best_tau_f():
    searched, softmax = sequential_trials()
    found = results(study(search=SEQUENTIAL), [*searched, *softmax]).stages
    assert (found.tau_b_start, found.best_tau_f) == (1.0, 0.5)
    assert found.first.points == ((0.0, 0.5, 1.5), pytest.approx((5.1, 4.1, 6.1)), pytest.approx((0.1,) * 3))
    assert found.second.tau_b == (0.3, 1.0, 2.0)
    assert found.second.mean == (None, pytest.approx(4.1), pytest.approx(3.1))
    other_way = results(study("maximize", SEQUENTIAL), [*searched, *softmax]).stages
    assert (other_way.best_tau_f, other_way.first.mean[1]) == (0.5, pytest.approx(9.1))


def test_stages_before_there_is_anything_to_choose():
    failed = [trial(i, None, tau_f=f) for i, f in enumerate((0.0, 0.5))]
    found = stages(study(search=SEQUENTIAL), failed)
    assert found.best_tau_f is None
    assert found.first == ForwardLine(tau_f=(0.0, 0.5), mean=(None, None), sem=(None, None))
    assert found.second == BackwardLine(tau_b=(), mean=(), sem=())
    assert stages(study(search=SEQUENTIAL), []).first.tau_f == ()


def test_only_a_sequential_search_has_stages():
    searched, _ = sequential_trials()
    assert results(study(search=SEQUENTIAL | {"strategy": "grid"}), searched).stages is None
    assert results(study(), searched).stages is None


def test_softmax_trials_are_the_diagonal_of_a_sequential_search():
    searched, softmax = sequential_trials()
    found = results(study(search=SEQUENTIAL), [*searched, *softmax])
    assert (found.best.number, found.diagonal_best.number) == (4, 6)
    assert (found.gain.mean, found.gain.against) == (pytest.approx(4.0), 6)
    assert [found.tuned_with[name] for name in ("off_diagonal", "argmax", "diagonal")] == [5, 1, 2]
    assert "the baseline softmax lies on it" in results(study(search=SEQUENTIAL), searched).verdict_reason


def test_the_stages_figure_stars_the_optimum_and_draws_the_baselines():
    found = stages(study(search=SEQUENTIAL), sequential_trials()[0])
    first, second = found.first.points, found.second.points
    figure = drawing.stages(
        first,
        second,
        tau_b_start=1.0,
        best_tau_f=0.5,
        baselines={"softmax": 7.1},
        objective="val loss",
        minimize=True,
    )
    for axes, optimum in zip(figure.axes, [(0.5, 4.1), (2.0, 3.1)], strict=True):
        (star,) = [line for line in axes.lines if line.get_marker() == "*"]
        assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx(optimum)
        (baseline,) = [line for line in axes.lines if line.get_label() == "softmax"]
        assert list(baseline.get_ydata()) == [7.1, 7.1]
    (crosses,) = [line for line in figure.axes[1].lines if line.get_marker() == "x"]
    assert list(crosses.get_xdata()) == [0.3]


@pytest.mark.parametrize("search", [SEQUENTIAL, {"strategy": "grid"}])
def test_the_report_of_a_sequential_study_shows_its_stages(tmp_path, search):
    searched, softmax = sequential_trials()
    files = write_report(
        study(search=search), [*searched, *softmax], [], tmp_path, artifacts=tmp_path / "none"
    )
    sequential = search is SEQUENTIAL
    assert ((tmp_path / "stages.png") in files) == sequential
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ('id="stages"' in page) == sequential
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files if path.suffix == ".png")


def test_the_report_of_a_sequential_study_without_success_has_no_stages(tmp_path):
    failed = [trial(i, None, tau_f=f) for i, f in enumerate((0.0, 0.5))]
    files = write_report(study(search=SEQUENTIAL), failed, [], tmp_path, artifacts=tmp_path / "none")
    assert "stages.png" not in {path.name for path in files}
