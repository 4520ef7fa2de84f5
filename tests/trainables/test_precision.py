"""Products of matrices in less precision: what is rounded, and what it changes on digits."""

import pytest
import torch

from tests.support.tasks import digits, task
from trainables.layers import linear, products, shared_input_linear
from trainables.population import Configuration, Population

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIGURATIONS = [Configuration("decoupled", 0.5, 1.0, 3e-3), Configuration("gumbel", None, 1.0, 3e-3)]


def layer():
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (2, 3, 5, 40), "bias": (2, 3, 5, 1), "x": (2, 3, 40, 7)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("shared", [False, True], ids=["a later layer", "the first layer"])
def test_factors_are_rounded_and_the_bias_and_the_gradients_are_not(shared):
    given = {name: x.requires_grad_() for name, x in layer().items()}
    x = given["x"][:, 0] if shared else given["x"]
    with products("bfloat16"):
        out = (shared_input_linear if shared else linear)(given["weight"], given["bias"], x)
    rounded = {name: given[name].bfloat16().double() for name in ("weight", "x")}
    factor = rounded["x"][:, :1] if shared else rounded["x"]
    exact = rounded["weight"] @ factor
    assert out.dtype == torch.float32
    # The product has 8 significant bits, and then the bias is added in full.
    error = (out.double() - given["bias"].double() - exact).abs()
    assert bool((error <= 2.0**-8 * exact.abs() + 1e-5).all())
    gradients = torch.autograd.grad(out.sum(), [given["weight"], given["bias"]])
    assert {g.dtype for g in gradients} == {torch.float32}


def trained(precision):
    models = Population(task("sbn"), digits(), CONFIGURATIONS, [0, 1, 2], batch_size=32, precision=precision)
    loss = models.train(60)
    return models, loss, models.evaluate()


def test_what_it_changes_on_digits():
    """In bfloat16 an SBN learns digits as well as in float32, by other numbers; its parameters and moments
    stay float32. The losses differ by less than those of two seeds.
    """
    models, loss, metrics = trained("float32")
    half, half_loss, half_metrics = trained("bfloat16")
    assert {p.dtype for p in half.parameters.values()} == {torch.float32}
    assert {p.dtype for p in half.state_dict()["adam"]["first"].values()} == {torch.float32}
    assert not torch.equal(half_loss, loss)
    difference = (half_metrics["val_loss"] - metrics["val_loss"]).abs()
    assert float(difference.max()) < float(metrics["val_loss"].std(0).min())
    assert models.parameters.keys() == half.parameters.keys()


def test_the_losses_of_examples_are_of_the_same_products_as_the_objective():
    models, _, _ = trained("bfloat16")
    objective = models.test()["val_loss"]
    assert torch.allclose(models.example_losses().mean(-1), objective, rtol=1e-5)


def test_tf32_is_a_matter_of_the_gpu_alone_and_is_off_outside():
    before = torch.backends.cuda.matmul.allow_tf32
    with products("tf32"):
        assert torch.backends.cuda.matmul.allow_tf32
        given = layer()
        found = linear(**given)
    assert torch.backends.cuda.matmul.allow_tf32 == before
    assert torch.equal(found, linear(**given))


def test_an_unknown_precision_is_an_error():
    with (
        pytest.raises(ValueError, match=r"precision must be one of float32, tf32, bfloat16. Got 'fp8'"),
        products("fp8"),
    ):
        pass
