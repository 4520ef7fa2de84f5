"""Trials that pause at rungs, end to end but for Ray: the real searcher, ledger and training, driven by hand.

A member that was paused, joined with others and continued is what it would have been alone, whatever happens
on the way.
"""

from contextlib import closing
from functools import cache, partial

import pytest
import torch

from tests.support.hand_driver import HandDriver
from trainables.data import load
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN, SBNOptions
from tuner.driver.drive import submit
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec

pytestmark = pytest.mark.usefixtures("one_thread")

GRID = {"tau_f": [0.0, 0.3, 1.0], "tau_b": [0.1, 0.5, 1.0]}
BASE = {
    "name": "s",
    "task": "sbn",
    "dataset": "digits",
    "learning_rates": [0.003],
    "seeds": 2,
    "epochs": 9,
    "reports": 9,
    "batch_size": 256,
    "options": {"units": [16, 12]},
    "baselines": ["softmax", "identity"],
    "confirm_seeds": 0,  # fresh seeds follow from the study's id, and two studies are compared here
    "extend": False,
    "refine": False,
}
HALVING = BASE | {"search": {"strategy": "halving"} | GRID}
RANGES = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 2.0}}
PBT = BASE | {"search": {"strategy": "pbt", "trials": 8, "rounds": 6} | RANGES, "baselines": ["identity"]}
SPECS = {"halving": HALVING, "pbt": PBT}


@pytest.fixture(scope="module", autouse=True)
def exactly():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.population_run.CHECKPOINT_EVERY_S", -1.0)  # after every interval
        patch.setattr("trainables.tasks.sbn.SAMPLES", 2)  # passes of an evaluation, which has 16
        # Stacks of another size round otherwise, and a bit that is sampled the other way for it would change
        # the rest.
        patch.setattr("trainables.population_run.Population", partial(Population, dtype=torch.float64))
        yield


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture
def ledger(home):
    with closing(Ledger(f"sqlite:///{home / 'ledger.db'}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The outcomes of a study, HALVING or PBT, that runs from its beginning to its end; each is run once."""

    @cache
    def outcomes_of(strategy):
        home = tmp_path_factory.mktemp(strategy)
        with closing(Ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
            return outcomes(ledger, ran(ledger, home, SPECS[strategy]).study)

    return outcomes_of


def ran(ledger, home, spec, **keywords):
    study = submit(ledger, parse_spec(spec))
    driver = HandDriver(ledger, study, home, **keywords)
    assert driver.run()
    return driver


def alone(spec, trial):
    """The validation losses of a trial's seeds when it is trained from scratch in a population of its own."""
    data = load("digits", "not used")
    configuration = Configuration(trial.estimator, trial.tau_f, trial.tau_b, trial.lr, **trial.variant.fields)
    models = Population(
        SBN(data, SBNOptions.parse(spec["options"])),
        data,
        [configuration],
        list(trial.seeds),
        batch_size=spec["batch_size"],
        dtype=torch.float64,
    )
    reports = spec.get("reports", 20)
    ends = [round(spec["epochs"] * models.steps_per_epoch * (i + 1) / reports) for i in range(reports)]
    half = "confirming" if trial.role == "confirm" else "selecting"
    chosen_by, measured = [], []
    for end in ends:
        models.train(end - models.steps)
        chosen_by.append(models.evaluate("selecting")["val_loss"][:, 0])
        measured.append(models.evaluate(half)["val_loss"][:, 0])
    best = torch.stack(chosen_by).argmin(0, keepdim=True)  # [1, S]
    return torch.stack(measured).gather(0, best)[0].tolist()


def outcomes(ledger, study):
    return {
        t.number: (t.state, t.tau_f, t.tau_b, t.variant, t.intervals, t.source, t.objective)
        for t in ledger.trials(study)
    }


def assert_same(found, expected):
    assert {n: o[:-1] for n, o in found.items()} == {n: o[:-1] for n, o in expected.items()}
    for number, (*_, objective) in found.items():
        assert objective == (expected[number][-1] and pytest.approx(expected[number][-1], rel=1e-9))


def assert_measured_once(ledger, study):
    """Every trial has one measurement of each interval that it was trained for."""
    for trial in ledger.trials(study):
        mine = [m.interval for m in ledger.measurements(study) if m.trial_id == trial.id]
        assert sorted(mine) == list(range(1, trial.intervals + 1))


# --- halving ---


def test_survivors_of_halving_are_the_members_that_a_full_grid_trains(ledger, home):
    driver = ran(ledger, home, HALVING)
    halved = ledger.trials(driver.study)
    survivors = [t for t in halved if t.state == "succeeded"]
    assert (
        len({t.population for t in halved if t.state == "stopped"}) > 1
    )  # they came from several populations
    assert len({t.population for t in survivors}) == 1  # and were joined in one
    for trial in survivors:
        assert list(trial.objective) == pytest.approx(alone(HALVING, trial), rel=1e-9)
    assert_measured_once(ledger, driver.study)
    assert not list(driver.folder.glob("trial-*-1.pt"))  # the states of an earlier rung are not kept


def test_halving_trains_as_many_member_epochs_as_it_says_and_at_most_a_third_of_the_grids(ledger, home):
    driver = ran(ledger, home, HALVING)
    trials = ledger.trials(driver.study)
    trained = sum(t.epoch * len(t.seeds) for t in trials)
    reported, last = 0.0, {}
    for m in ledger.measurements(driver.study):
        reported += (m.epoch - last.get(m.trial_id, 0.0)) * 2
        last[m.trial_id] = m.epoch
    assert reported == trained
    whole = driver.spec.trials_total * 2 * 9
    planned = driver.spec.trainings_total * 2 * 9
    assert planned <= trained <= 1.5 * planned  # what was spared comes on top
    off = [t for t in trials if t.off_diagonal]
    assert sum(t.epoch for t in off) <= len(off) * 9 / 2.5
    assert trained < whole / 2  # methods of one or few trials cannot be halved: identity has one


@pytest.mark.parametrize(
    "lost", ["", "trial-*", "*"], ids=["nothing lost", "paused states lost", "all files lost"]
)
@pytest.mark.parametrize("after", [1, 3, 7, 11])
@pytest.mark.parametrize("strategy", SPECS)
def test_a_study_that_is_killed_and_resumed_ends_as_if_nothing_had_happened(
    ledger, home, undisturbed, strategy, after, lost
):
    expected = undisturbed(strategy)
    study = submit(ledger, parse_spec(SPECS[strategy]))
    assert not HandDriver(ledger, study, home).run(reports=after)
    ended = {t.number: t for t in ledger.trials(study) if t.terminal}
    for file in (home / "checkpoints" / study).glob(lost) if lost else ():
        file.unlink()
    ledger.engine.dispose()
    with ledger.engine.begin() as db:  # the lease of a killed driver runs out
        db.exec_driver_sql("update studies set lease_until = 0 where lease_until is not null")
    assert HandDriver(ledger, study, home).run()
    assert_same(outcomes(ledger, study), expected)
    assert {n: t for n, t in ((t.number, t) for t in ledger.trials(study)) if n in ended} == ended
    assert_measured_once(ledger, study)


# --- population based training ---


def test_a_schedule_trained_from_scratch_is_the_member_whose_lineage_it_is(ledger, home):
    driver = ran(ledger, home, PBT)
    trials = [t for t in ledger.trials(driver.study) if t.role == "search"]
    changed = [t for t in trials if t.schedule]
    assert len(changed) > 1
    assert any(len(t.schedule) > 2 for t in changed)  # a lineage that changed more than once
    for trial in trials:
        assert list(trial.objective) == pytest.approx(alone(PBT, trial), rel=1e-9)
    assert_measured_once(ledger, driver.study)


def test_the_winners_schedule_is_confirmed_on_fresh_seeds(ledger, home):
    driver = ran(ledger, home, PBT | {"confirm_seeds": 3, "baselines": []})
    trials = ledger.trials(driver.study)
    best = min((t for t in trials if t.role == "search"), key=lambda t: t.mean)
    (confirmed,) = [t for t in trials if t.role == "confirm" and t.method == best.method]
    assert confirmed.seeds == driver.spec.fresh_seeds(driver.study, 0)
    assert list(confirmed.objective) == pytest.approx(alone(PBT, confirmed), rel=1e-9)


def test_what_pbt_does_depends_on_the_spec_and_not_on_how_populations_are_cut(ledger, home, undisturbed):
    assert_same(outcomes(ledger, ran(ledger, home, PBT, size=3).study), undisturbed("pbt"))
    assert_same(outcomes(ledger, ran(ledger, home, PBT, size=8).study), undisturbed("pbt"))
