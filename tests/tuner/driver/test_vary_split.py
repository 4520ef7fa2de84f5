"""Fresh seeds with splits of their own, from the spec to the ledger: what was confirmed is what a population
with such splits trains, and what was searched is not.
"""

from contextlib import closing
from functools import partial

import pytest
import torch

from tests.support.hand_driver import HandDriver
from trainables.configuration import Configuration
from trainables.data import load
from trainables.population import Population
from trainables.scoring import SCORE, ScoreRule
from trainables.tasks.sbn import SBN, SBNOptions
from tuner.driver.drive import submit
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 3
SPEC = {
    "name": "s",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.5, 1.0], "tau_b": [0.5]},
    "learning_rates": [0.003],
    "seeds": 2,
    "epochs": EPOCHS,
    "batch_size": 64,
    "options": {"units": [16, 12]},
    "confirm_seeds": {"looks": [3, 4], "boundary": "obrien-fleming"},
    "vary_split": True,
    "extend": False,
    "refine": False,
}


def scores(trial, *, vary_split, confirms):
    """The scores that a trial has if it is trained by itself."""
    digits = load("digits", "")
    configuration = Configuration(trial.estimator, trial.tau_f, trial.tau_b, trial.lr)
    models = Population(
        SBN(digits, SBNOptions(units=(16, 12))), digits, [configuration], trial.seeds,
        batch_size=64, dtype=torch.float64, vary_split=vary_split,
    )  # fmt: skip
    for _ in range(EPOCHS):
        models.train(models.steps_per_epoch)
        found = models.report(ScoreRule("best", confirms=confirms))[SCORE]
    return found[:, 0].tolist()


def test_what_is_confirmed_is_trained_on_splits_of_its_own(tmp_path, monkeypatch):
    # Stacks of another size round otherwise.
    monkeypatch.setattr("trainables.population_run.Population", partial(Population, dtype=torch.float64))
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        study = submit(ledger, parse_spec(SPEC))
        assert HandDriver(ledger, study, tmp_path).run()
        trials = ledger.trials(study)
    confirmed = [t for t in trials if t.role == "confirm"]
    assert {t.seeds for t in confirmed} == {parse_spec(SPEC).fresh_seeds(study, t.look) for t in confirmed}
    for t in trials:
        fresh = t.role == "confirm"
        assert scores(t, vary_split=fresh, confirms=fresh) == pytest.approx(t.objective, rel=1e-9)
    assert scores(confirmed[0], vary_split=False, confirms=True) != pytest.approx(
        confirmed[0].objective, rel=1e-3
    )
