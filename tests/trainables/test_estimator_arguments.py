"""An estimator refuses arguments that it does not take, with an error that names the argument."""

import math
import re

import pytest
import torch

from tests.support.estimators import EVERY, FAMILIES
from trainables import (
    gumbel_rao_st,
    gumbel_rao_st_binary,
)
from trainables.estimator_names import TEMPERATURES
from trainables.estimators import ESTIMATORS, coefficients

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("bad", [0.0, -0.5, math.nan, math.inf])
@pytest.mark.parametrize("as_given", [float, lambda v: torch.tensor([1.0, v, 1.0])], ids=["number", "tensor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tau_b_that_is_not_positive_and_finite_is_named(family, as_given, bad):
    for name in (name for name, row in ESTIMATORS.items() if "tau_b" in row.temperatures and not row.tied):
        with pytest.raises(ValueError, match="tau_b must be > 0 and finite"):
            FAMILIES[family][name](torch.zeros(3, 4, 5), 1.0, as_given(bad), None)
    with pytest.raises(ValueError, match=r"tau_. must be > 0 and finite"):
        FAMILIES[family]["softmax"](torch.zeros(3, 4, 5), None, as_given(bad), None)


@pytest.mark.parametrize("bad", [-1e-6, math.nan, math.inf])
@pytest.mark.parametrize("as_given", [float, lambda v: torch.tensor([1.0, v, 1.0])], ids=["number", "tensor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tau_f_that_is_negative_or_not_finite_is_named(family, as_given, bad):
    with pytest.raises(ValueError, match="tau_f must be >= 0 and finite"):
        FAMILIES[family]["decoupled"](torch.zeros(3, 4, 5), as_given(bad), 1.0, None)


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_whole_number_logits_are_an_error(family, name):
    with pytest.raises(ValueError, match="must be floating point"):
        FAMILIES[family][name](torch.zeros(3, 5, dtype=torch.int64), 1.0, 1.0, None)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 5)])
@pytest.mark.parametrize(("family", "name"), [(family, name) for family, name in EVERY if name != "identity"])
def test_noise_of_another_shape_is_an_error(family, name, shape):
    with pytest.raises(ValueError, match="noise must broadcast to the logits"):
        FAMILIES[family][name](torch.zeros(3, 5), 1.0, 1.0, torch.zeros(shape))


@pytest.mark.parametrize("shape", [(7, 4), (7, 2, 3, 5)])
@pytest.mark.parametrize("function", [gumbel_rao_st, gumbel_rao_st_binary])
def test_draws_of_another_shape_are_an_error(function, shape):
    with pytest.raises(ValueError, match="each of the draws must broadcast to the logits"):
        function(torch.zeros(3, 5), 1.0, draws=torch.zeros(shape))


@pytest.mark.parametrize("temperatures", [(None, None), (1.0, None), (None, 1.0), (1.0, 1.0)], ids=str)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_row_refuses_every_temperature_that_it_does_not_take_and_misses_each_that_it_does(
    name, temperatures
):
    if temperatures == tuple(1.0 if tau in TEMPERATURES[name] else None for tau in ("tau_f", "tau_b")):
        assert coefficients(name, *temperatures).surrogate is ESTIMATORS[name].surrogate
    else:
        with pytest.raises(ValueError, match=rf"{name} takes .*\. Got tau_[fb]="):
            coefficients(name, *temperatures)


def test_an_unknown_estimator_is_named_with_those_there_are():
    expected = f"estimator must be one of {sorted(ESTIMATORS)}. Got 'reinforce'."
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        coefficients("reinforce", None, None)
