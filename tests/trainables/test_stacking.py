"""Modules that vmap can take are stacked, others are looped, and the results are the same."""

import logging
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import (
    Mixed,
    Recurrent,
    accuracy,
)
from tests.support.module_populations import (
    EVERY,
    population,
    tabular,
    task_of,
)
from trainables.data.arrays import from_examples
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.population import Population

pytestmark = pytest.mark.usefixtures("one_thread")


class Branching(Mixed):
    def forward(self, x):
        h = super().forward(x)
        return h if h.mean() > 0 else 2 * h


class Item(Mixed):
    def forward(self, x):
        return super().forward(x) * self.signs.mean().item()


class NoRule(Mixed):
    def forward(self, x):
        return super().forward(x) + torch.histc(x).sum() + torch.histc(self.signs.detach()).sum()


class CumulativeNorm(Mixed):
    def __init__(self):
        super().__init__()
        self.body[1] = nn.BatchNorm1d(8, momentum=None)


@pytest.mark.parametrize(
    ("factory", "layer", "reason"),
    [
        (Recurrent, r"gru \(GRU\)", "Batching rule not implemented"),
        (Branching, "Branching", "data-dependent control flow"),
        (Item, "Item", "item()"),
        (NoRule, "torch has no batching rule for aten::histc", ""),
        (CumulativeNorm, r"body.1 \(BatchNorm1d\)", "item()"),
    ],
)
def test_what_vmap_cannot_do_is_looped_and_the_log_says_which_layer_and_why(factory, layer, reason, caplog):
    caplog.set_level(logging.WARNING, "trainables.modules")  # which Python shows where nothing is configured
    task = task_of(factory, dataset=tabular())
    assert task.stack == "loop"
    assert f"module {factory.__name__} is trained member by member: " in caplog.text
    assert reason in caplog.text
    assert re.search(layer, caplog.text)
    models = population(task, EVERY[:2], [0, 7])
    assert models.train(5).isfinite().all()
    assert models.evaluate()["val_loss"].isfinite().all()
    with pytest.raises(ValueError, match=rf"module {factory.__name__} cannot be trained under vmap: .*auto"):
        task_of(factory, dataset=tabular(), stack="vmap")
    caplog.clear()
    task_of(factory, dataset=tabular(), stack="loop")  # which was asked for
    assert not caplog.records


def test_a_metric_that_vmap_cannot_do_is_looped_over_and_training_is_not(caplog):
    caplog.set_level(logging.INFO, "trainables.modules")

    def counted(output, labels):
        return torch.tensor((output.argmax(-1) == labels).sum().item() / len(labels), dtype=output.dtype)

    task = task_of(Mixed, dataset=tabular(), metrics={"counted": counted, "accuracy": accuracy})
    assert task.stack == "vmap"
    assert "module Mixed is evaluated member by member: a metric: vmap" in caplog.text
    models = population(task, EVERY[:3], [0, 7])
    models.train(3)
    metrics = models.evaluate()
    torch.testing.assert_close(metrics["val_counted"], metrics["val_accuracy"])


def test_convolutions_and_dictionaries_are_trained_under_vmap():
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(16 + 2, 3)
            self.code = StraightThrough(dim=1)

        def forward(self, batch):
            z = self.code(self.conv(batch["image"])).flatten(1)
            return {"scores": self.head(torch.cat([z, batch["more"]], 1))}

    generator = torch.Generator().manual_seed(0)
    inputs = {
        "image": torch.randint(0, 256, (60, 1, 4, 4), dtype=torch.uint8, generator=generator),
        "more": torch.rand(60, 2, dtype=torch.float64, generator=generator),
    }
    data = from_examples((inputs, torch.arange(60) % 3))
    task = task_of(Convolution, dataset=data, loss=lambda output, y: F.cross_entropy(output["scores"], y))
    assert (task.stack, task.stack_reason) == ("vmap", "")
    models = population(task, EVERY[:2], [0, 7], dtype=torch.float32, dataset=data)
    assert models.train(4).isfinite().all()


def test_a_label_for_every_pixel_is_trained_as_a_class():
    class PerPixel(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.code, self.head = nn.Conv2d(1, 4, 1), StraightThrough(dim=1), nn.Conv2d(4, 2, 1)

        def forward(self, x):
            return self.head(self.code(self.conv(x)))

    images = torch.randint(
        0, 256, (40, 1, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    data = from_examples((images, (images[:, 0] > 127).to(torch.uint8)))
    assert data.train.labels.dtype == torch.int64
    models = population(task_of(PerPixel, dataset=data), EVERY[:2], [0, 7], dataset=data)
    assert models.train(3).isfinite().all()


@pytest.mark.parametrize(
    ("loss", "stack"),
    [(F.mse_loss, None), (F.smooth_l1_loss, None), (lambda output, x: ((output - x) ** 2).mean(), "vmap")],
    ids=["mse_loss", "smooth_l1_loss", "written out"],
)
def test_a_loss_whose_batching_rule_is_wrong_under_two_vmaps_is_looped(loss, stack):
    """torch's rule for mse_loss is, where output and target are batched over different axes."""
    x = torch.rand(60, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = {}
    for wanted in ("auto", "loop"):
        cls = ModuleTask.from_module(
            lambda: nn.Sequential(nn.Linear(6, 4), StraightThrough(), nn.Linear(4, 6)),
            loss=loss,
            data=x,
            stack=wanted,
        )
        data = cls.own_dataset()
        task = cls(data, cls.options_type.parse({}))
        if wanted == "auto":
            # A torch that has mended it may stack it.
            assert task.stack == (stack or task.stack)
            assert (task.stack == "loop") == task.stack_reason.startswith("the loss: The size of tensor a")
        models = Population(task, data, EVERY[:3], [0, 1], batch_size=16, dtype=torch.float64)
        found[wanted] = models.train(6), models.evaluate()["val_loss"]
    torch.testing.assert_close(found["auto"], found["loop"], rtol=1e-9, atol=1e-12)
