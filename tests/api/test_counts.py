"""What the service says of a study and its progress agrees with the counts of its spec."""

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.playing import play, succeed
from tests.support.specs import GOOD
from tuner.ledger.rows import Proposal
from tuner.spec.study import load_spec, parse_spec, preset_names
from tuner.strategies import strategy_for

CONTROLLED = GOOD | {"seeds": 2, "confirm_seeds": 3, "control": "rescaled", "baselines": ["identity"]}
SHORT = CONTROLLED | {"epochs": None, "steps": 5}  # fewer steps than the 20 reports it would have


@pytest.fixture
def ledger(service):
    return service.ledger


def submitted(http, spec):
    answer = http.post("/studies", json=spec)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def off_the_diagonal(trial):
    return succeed(trial, 1.0 if (trial.tau_f, trial.tau_b) == (0.5, 1.0) else 2.0)


@pytest.mark.parametrize("spec", [CONTROLLED, SHORT])
def test_plan_and_study_count_the_control_on_the_seeds_that_it_is_trained_on(http, spec):
    plan = http.post("/studies/plan", json=spec).json()
    counts = {name: plan[name] for name in ("search_trials", "confirm_trials", "control_trials", "trials")}
    # 6 pairs and identity; the best off the diagonal, on it, with argmax, and identity; the control
    assert counts == {"search_trials": 7, "confirm_trials": 4, "control_trials": 1, "trials": 12}
    assert plan["members"] == 7 * 2 + 4 * 3 + 1 * 3
    assert plan["further_trials"] == parse_spec(spec).further_most
    progress = http.get(f"/studies/{submitted(http, spec)}").json()["progress"]
    assert (progress["trials"]["total"], progress["members"]["total"]) == (12, plan["members"])


def test_a_study_ends_with_as_many_trials_and_members_as_it_has(http, ledger):
    study = submitted(http, SHORT)
    spec = parse_spec(SHORT)
    history, _ = play(lambda: strategy_for(spec), 1000, finish=off_the_diagonal)
    lease = ledger.acquire(study, {})
    for role in ("search", "baseline", "confirm", "control"):
        proposals = [t.proposal for t in history if t.role == role]
        trials = ledger.start_population(lease, role, proposals, spec.seeds_of(role, study))
        rows = {t.number: {"val_loss": [1.0] * len(t.seeds)} for t in trials}
        ledger.record(lease, interval=5, epoch=1.0, training_s=1.0, rows=rows, final=True)
    ledger.release(lease, "succeeded")
    progress = http.get(f"/studies/{study}").json()["progress"]
    assert (progress["trials"]["done"], progress["trials"]["total"]) == (12, 12)
    assert (progress["members"]["done"], progress["members"]["total"]) == (29, 29)


def test_trials_that_extend_a_range_leave_the_confirmation_to_be_done(http, ledger):
    study = submitted(http, CONTROLLED)
    spec = parse_spec(CONTROLLED)
    history, _ = play(lambda: strategy_for(spec), 1000, finish=off_the_diagonal)
    lease = ledger.acquire(study, {})
    searched = [t.proposal for t in history if t.role in ("search", "baseline")]
    extensions = [Proposal("extension", "decoupled", 0.5, tau, 0.001) for tau in (1.7, 3.0, 5.2)]
    for population, proposals in (("p", searched), ("q", extensions)):
        trials = ledger.start_population(lease, population, proposals, spec.search_seeds)
        rows = {t.number: {"val_loss": [1.0] * len(t.seeds)} for t in trials}
        ledger.record(lease, interval=5, epoch=1.0, training_s=1.0, rows=rows, final=True)
    progress = http.get(f"/studies/{study}").json()["progress"]
    assert progress["trials"] == {"done": 7 + 3, "running": 0, "failed": 0, "total": 12 + 3}
    assert (progress["members"]["done"], progress["members"]["total"]) == (20, 29 + 6)
    assert progress["fraction"] == pytest.approx(20 / 35)
    assert progress["eta_s"] == pytest.approx(2.0 / 20 * 15)


def test_what_runs_counts_by_the_reports_that_the_spec_has(http, ledger):
    study = submitted(http, SHORT)
    spec = parse_spec(SHORT)
    lease = ledger.acquire(study, {})
    proposals = strategy_for(spec).suggest([], 1000)
    trials = ledger.start_population(lease, "p", proposals, spec.search_seeds)
    rows = {t.number: {"val_loss": [1.0, 1.0]} for t in trials}
    for interval in (1, 2, 3, 4):
        ledger.record(lease, interval=interval, epoch=interval / 5, training_s=1.0, rows=rows, final=False)
    fraction = http.get(f"/studies/{study}").json()["progress"]["fraction"]
    assert fraction == pytest.approx(len(trials) * 2 * 4 / 5 / 29)  # 4 of 5 reports, not of 20


def test_a_preset_is_as_large_as_its_spec(http):
    sizes = {p["name"]: (p["trials"], p["members"]) for p in http.get("/presets").json()["items"]}
    specs = {name: load_spec(name) for name in preset_names()}
    assert sizes == {name: (spec.planned_trials, spec.planned_members) for name, spec in specs.items()}


def test_the_services_limits_are_on_the_whole_study(tmp_path):
    app = create(ServiceSettings(home=tmp_path, rate_per_minute=0, max_trials=11, max_members=26))
    with TestClient(app, base_url="http://localhost") as http:
        answer = http.post("/studies/plan", json=CONTROLLED)
        assert [(e["field"], e["message"]) for e in answer.json()["errors"]] == [
            ("search", "the study may have at most 11 trials, and has 12"),
            ("seeds", "the study may have at most 26 members, and has 29"),
        ]
        assert http.post("/studies/plan", json=CONTROLLED | {"control": None}).status_code == 200
