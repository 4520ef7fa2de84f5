"""The driver's progress line."""

import io
from types import SimpleNamespace

import pytest

from tests.support import rows
from tests.support.patience import wait_for
from tests.support.rows import MAXIMIZE, MINIMIZE
from trainables.population_report import Report
from tuner.driver.progress import Progress, ProgressLine, duration
from tuner.spec.study import load_spec, parse_spec


def trial(number, loss=None, role="search"):
    if loss is None:
        return rows.trial(number, role=role, seeds=(0, 1, 2), state="running")
    return rows.trial(number, [loss] * 3, role=role)


def begun(total=40, work=400.0, objective=MINIMIZE, *, confirm_seeds=0, **more):
    """Progress of a search of so many trials of 3 seeds, which together are so much work."""
    search = {"strategy": "grid", "tau_f": [0.5], "tau_b": [1 + i / 100 for i in range(total)]}
    given = {"name": "s", "task": "sbn", "dataset": "digits", "search": search, "seeds": 3, "epochs": 40}
    spec = parse_spec(given | {"confirm_seeds": confirm_seeds})
    return Progress(spec, work / (3 * total), objective, **more)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (7.4, "0:07"),
        (59.6, "1:00"),
        (750, "12:30"),
        (3599.6, "1:00:00"),
        (3900, "1:05:00"),
        (360_000, "100:00:00"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_the_share_of_the_work_is_known_from_the_first_report_on(clock):  # noqa: ARG001  # the report needs one
    progress = begun()
    assert progress.fraction is None
    progress.observe("p", report(epoch=10.0), [])
    assert progress.fraction == 100 / 400


@pytest.fixture
def clock(monkeypatch):
    stopped = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("tuner.driver.progress.time", SimpleNamespace(monotonic=lambda: stopped.now))
    return stopped


def report(*, epoch, members=10, training_s=60.0, final=False, paused=False, began=0.0, error=None):
    reported = {0: {"train_loss": [0.5] * members}} if error is None else {}
    return Report(
        interval=1,
        epoch=epoch,
        steps=1,
        rows=reported,
        training_s=training_s,
        final=final,
        paused=paused,
        began=began,
        error=error,
    )


def test_the_line_says_how_far_how_good_and_how_long(clock):
    progress = begun()
    assert progress.line() == "0/40 trials · starting Ray"
    progress.phase = "starting to train"
    assert progress.line() == "0/40 trials · starting to train"
    progress.observe("p", report(epoch=5.0), [trial(0), trial(1)])
    assert progress.line() == "0/40 trials · 12 % · 7:00 left"
    clock.now += 60
    progress.observe("p", report(epoch=10.0, final=True), [trial(0, 0.5), trial(1, 0.25)])
    assert progress.line() == "2/40 trials · best 0.25 (decoupled, tau_f 0.5, tau_b 1) · 25 % · 6:00 left"
    clock.now += 30  # without news the time left is counted down
    assert progress.line().endswith("25 % · 5:30 left")
    clock.now += 329
    assert progress.line().endswith("25 % · 0:01 left")
    clock.now += 1  # the work is not done: nothing left is said of it
    assert progress.line().endswith("25 % · longer than expected")


def test_what_has_ended_is_counted_once_and_the_best_of_all_looks_stays():
    progress = begun()
    trials, lines = [], []
    for scores in ([0.5, None], [0.5, 0.25, None, 0.25], [0.5, 0.25, 0.75, 0.25, 0.125]):
        trials[:] = [trial(n, score) for n, score in enumerate(scores)]
        progress.observe("p", report(epoch=1.0, final=True), trials)
        lines.append(progress.line().partition(" (")[0])
    assert lines == ["1/40 trials · best 0.5", "3/40 trials · best 0.25", "5/40 trials · best 0.125"]


def test_the_best_follows_the_direction(clock):  # noqa: ARG001  # the reports need one
    progress = begun(2, 20.0, MAXIMIZE)
    progress.observe("p", report(epoch=1.0, final=True), [trial(0, 0.5), trial(1, 0.25)])
    assert "best 0.5 (decoupled" in progress.line()


def test_work_of_earlier_drivers_counts_as_done_but_not_for_the_speed(clock):  # noqa: ARG001  # as above
    progress = begun(work_done=200.0, work_before=200.0)
    assert progress.line() == "0/40 trials · starting Ray"  # no speed is known yet
    progress.observe("p", report(epoch=10.0), [])
    assert progress.line() == "0/40 trials · 75 % · 1:00 left"


def test_more_work_than_foreseen_is_no_more_than_all(clock):  # noqa: ARG001  # as above
    progress = begun(2, 10.0)
    progress.observe("p", report(epoch=2.0, final=True), [trial(0, 0.5), trial(1, 0.5)])
    assert (
        progress.line()
        == "2/2 trials · best 0.5 (decoupled, tau_f 0.5, tau_b 1) · done with what is planned so far"
    )


def test_a_population_that_failed_has_ended(clock):  # noqa: ARG001  # as above
    progress = begun(2, 20.0)
    progress.observe("p", report(epoch=1.0), [trial(0), trial(1)])
    progress.observe("p", report(epoch=0.0, error="RuntimeError: out of memory"), [trial(0, 0.5), trial(1)])
    assert (progress.running, progress.done) == ({}, 1)


def test_a_study_begins_with_what_its_history_has():
    spec = load_spec("sbn-digits")
    history = [
        trial(0, 0.5),
        trial(1, 0.25),
        trial(2, 0.1, role="confirm"),
        trial(3),
        trial(4, 0.01, role="control"),
    ]
    progress = Progress.of(spec, 40.0, history)
    to_confirm = 5  # off the diagonal, argmax, on the diagonal (which softmax is, too), identity, gumbel
    control = 1
    assert progress.total == spec.trials_total + to_confirm + control
    assert (
        progress.work_total == (spec.trials_total * spec.seeds + (to_confirm + control) * spec.looks[0]) * 40
    )
    assert progress.work_done == progress.work_before == 4 * 3 * 40
    assert (
        progress.line()
        == f"4/{progress.total} trials · best 0.25 (decoupled, tau_f 0.5, tau_b 1) · starting Ray"
    )


def test_a_sequential_study_counts_both_stages():
    search = {"strategy": "sequential", "tau_f": [0.0, 0.5], "tau_b": [0.5, 2.0], "tau_b_start": 1.0}
    given = {"name": "s", "task": "sbn", "dataset": "digits", "search": search, "seeds": 3, "epochs": 40}
    given["confirm_seeds"] = 0
    progress = Progress.of(parse_spec(given), 40.0, [trial(0, 0.5)])
    assert (progress.total, progress.work_total) == (2 + 2, (2 + 2) * 3 * 40)
    assert progress.line() == "1/4 trials · best 0.5 (decoupled, tau_f 0.5, tau_b 1) · starting Ray"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(stream, monkeypatch):
    monkeypatch.setattr("tuner.driver.progress.LINE_EVERY_S", 0.0)
    progress = begun(3, 3.0)
    with ProgressLine(progress, stream):
        for progress.done in (1, 2):
            shown = stream.tell()
            wait_for(lambda shown=shown: stream.tell() != shown, 10, every_s=0.01)
    return stream.getvalue()


def test_where_the_line_cannot_be_rewritten_whole_lines_are_printed(monkeypatch):
    assert printed(io.StringIO(), monkeypatch) == "1/3 trials · starting Ray\n2/3 trials · starting Ray\n"


def test_on_a_terminal_the_line_is_rewritten_and_wiped(monkeypatch):
    text = printed(Terminal(), monkeypatch)
    assert "\n" not in text
    assert text.split("\r\x1b[K") == ["", "1/3 trials · starting Ray", "2/3 trials · starting Ray", ""]


def test_what_comes_on_top_of_the_plan_leaves_the_confirmation_to_be_done(clock):
    # Trainings of 10 epochs: 2 trials of 3 seeds, and their two best on 6 fresh seeds.
    progress = begun(total=2, work=60.0, confirm_seeds=6)
    searched = [trial(0, 0.5), trial(1, 0.4)]
    progress.observe("p", report(epoch=10.0, members=6, final=True), searched)
    assert (progress.total, progress.work_total) == (3, 60.0 + 60.0)
    assert progress.line().endswith(" · 50 % · 1:00 left")  # not all: the best one is to be confirmed
    clock.now += 60
    extended = [*searched, trial(2, role="extension")]
    progress.observe("q", report(epoch=10.0, members=3), extended)
    assert progress.line().startswith("2/4 trials · ")
    assert " · extending ranges · 60 % · " in progress.line()
    extended[2] = trial(2, 0.3, role="extension")
    progress.observe("q", report(epoch=10.0, members=3, final=True), extended)
    confirming = [*extended, rows.trial(3, role="confirm", seeds=range(6), state="running")]
    progress.observe("r", report(epoch=9.9, members=6), confirming)
    assert " · fresh seeds · 99 % · " in progress.line()  # of what is known: never rounded to all of it
    confirming[3] = rows.trial(3, [0.4] * 6, role="confirm")
    progress.observe("r", report(epoch=10.0, members=6, final=True), confirming)
    assert progress.line().endswith(" · fresh seeds · done with what is planned so far")
    looked = [*confirming, rows.trial(4, role="confirm", seeds=range(6), state="running")]
    progress.observe("s", report(epoch=5.0, members=6), looked)
    assert progress.line().startswith("4/5 trials · ")
    assert " · fresh seeds · 85 % · " in progress.line()
