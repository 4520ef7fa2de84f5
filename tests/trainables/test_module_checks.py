"""Modules that cannot be trained are refused with a message that has the module's name, the layer, and
what to do.
"""

import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import Mixed
from trainables.data import DataError, Dataset, Split
from trainables.data.arrays import from_examples
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough

pytestmark = pytest.mark.usefixtures("one_thread")


class Linear(nn.Module):
    """The smallest module that samples."""

    def __init__(self, features=6, classes=3):
        super().__init__()
        self.layer, self.code = nn.Linear(features, classes), StraightThrough()

    def forward(self, x):
        return self.layer(x) + self.code(self.layer(x))


def data(labels=None):
    generator = torch.Generator().manual_seed(0)
    return from_examples(
        (torch.randn(60, 6, generator=generator), torch.arange(60) % 3 if labels is None else labels)
    )


def refusal(factory, *, loss=F.cross_entropy, dataset=None, **keywords):
    """What is said of it."""
    cls = ModuleTask.from_module(factory, loss=loss, **keywords)
    with pytest.raises(ValueError, match=r"^(module|dataset|nothing) ") as caught:
        cls(dataset or data(), cls.options_type.parse({}))
    return str(caught.value)


def without_sampling():
    return nn.Linear(6, 3)


def without_parameters():
    return nn.Sequential(nn.Flatten(), StraightThrough())


def two_of_one_name():
    return nn.Sequential(nn.Linear(6, 3), StraightThrough(name="code"), StraightThrough(name="code"))


def of_other_features():
    return nn.Sequential(nn.Linear(5, 3), StraightThrough())


class Counting(Linear):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * self.calls


class Careless(Linear):
    def forward(self, x):
        return super().forward(x.mul_(2))


SEEDED_BY_ITSELF = torch.Generator()


class Unrepeatable(Linear):
    def __init__(self):
        super().__init__()
        nn.init.normal_(self.layer.weight, generator=SEEDED_BY_ITSELF)


SHARED = nn.Linear(6, 3)


def of_one_layer():
    return nn.Sequential(SHARED, StraightThrough())


class Growing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, int(torch.randint(2, 40, ()))), StraightThrough())

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (without_sampling, ["has no StraightThrough layer", "put trainables.nn.StraightThrough where"]),
        (without_parameters, ["has no parameter to train"]),
        (two_of_one_name, ["two StraightThrough layers are called 'code'"]),
        (of_other_features, ["0 (Linear)", "cannot be multiplied", "inputs were float32 [10, 6]"]),
        (Counting, ["another loss for the same parameters, batch and noise", "register_buffer"]),
        (Careless, ["changes its inputs in place", "clone"]),
        (Unrepeatable, ["another layer.weight under the same seed", "torch's generator only"]),
        (of_one_layer, ["shares its parameter 0.weight with the next module", "or a clone of it"]),
    ],
)
def test_a_module_that_cannot_be_trained_is_named_with_what_to_do(factory, said):
    message = refusal(factory)
    assert factory.__name__ in message
    assert all(part in message for part in said), message


def test_a_module_whose_shapes_depend_on_the_seed_is_refused():
    cls = ModuleTask.from_module(Growing, loss=lambda output, _: output.mean())
    task = cls(data(), cls.options_type.parse({}))
    with pytest.raises(ValueError, match="module Growing has other parameters under another seed"):
        task.init(torch.Generator().manual_seed(1))


def mean_of_nothing(_output, _labels):
    return torch.zeros(())


def per_example(output, labels):
    return F.cross_entropy(output, labels, reduction="none")


def a_number(_output, _labels):
    return 0.5


def infinite(output, _labels):
    return output.sum() / 0


def of_one_shape(output, labels):
    return F.mse_loss(output, labels.to(output.dtype))  # [10, 3] against [10]: torch warns and broadcasts


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (mean_of_nothing, ["the loss mean_of_nothing does not depend on the parameters", "detach()"]),
        (per_example, ["the loss per_example must return a scalar", "Got float32 [10]"]),
        (a_number, ["the loss a_number must return a scalar", "Got float"]),
        (infinite, ["the loss infinite is", "inf", "before any training"]),
        (
            of_one_shape,
            ["the loss of_one_shape", "forward returned float32 [10, 3]", "int64 [10] from 0 to 2"],
        ),
        (F.binary_cross_entropy_with_logits, ["forward returned float32 [10, 3]", "Target size"]),
    ],
)
def test_a_loss_that_cannot_be_trained_is_named_with_what_it_got(loss, said):
    message = refusal(Linear, loss=loss)
    assert message.startswith("module Linear: ")
    assert all(part in message for part in said), message


def test_a_metric_must_be_a_scalar_too():
    message = refusal(Linear, metrics={"hits": lambda output, y: output.argmax(-1) == y})
    assert "module Linear: the metric hits must return a scalar" in message


@pytest.mark.parametrize("wrong", [3, -1])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_label_out_of_range_is_seen_wherever_it_is(part, wrong):
    good = data()
    split = getattr(good, part)
    labels = split.labels.clone()
    labels[len(labels) // 2] = wrong
    splits = {name: getattr(good, name) for name in ("train", "validation", "test")}
    bad = Dataset("bad", **{**splits, part: Split(split.inputs, labels)}, shape=(6,), classes=3, largest=1)
    message = refusal(Linear, dataset=bad)
    ends = f"from {min(0, wrong)} to {max(2, wrong)}"
    assert all(part in message for part in ("module Linear", ends, "labels of classes count from 0")), message


def test_data_that_is_not_finite_is_seen_even_where_nobody_looked_before():
    good = data()
    inputs = good.train.inputs.clone()
    inputs[0, 0] = torch.nan
    bad = Dataset(
        "bad", Split(inputs, good.train.labels), good.validation, good.test, shape=(6,), classes=3, largest=1
    )
    assert "the data has values that are NaN or infinite" in refusal(Linear, dataset=bad)


def test_a_single_training_example_is_too_few():
    good = data()
    bad = Dataset(
        "one", good.train.take(slice(1)), good.validation, good.test, shape=(6,), classes=3, largest=1
    )
    assert "dataset one has 1 training example; training needs at least 2." in refusal(Linear, dataset=bad)


def test_a_factory_must_be_one_and_its_keywords_must_have_defaults():
    with pytest.raises(ValueError, match=r"given by its class, or by a function .* Got Linear"):
        ModuleTask.from_module(Linear(), loss=F.cross_entropy)

    def wide(width):
        return Linear(width)

    with pytest.raises(ValueError, match="module wide: its parameter 'width' has no default"):
        ModuleTask.from_module(wide, loss=F.cross_entropy)
    with pytest.raises(
        ValueError, match=r"objective must be one of val_loss, val_loss_argmax. Got 'val_accuracy'"
    ):
        ModuleTask.from_module(Linear, loss=F.cross_entropy, objective="val_accuracy")
    with pytest.raises(ValueError, match=r"maximize must name metrics, which are none. Got 'accuracy'"):
        ModuleTask.from_module(Linear, loss=F.cross_entropy, maximize=["accuracy"])
    assert "nothing must return a torch.nn.Module. Got NoneType." in refusal(nothing)


def nothing():
    return None


def test_a_factory_that_fails_is_named():
    def broken():
        return nn.Linear(-1, 3)

    assert refusal(broken).startswith("module broken cannot be built: RuntimeError: Trying to create tensor")


def test_logit_parameters_must_be_parameters():
    message = refusal(Linear, logit_parameters=("code.weight",))
    assert "module Linear has no parameter 'code.weight' to name among logit_parameters" in message


def test_what_cannot_be_sent_to_a_cluster_is_named():
    ModuleTask.from_module(Mixed, loss=F.cross_entropy).recipe.check_picklable()
    for recipe, what in (
        (
            ModuleTask.from_module(lambda width=6: Linear(width), loss=F.cross_entropy).recipe,
            "module <lambda>",
        ),
        (ModuleTask.from_module(Linear, loss=lambda o, _: o.mean()).recipe, "loss <lambda>"),
    ):
        with pytest.raises(ValueError, match=f"the {what} cannot be sent to another machine .* as a lambda"):
            recipe.check_picklable()
    assert pickle.loads(pickle.dumps(Linear)) is Linear


def test_data_of_ones_own_is_part_of_the_task():
    cls = ModuleTask.from_module(Linear, loss=F.cross_entropy, data=lambda: (torch.randn(20, 6), [0, 1] * 10))
    assert len(cls.own_dataset().train) == 16
    assert cls.own_dataset() is cls.own_dataset()
    assert ModuleTask.from_module(Linear, loss=F.cross_entropy).own_dataset() is None
    with pytest.raises(DataError, match="dataset Linear: inputs has values that are NaN"):
        ModuleTask.from_module(Linear, loss=F.cross_entropy, data=torch.full((9, 6), torch.nan)).own_dataset()
