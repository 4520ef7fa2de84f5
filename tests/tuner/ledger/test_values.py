"""Values of the ledger: variants and their text, methods and the diagonal, objectives and their direction."""

import json

import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.errors import LedgerError
from tuner.ledger.methods import Method, Segment, Variant
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role

MOVES = Variant(schedule=(Segment(0.0, 0.5, 0.5, 0.001), Segment(3.0, 0.1, 0.7, 0.002)))
TUNED = Variant(optimizer=(("betas", (0.5, 0.9)), ("clip_norm", None), ("warmup", 0.1)))


def then(tau_f, tau_b):
    """Temperatures that follow on (0, 0.5)."""
    return Variant(schedule=(Segment(0.0, 0.0, 0.5, 0.001), Segment(1.0, tau_f, tau_b, 0.001)))


@pytest.mark.parametrize(
    ("variant", "text"),
    [
        (Variant(), ""),
        (Variant(logit_scale=10.0), '{"logit_scale": 10.0}'),
        (MOVES, '{"schedule": [[0.0, 0.5, 0.5, 0.001], [3.0, 0.1, 0.7, 0.002]]}'),
        (TUNED, '{"optimizer": {"betas": [0.5, 0.9], "clip_norm": null, "warmup": 0.1}}'),
    ],
)
def test_a_variant_is_kept_as_text_and_comes_back(variant, text):
    assert variant.text == text
    assert Variant.parse(text) == variant
    assert bool(variant) == bool(text)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"logit_scale": "big"}',
        '{"schedule": [[0.0, 1.0]]}',
        '{"temperature": 1.0}',
        '{"schedule": 3}',
        '{"optimizer": 3}',
        '{"optimizer": {"betas": [0.9]}}',
        '{"optimizer": {"warmup": "long"}}',
    ],
)
def test_a_text_that_is_no_variant_is_refused_in_a_sentence(text):
    with pytest.raises(LedgerError, match="variant must be a JSON object"):
        Variant.parse(text)


def test_the_keys_of_trials_are_as_they_always_were():
    """Studies in ledgers are resumed by them: a changed key would train a trial again."""
    plain = Proposal(Role.SEARCH, "decoupled", 0.0, 0.5, 0.001)
    assert plain.key == "search|decoupled|0.0|0.5|0.001"
    assert Proposal(Role.BASELINE, "identity", None, None, 0.001).key == "baseline|identity|-|-|0.001"
    control = Proposal(Role.CONTROL, "decoupled", 1.0, 5.0, 0.001, Variant(logit_scale=10.0))
    assert control.key == "control|decoupled|1.0|5.0|0.001|c321243b709585d2"
    moves = Proposal(Role.SEARCH, "decoupled", 0.5, 0.5, 0.001, MOVES)
    assert moves.key == "search|decoupled|0.5|0.5|0.001|6cb284abf79065ee"


def test_settings_of_the_optimiser_make_another_trial_at_a_place_that_stays():
    plain, tuned = (Proposal(Role.SEARCH, "decoupled", 0.0, 0.5, 0.001, v) for v in (Variant(), TUNED))
    assert plain.key != tuned.key
    assert plain.method != tuned.method
    assert (TUNED.steady, MOVES.steady, Variant(logit_scale=2.0).steady) == (True, False, False)
    assert TUNED.optimizer_words == ["betas 0.5 0.9", "clip_norm none", "warmup 0.1"]


@pytest.mark.parametrize(
    ("estimator", "tau_f", "tau_b", "variant", "off", "on", "argmax"),
    [
        ("decoupled", 0.5, 1.0, Variant(), True, False, False),
        ("decoupled", 0.5, 0.5, Variant(), False, True, False),
        ("decoupled", 0.0, 0.5, Variant(), True, False, True),
        ("softmax", 0.5, 0.5, Variant(), False, True, False),
        ("decoupled", 0.5, 0.5, MOVES, True, False, False),
        ("decoupled", 0.0, 0.5, then(0.0, 1.0), True, False, True),
        ("decoupled", 0.0, 0.5, then(1.0, 1.0), True, False, False),
        ("gumbel", None, 0.5, Variant(), False, False, False),
        ("identity", None, None, Variant(), False, False, False),
    ],
)
def test_where_a_method_lies(estimator, tau_f, tau_b, variant, off, on, argmax):
    method = Proposal(Role.CONFIRM, estimator, tau_f, tau_b, 0.001, variant).method
    assert (method.off_diagonal, method.on_diagonal, method.is_argmax) == (off, on, argmax)


def test_softmax_is_decoupled_on_the_diagonal_whatever_its_role():
    softmax = Proposal(Role.BASELINE, "softmax", 0.5, 0.5, 0.001)
    assert softmax.method == Proposal(Role.CONFIRM, "decoupled", 0.5, 0.5, 0.001).method
    assert softmax.method == Method("decoupled", 0.5, 0.5, 0.001)
    assert len({softmax.method, Method("decoupled", 0.5, 0.5, 0.002)}) == 2


def test_an_objective_knows_which_way_is_better():
    assert (MINIMIZE.gain(1.0, 3.0), MAXIMIZE.gain(1.0, 3.0)) == (2.0, -2.0)
    assert (MINIMIZE.better(1.0, 3.0), MAXIMIZE.better(1.0, 3.0)) == (True, False)
    assert not MINIMIZE.better(1.0, 1.0)
    assert (MINIMIZE.worst([1.0, 3.0], 0.0), MAXIMIZE.worst([1.0, 3.0], 0.0)) == (3.0, 1.0)
    assert MINIMIZE.worst([], 7.0) == 7.0
    assert [min([1.0, 3.0], key=lambda v: o.sign * v) for o in (MINIMIZE, MAXIMIZE)] == [1.0, 3.0]
    with pytest.raises(ValueError, match="sideways"):
        Objective.of("val_loss", "sideways")


def test_words_are_written_as_plain_text():
    assert json.dumps({Role.SEARCH: [MINIMIZE.direction]}) == '{"search": ["minimize"]}'
