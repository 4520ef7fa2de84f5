"""Seeds that are added after a study's end: its confirmed methods are trained on them, and nothing else."""

import pytest

from tests.support.playing import SPECS, diverge, play, succeed
from tests.support.rows import running
from tuner.strategies import Signal, strategy_for


def started(proposal, number, spec):
    return running(proposal, number, spec.seeds_of(proposal.role, "ab12", proposal.look))


@pytest.mark.parametrize("name", ["grid, confirmed and controlled", "grid, look by look", "pbt, confirmed"])
@pytest.mark.parametrize("n", [1, 4, 100])
def test_what_was_confirmed_is_trained_on_each_block(name, n):
    spec = SPECS[name]
    before, _ = play(lambda: strategy_for(spec), 4, finish=lambda t: succeed(t, 1.0 + t.number / 100))
    grown = spec.with_added((5, 2))
    history = list(before)
    while (answer := strategy_for(grown).suggest(history, n)) is not Signal.DONE:
        assert 1 <= len(answer) <= n
        assert len({p.look for p in answer}) == 1
        history += [succeed(started(p, len(history) + i, grown)) for i, p in enumerate(answer)]
    new = history[len(before) :]
    confirmed = {t.method for t in before if t.role == "confirm"}
    assert {t.role for t in new} == {"confirm"}
    blocks = [[t for t in new if t.look == len(spec.looks) + i] for i in range(2)]
    assert [{t.method for t in block} for block in blocks] == [confirmed] * 2
    assert [len(block) for block in blocks] == [len(confirmed)] * 2
    assert len(history) - len(before) == 2 * len(confirmed) == len(new)


def test_what_diverged_on_them_is_not_tried_again():
    spec = SPECS["grid, confirmed"]
    before, _ = play(lambda: strategy_for(spec), 4)
    grown = spec.with_added((3,))
    answer = strategy_for(grown).suggest(before, 100)
    history = before + [diverge(started(p, len(before) + i, grown)) for i, p in enumerate(answer)]
    assert strategy_for(grown).suggest(history, 100) is Signal.DONE
