"""The calibration runs, its simulated worlds are what they claim to be, and whole studies can be simulated
in them.
"""

import numpy as np
import pytest

from benchmarks.calibration import study_tables, verdict_tables
from benchmarks.calibration.__main__ import PARTS, main
from benchmarks.calibration.pairs import NULL, UNSEEN
from benchmarks.calibration.play import play, study_row
from benchmarks.calibration.table import Table, share
from benchmarks.calibration.worlds import FLOOR, WORLDS
from tests.support.playing import halving
from tests.support.rows import trial
from tuner.evidence.analysis import results
from tuner.evidence.sequential_design import SequentialDesign
from tuner.ledger.rows import Role


def test_every_part_makes_a_table_and_all_together_a_page(tmp_path, monkeypatch, capsys):
    # Whole studies are tried below.
    monkeypatch.setattr(study_tables, "study_table", lambda *_, **__: Table("Whole", "", ("world",), ()))
    main(["--studies", "20", "--out", str(tmp_path / "new" / "calibration.md")])
    page = (tmp_path / "new" / "calibration.md").read_text()
    assert page.count("\n## ") == len(PARTS) + 1
    assert "| normal |" in page
    assert "heavy tails" in capsys.readouterr().out
    main(["sooner", "--studies", "10", "--out", str(tmp_path / "none.md")])
    assert not (tmp_path / "none.md").exists()
    with pytest.raises(SystemExit):
        main(["later"])
    assert "there is no later" in capsys.readouterr().err


def test_a_rate_above_its_promise_is_marked_once_it_is_no_chance():
    assert (share(30, 1000, 0.025), share(60, 1000, 0.025), share(60, 1000)) == (
        "3.0 %",
        "6.0 % (!)",
        "6.0 %",
    )
    table = Table("A", "says", ("world", "rate"), (("one", "1 %"), ("another", "10 %")))
    assert table.text().splitlines()[1:] == ["world    rate", "one       1 %", "another  10 %"]
    assert "| another | 10 % |" in table.markdown()
    long = Table("A", "says " * 50, ("world", "rate"), (("one", "1 %"),))
    assert max(map(len, long.markdown().splitlines())) <= 110


@pytest.mark.parametrize("name", [*NULL, *UNSEEN])
def test_a_worlds_true_gain_is_its_mean_gain(name):
    world = (NULL | UNSEEN)[name]
    values = world.draw(np.random.default_rng(1), 200_000)
    gains = (values[1] - values[0])[~np.isnan(values).any(0)]
    if "heavy" not in name:  # these have no variance to be near by
        assert gains.mean() == pytest.approx(world.gain, abs=5 * gains.std() / len(gains) ** 0.5)
    mine, rival = world.seeds(np.random.default_rng(1), 100)
    assert (None in mine) == (None in rival) == ("diverge" in name)


@pytest.mark.parametrize("name", list(WORLDS))
def test_a_world_has_its_optimum_where_it_says(name):
    world, taus = WORLDS[name], np.geomspace(0.03, 3, 60)
    means = [[world.mean(5, "decoupled", f, b) for b in taus] for f in taus]
    on = min(world.mean(5, "softmax", None, t) for t in np.geomspace(0.03, 3, 2000))
    if world.on_diagonal:
        assert on == pytest.approx(FLOOR, abs=1e-4)
        assert np.min(means) >= on
    else:
        assert np.min(means) < on


def test_a_worlds_values_follow_from_study_seed_and_place_alone():
    world = WORLDS["on the diagonal, ratio 4"]
    here, same, elsewhere = (
        trial(0, tau_f=0.1, tau_b=0.3),
        trial(7, tau_f=0.1, tau_b=0.3),
        trial(1, tau_f=0.5, tau_b=0.5),
    )
    softmax = trial(2, tau_f=None, tau_b=0.5, estimator="softmax")
    assert world.value(3, here, 1) == world.value(3, same, 1)
    assert world.value(3, here, 1) != world.value(4, here, 1)
    # Trials of one seed are paired: most of what differs between seeds is common to both.
    pairs = np.array([(world.value(3, here, s), world.value(3, elsewhere, s)) for s in range(200)])
    assert np.corrcoef(pairs.T)[0, 1] > 0.7
    assert np.var(pairs[:, 0]) == pytest.approx(0.03**2, rel=0.4)
    assert world.mean(3, "softmax", softmax.tau_f, softmax.tau_b) == world.mean(3, "decoupled", 0.5, 0.5)


@pytest.mark.parametrize("search", ["grid", "tpe"])
def test_a_study_is_played_through_its_strategy_to_a_verdict(search):
    world, spec = WORLDS["off the diagonal by a factor of 3"], study_tables.spec(search)
    trials = play(spec, world, 1)
    confirmed = [t for t in trials if t.role is Role.CONFIRM and t.look == 0]
    searched = {seed for t in trials if t.role is not Role.CONFIRM for seed in t.seeds}
    # the best ones off and on the diagonal and of argmax, and what the search alone would have selected
    assert 2 <= len(confirmed) <= 5
    assert all(len(t.seeds) == spec.looks[0] and not searched & {*t.seeds} for t in confirmed)
    assert [t.objective for t in play(spec, world, 1)] == [t.objective for t in trials]
    gain = results(study_row(spec, 1), trials).gain
    assert gain.confirmed
    assert gain.seeds in spec.looks
    assert gain.mean > 0


def test_studies_are_counted_by_their_verdicts():
    worlds = {
        name: WORLDS[name] for name in ("off the diagonal by a factor of 3", "on the diagonal, ratio 1")
    }
    table = study_tables.study_table({"grid": 4}, worlds=worlds)
    shares = {
        name: [float(s.split()[0]) for s in cell.split(" (")[0].split(" / ")] for name, cell in table.rows
    }
    assert shares.keys() == worlds.keys()
    off, on, _ = shares["off the diagonal by a factor of 3"]
    assert off > on
    assert shares["on the diagonal, ratio 1"][0] == 0


def test_seeds_added_after_a_study_has_ended_call_a_false_gain_in_at_most_5_percent():
    # Wherever it ended: at a look that had called a gain by luck, or at the last one.
    false = verdict_tables.ever_called(NULL["normal"], SequentialDesign((5, 10)), 200, 20)
    assert false <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_a_search_with_rungs_is_not_played():
    with pytest.raises(ValueError, match="Got halving, which has rungs"):
        play(halving(), WORLDS["on the diagonal, ratio 1"], 0)


def test_studies_that_were_played_are_kept_and_not_played_again(tmp_path, monkeypatch):
    name = "off the diagonal by a factor of 3"
    asked = {"worlds": {name: WORLDS[name]}, "kept": tmp_path / "kept.jsonl"}
    first = study_tables.study_table({"grid": 2}, **asked)
    assert len(asked["kept"].read_text().splitlines()) == 2
    monkeypatch.setattr(study_tables, "play", None)
    assert study_tables.study_table({"grid": 2}, **asked) == first
    with pytest.raises(TypeError):
        study_tables.study_table({"grid": 3}, **asked)


def test_worlds_whose_optimum_lies_on_the_diagonal_are_counted_together_too(monkeypatch):
    names = ["on the diagonal, ratio 1", "on the diagonal, ratio 4", "off the diagonal by a factor of 3"]
    ends = {(names[0], 0): "off the diagonal", (names[2], 0): "off the diagonal"}

    def played(world, search, study):
        verdict = ends.get((world.name, study), "undecided")
        return study_tables.End(world.name, search, study, verdict, "undecided", 5)

    monkeypatch.setattr(study_tables, "played", played)
    rows = study_tables.study_table({"grid": 2}, worlds={name: WORLDS[name] for name in names}).rows
    assert [(name, cell.split(" / ")[0]) for name, cell in rows] == [
        (names[0], "50.0 %"),
        (names[1], "0.0 %"),
        ("on the diagonal, all of these", "25.0 %"),
        (names[2], "50.0 %"),
    ]
