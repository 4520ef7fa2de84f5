"""The gain over seeds and examples of a study whose trials have left their losses."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.rows import FRESH, MAXIMIZE, finished_study, study, trial
from tuner.errors import UserError
from tuner.evidence.analysis import results
from tuner.evidence.example_gains import LossFiles, gains_over_examples, no_losses
from tuner.evidence.examples import two_way_gain

EXAMPLES = 40


def tables(seeds=5, scale=1.0):
    """The losses of off the diagonal (6) and of the diagonal (7)."""
    rng = np.random.default_rng(3)
    shared = rng.normal(2.0, 0.5, EXAMPLES)
    mine = shared + rng.normal(0, 0.3, (seeds, EXAMPLES)) - 0.4
    its = shared + rng.normal(0, scale, EXAMPLES) + rng.normal(0, 0.3, (seeds, EXAMPLES))
    return {6: mine.astype(np.float32), 7: its.astype(np.float32)}


def whole():
    searched, confirmed = finished_study()
    return [*searched, *confirmed]


def test_it_is_the_two_way_gain_of_the_losses_and_a_note_says_it():
    losses = tables()
    found = results(study(), whole(), losses=losses.get)
    expected = two_way_gain(losses[6], losses[7], found.objective)
    over_both = found.examples["off_diagonal"]
    assert over_both.ci95 == pytest.approx(expected.interval())
    assert (over_both.mean, over_both.seeds, over_both.examples) == (
        pytest.approx(expected.mean),
        5,
        EXAMPLES,
    )
    assert over_both.sem > max(over_both.sem_over_seeds, 0.8 * over_both.sem_over_examples)
    assert over_both.narrower == "more examples"  # the gain differs from example to example
    assert over_both.sentence.endswith("more examples would narrow it most")
    assert over_both.sentence in found.notes
    assert found.verdict == results(study(), whole()).verdict  # which it does not touch


def test_seeds_of_all_blocks_count_and_those_that_diverged_do_not():
    losses = tables(10)
    first = {n: table[:5].copy() for n, table in losses.items()}
    first[6][2] = np.nan
    later = [
        replace(t, number=t.number + 30, look=1, seeds=(20, 21, 22, 23, 24)) for t in finished_study()[1][:2]
    ]
    blocks = first | {n + 30: table[5:] for n, table in losses.items()}
    found = results(study(spec={"confirm_seeds": {"looks": [5, 10]}}), [*whole(), *later], losses=blocks.get)
    kept = [0, 1, 3, 4, 5, 6, 7, 8, 9]
    expected = two_way_gain(losses[6][kept], losses[7][kept], found.objective)
    assert found.examples["off_diagonal"].ci95 == pytest.approx(expected.interval())
    assert found.examples["off_diagonal"].seeds == 9


def test_a_metric_that_is_to_rise_is_turned_round():
    losses, rows = tables(), whole()
    confirmed = {"off_diagonal": rows[6], "diagonal": rows[7]}
    found = gains_over_examples(rows, confirmed, losses.get, MAXIMIZE)["off_diagonal"]
    assert found.mean == pytest.approx(float(losses[6].mean() - losses[7].mean()), rel=1e-4)


@pytest.mark.parametrize(
    "losses",
    [
        {},
        {6: tables()[6]},
        {6: tables()[6], 7: tables()[7][:, :30]},  # of other examples
        {6: tables()[6][:4], 7: tables()[7][:4]},  # not of the seeds that the trials have
        {6: tables()[6] * np.nan, 7: tables()[7]},
    ],
)
def test_without_losses_of_both_there_is_nothing_to_say(losses):
    found = results(study(), whole(), losses=losses.get)
    assert found.examples == {}
    assert found.notes == results(study(), whole(), losses=no_losses).notes


def test_losses_are_read_from_the_files_that_trials_have_left(tmp_path):
    for number, table in tables().items():
        (tmp_path / f"trial-{number}").mkdir()
        np.save(tmp_path / f"trial-{number}" / "example_losses.npy", table)
    read = LossFiles(tmp_path)
    assert np.array_equal(read(6), tables()[6])
    assert read(8) is None
    found = results(study(), whole(), losses=read)
    assert found.examples == results(study(), whole(), losses=tables().get).examples
    (tmp_path / "trial-6" / "example_losses.npy").write_bytes(b"cut short")
    with pytest.raises(UserError, match="cannot be read"):
        results(study(), whole(), losses=read)


def test_argmax_has_its_own():
    values = [2.0, 2.1, 1.9, 2.05, 1.95]
    rows = [
        *whole(),
        trial(20, values, tau_f=0.0, tau_b=0.5),
        trial(21, values, tau_f=0.0, tau_b=0.5, role="confirm", seeds=FRESH),
    ]
    losses = tables() | {21: tables()[6] - 1.0}
    found = results(study(), rows, losses=losses.get).examples
    assert found.keys() == {"off_diagonal", "argmax"}
    assert found["argmax"].mean == pytest.approx(found["off_diagonal"].mean + 1.0, rel=1e-5)
