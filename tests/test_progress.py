"""One readable line."""

import io
import time

import pytest

from tuner.progress import Progress, ProgressLine, duration
from tuner.rows import TrialRow
from tuner.spec import load_spec


def trial(number, loss=None, role="search"):
    objective = None if loss is None else (loss,) * 3
    return TrialRow(
        id=number + 1, number=number, role=role, estimator="decoupled", tau_f=0.5, tau_b=1.0, lr=0.001,
        state="running" if loss is None else "succeeded", reason=None, population="p", attempts=1, seeds=(0, 1, 2), metrics={},
        objective=objective, started_at=None, finished_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3599.6, "1:00:00"), (3900, "1:05:00"), (360_000, "100:00:00")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_the_line_says_how_far_how_good_and_how_long():
    progress = Progress(total=40, work_total=400.0)
    assert progress.line() == "0/40 trials · starting Ray"
    progress.phase = "starting to train"
    assert progress.line() == "0/40 trials · starting to train"
    progress.done, progress.best, progress.work_done, progress.running = (
        4,
        "0.25 (decoupled, tau_f 0.5, tau_b 1)",
        40.0,
        {"p": 60.0},
    )
    progress.started = time.monotonic() - 60
    assert progress.line() == "4/40 trials · best 0.25 (decoupled, tau_f 0.5, tau_b 1) · 25 % · 3:00 left"


def test_work_of_earlier_drivers_counts_as_done_but_not_for_the_speed():
    progress = Progress(total=40, work_total=400.0, work_done=200.0, work_before=200.0, started=time.monotonic() - 60)
    assert progress.line().endswith("starting Ray")  # no speed is known yet
    progress.running = {"p": 100.0}
    assert progress.line() == "0/40 trials · 75 % · 1:00 left"


def test_more_work_than_foreseen_is_no_more_than_all():
    progress = Progress(total=2, work_total=10.0, done=2, work_done=20.0, started=time.monotonic() - 60)
    assert progress.line() == "2/2 trials · 100 % · 0:00 left"


def test_a_study_begins_with_what_its_history_has():
    spec = load_spec("sbn-digits")
    history = [trial(0, 0.5), trial(1, 0.25), trial(2, 0.1, role="confirm"), trial(3)]
    progress = Progress.of(spec, 40.0, history)
    methods = 2 + len(spec.baselines)  # off and on the diagonal, and each baseline, will be confirmed
    assert progress.total == spec.trials_total + methods
    assert progress.work_total == (spec.trials_total * spec.seeds + methods * spec.confirm_seeds) * 40
    assert progress.work_done == progress.work_before == 3 * 3 * 40
    assert progress.line() == f"3/{progress.total} trials · best 0.25 (decoupled, tau_f 0.5, tau_b 1) · starting Ray"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(stream, monkeypatch):
    monkeypatch.setattr("tuner.progress._LINE_EVERY_S", 0.0)
    progress = Progress(total=3, work_total=3.0)
    with ProgressLine(progress, stream):
        for progress.done in (1, 2):
            shown, deadline = stream.tell(), time.monotonic() + 10
            while stream.tell() == shown and time.monotonic() < deadline:
                time.sleep(0.01)
    return stream.getvalue()


def test_where_the_line_cannot_be_rewritten_whole_lines_are_printed(monkeypatch):
    assert printed(io.StringIO(), monkeypatch) == "1/3 trials · starting Ray\n2/3 trials · starting Ray\n"


def test_on_a_terminal_the_line_is_rewritten_and_wiped(monkeypatch):
    text = printed(Terminal(), monkeypatch)
    assert "\n" not in text
    assert text.split("\r\x1b[K") == ["", "1/3 trials · starting Ray", "2/3 trials · starting Ray", ""]
