"""Random numbers of modules: the trials of a seed share them, whichever library call draws them."""

import logging
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import (
    Mixed,
)
from tests.support.module_populations import (
    BATCH,
    EVERY,
    module_task,
    population,
    tabular,
    task_of,
)
from trainables.nn import StraightThrough

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_seeds_trials_drop_the_same_units_and_seeds_do_not():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(6))
            self.drop, self.code = nn.Dropout(0.5), StraightThrough(binary=True)

        def forward(self, x):
            return self.drop(self.weight * torch.ones_like(x)) + 0 * self.code(self.weight * x)

    powers = 2.0 ** -torch.arange(6)
    for stack in ("vmap", "loop"):
        task = task_of(Dropping, dataset=tabular(), loss=lambda out, _: (out * powers).mean(), stack=stack)
        models = population(task, EVERY[:3], [0, 7])
        loss = models.train(1)  # tells the mask
        assert (loss == loss[:, :1]).all()
        assert loss[0, 0] != loss[1, 0]


class OwnNoise(Mixed):
    """Draws by itself, as a functional dropout does."""

    def forward(self, x):
        return super().forward(F.dropout(x, 0.5, self.training))


def test_a_module_that_draws_by_itself_is_looped_and_its_trials_share_what_it_draws(caplog):
    caplog.set_level(logging.INFO, "trainables.modules")
    task = task_of(OwnNoise, dataset=tabular())
    assert (task.stack, task.stack_reason) == ("loop", "OwnNoise draws random numbers by itself")
    assert "module OwnNoise is trained member by member: OwnNoise draws random numbers" in caplog.text
    models = population(task, [EVERY[0], EVERY[0]], [0, 7])
    torch.manual_seed(1)
    state = torch.get_rng_state()
    loss = models.train(3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(loss[:, 0], loss[:, 1])
    torch.manual_seed(2)
    assert torch.equal(population(task, [EVERY[0]], [7]).train(3)[0, 0], loss[1, 0])


def test_another_site_changes_no_other_sites_noise():
    generator = torch.Generator().manual_seed(3)
    noise = module_task("mixed").noise(BATCH, generator)
    assert {*noise} == {"code/0", "sign/0", "body.3/0"}
    assert noise["code/0"].shape == (BATCH, 2, 4)
    assert noise["sign/0"].shape == (8, 3)
    again = task_of(WithMore, dataset=tabular()).noise(BATCH, generator)
    assert {*again} == {*noise, "more/0"}
    assert all(torch.equal(again[name], n) for name, n in noise.items())


class WithMore(Mixed):
    def __init__(self):
        super().__init__()
        self.more = StraightThrough()

    def forward(self, x):
        return super().forward(x) + self.more(x).sum()


def test_a_layer_that_is_called_for_every_step_has_noise_of_its_own_each_time():
    noise = module_task("recurrent").noise(BATCH, torch.Generator().manual_seed(3))
    calls = [noise[f"code/{k}"] for k in range(3)]
    assert not any(torch.equal(a, b) for a, b in pairwise(calls))


class Uncertain(nn.Module):
    """Samples as often as its data says."""

    def __init__(self):
        super().__init__()
        self.layer, self.code = nn.Linear(6, 3), StraightThrough()

    def forward(self, x):
        z = self.code(self.layer(x))
        for _ in range(int(x[0, 0].abs() * 3)):
            z = self.code(self.layer(x) + z)
        return z


def test_a_module_whose_data_says_how_often_it_samples_is_trained_with_shared_noise():
    task = task_of(Uncertain, dataset=tabular())
    assert task.stack == "loop"
    models = population(task, [EVERY[0], EVERY[0], EVERY[2]], [0, 7])
    loss = models.train(20)
    assert torch.equal(loss[:, 0], loss[:, 1])
    expected = population(task, [EVERY[2]], [7]).train(20)
    torch.testing.assert_close(loss[1:, 2:], expected, rtol=1e-9, atol=1e-9)
