"""Mistakes that a researcher may make with a model: options without effect are refused, torch's errors are
followed by advice, and unusual choices cause a warning.
"""

import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.data import DataError
from trainables.data.arrays import from_examples
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough

pytestmark = pytest.mark.usefixtures("one_thread")
X = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


class Bottleneck(nn.Module):
    """6 features -> one of 4 categories -> scores of 3 classes."""

    def __init__(self, categories=4):
        super().__init__()
        self.encode, self.code = nn.Linear(6, categories), StraightThrough()
        self.head = nn.Linear(categories, 3)

    def forward(self, x):
        return self.head(self.code(self.encode(x)))


def prepared(factory, *, loss=F.cross_entropy, data=(X, Y), **keywords):
    cls = ModuleTask.from_module(factory, loss=loss, data=data, **keywords)
    return cls(cls.own_dataset(), cls.options_type.parse({}))


def refusal(factory, **keywords):
    with pytest.raises(ValueError, match=r"^module ") as caught:
        prepared(factory, **keywords)
    return str(caught.value)


# --- what the temperatures could not change


class CutOff(Bottleneck):
    def forward(self, x):
        return self.head(F.one_hot(self.code(self.encode(x)).argmax(-1), 4).float())


class FromNowhere(Bottleneck):
    def forward(self, x):
        with torch.no_grad():
            logits = self.encode(x)
        return self.head(self.code(logits))


class NeverCalled(Bottleneck):
    def forward(self, x):
        return self.head(self.encode(x))


def one_category():
    return Bottleneck(1)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (CutOff, ["has samples through which no gradient comes back from the loss", "without argmax"]),
        (FromNowhere, ["is given logits that depend on no parameter that is trained", "no_grad()"]),
        (NeverCalled, ["is not called in training; call it in forward"]),
        (
            one_category,
            ["is given logits [10, 1], one category along axis -1", "StraightThrough(binary=True)"],
        ),
    ],
)
def test_a_module_that_does_not_learn_through_its_layer_is_refused(factory, said):
    message = refusal(factory)
    assert message.startswith(f"module {factory.__name__}: its StraightThrough layer code ")
    assert all(part in message for part in said), message


class HalfUsed(Bottleneck):
    """Has two layers, and learns through one."""

    def __init__(self):
        super().__init__()
        self.other = StraightThrough()

    def forward(self, x):
        return super().forward(x) + self.other(self.encode(x)).detach().sum()


class OfProbabilities(Bottleneck):
    def forward(self, x):
        return self.head(self.code(self.encode(x).softmax(-1)))


def of_log_probabilities():
    return nn.Sequential(nn.Linear(6, 3), nn.LogSoftmax(-1), StraightThrough(), nn.Linear(3, 3))


def summed(output, labels):
    return F.cross_entropy(output, labels, reduction="sum")


@pytest.mark.parametrize(
    ("factory", "loss", "said"),
    [
        (HalfUsed, F.cross_entropy, "layer other has samples through which no gradient comes back"),
        (OfProbabilities, F.cross_entropy, "layer code is given probabilities, as of a softmax"),
        (Bottleneck, summed, "the loss summed is the sum over a batch; return the mean"),
        (Bottleneck, F.cross_entropy, ""),
        (of_log_probabilities, F.cross_entropy, ""),
    ],
)
def test_what_is_only_unusual_is_warned_of(factory, loss, said, caplog):
    caplog.set_level(logging.WARNING)
    prepared(factory, loss=loss)
    assert len(caplog.records) == bool(said)
    assert said in caplog.text


# --- what torch says is followed by what to do


class OfAnotherWidth(Bottleneck):
    def forward(self, x):
        return self.head(self.code(self.encode(x)[:, :2]))


class TwoArguments(Bottleneck):
    def forward(self, x, more):
        return super().forward(x + more)


class InDouble(Bottleneck):
    def __init__(self):
        super().__init__()
        self.double()


class Lazy(Bottleneck):
    def __init__(self):
        super().__init__()
        self.encode = nn.LazyLinear(4)


class WithoutValues(Bottleneck):
    def __init__(self):
        super().__init__()
        self.to("meta")


class ChosenDevice(Bottleneck):
    def forward(self, x):
        return super().forward(x + torch.zeros(6, device="meta"))


class NumpysNoise(Bottleneck):
    """Adds so little that the samples, and with them the loss, stay the same."""

    def forward(self, x):
        return super().forward(x + float(np.random.uniform(0, 1e-4)))


class ChangedLater(Bottleneck):
    """The backward pass wants what a line changes in place."""

    def forward(self, x):
        hidden = self.encode(x).exp()
        code = self.code(hidden)
        hidden.mul_(2)
        return self.head(code)


@pytest.mark.parametrize(
    ("factory", "data", "said"),
    [
        (OfAnotherWidth, (X, Y), ["head (Linear) was given float32 [10, 2]", "make its sizes fit"]),
        (TwoArguments, (X, Y), ["one argument, the inputs", "data=({'a': a, 'b': b}, labels)"]),
        (InDouble, (X, Y), ["encode (Linear)", "leave its parameters in torch's default dtype"]),
        (Bottleneck, (10 * X).long(), ["encode (Linear)", "give the data as floats (x.float())"]),
        (Bottleneck, {"x": X, "y": Y}, ["the inputs are a dictionary", "data=(inputs, labels)"]),
        (Lazy, (X, Y), ["the size of its encode.weight", "nn.Linear, not nn.LazyLinear", "'dataset'"]),
        (WithoutValues, (X, Y), ["its encode.weight is on the device 'meta'", "without a device"]),
        (ChosenDevice, (X, Y), ["leave devices to the tuner", "no .cuda()"]),
        (NumpysNoise, (X, Y), ["another gradient for the same parameters, batch and noise", "not torch's"]),
        (ChangedLater, (X, Y), ["the loss cross_entropy have no gradient", "by an inplace operation"]),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_called_is_told_what_to_do(factory, data, said):
    message = refusal(factory, data=data)
    assert factory.__name__ in message
    assert all(part.lower() in message.lower() for part in said), message


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda output, y: {"loss": F.cross_entropy(output, y)}, "Return the sum of its terms"),
        (lambda output, y: F.cross_entropy(output, y, reduction="none"), "Append .mean() to it."),
        (lambda output, y: F.cross_entropy(output, y).item(), "Return the tensor, without .item()"),
        (lambda output, y: output.argmax(-1) == y, "Append .float().mean() to it."),
    ],
)
def test_what_a_loss_returns_is_followed_by_how_it_becomes_a_scalar(loss, said):
    assert said in refusal(Bottleneck, loss=loss)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (nn.CrossEntropyLoss, r"Got the class CrossEntropyLoss; an instance, CrossEntropyLoss\(\), is one"),
        ("cross_entropy", "the loss must be a function .* Got 'cross_entropy'"),
        (nn.Bilinear(3, 3, 1), "the loss Bilinear has parameters, which would not be trained"),
    ],
)
def test_a_loss_that_is_no_function_is_refused(loss, said):
    with pytest.raises(ValueError, match=said):
        ModuleTask.from_module(Bottleneck, loss=loss)
    with pytest.raises(ValueError, match=said.replace("the loss", "the metric bad")):
        ModuleTask.from_module(Bottleneck, loss=F.cross_entropy, metrics={"bad": loss})


# --- data


def test_a_list_of_examples_is_a_dataset():
    listed = from_examples(list(zip(X, Y, strict=True)))
    given = from_examples((X, Y))
    assert torch.equal(listed.train.inputs, given.train.inputs)
    assert torch.equal(listed.train.labels, given.train.labels)


def test_a_list_of_tuples_of_numbers_is_an_array():
    assert from_examples([(1.0, 2.0)] * 9).train.inputs.shape == (7, 2)


def test_what_cannot_be_numbered_is_told_what_to_give():
    with pytest.raises(DataError, match="Got DataLoader; of a DataLoader give its dataset, of an iterator"):
        from_examples(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y)))
