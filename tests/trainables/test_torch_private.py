"""Private kernels of torch: the installed torch has them, and without them the results are the same."""

import pytest
import torch

from trainables import torch_private
from trainables.optim import Adam


@pytest.fixture
def without(monkeypatch):
    """Makes torch one that lacks a kernel, or has one with another meaning."""

    def change(kernel, replacement=None):
        place, name = {
            "softmax_backward": (torch, "_softmax_backward_data"),
            "sigmoid_backward": (torch.ops.aten, "sigmoid_backward"),
            "fused_adam": (torch, "_fused_adamw_"),
        }[kernel]
        if replacement is None:
            monkeypatch.setattr(place, name, None)
        else:
            monkeypatch.setattr(place, name, replacement)
        torch_private.usable.cache_clear()

    yield change
    monkeypatch.undo()
    torch_private.usable.cache_clear()


@pytest.mark.parametrize("kernel", torch_private.KERNELS)
def test_the_installed_torch_has_every_kernel(kernel):
    assert torch_private.usable(kernel)


@pytest.mark.parametrize("kernel", torch_private.KERNELS)
def test_a_torch_without_a_kernel_is_told_in_a_warning_that_names_it(kernel, without, caplog):
    without(kernel)
    assert not torch_private.usable(kernel)
    (record,) = caplog.records
    assert f"has no kernel {kernel} as it is used here" in record.getMessage()


def test_a_kernel_that_gives_something_else_is_not_used(without, caplog):
    without("softmax_backward", lambda h, _q, _dim, _dtype: 2 * h)
    assert not torch_private.usable("softmax_backward")
    assert "gives other results than its formula" in caplog.text


@pytest.mark.parametrize("missing", [False, True])
def test_backward_passes_are_those_of_autograd(missing, without):
    if missing:
        without("softmax_backward")
        without("sigmoid_backward")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 4, generator=generator, requires_grad=True)
    h = torch.randn(3, 5, 4, generator=generator)
    for dim in (0, 1, 2, -1):
        q = logits.softmax(dim)
        (expected,) = torch.autograd.grad(q, logits, h)
        torch.testing.assert_close(torch_private.softmax_backward(h, q.detach(), dim), expected)
    q = logits.sigmoid()
    (expected,) = torch.autograd.grad(q, logits, h)
    place = q.detach()
    assert torch_private.sigmoid_backward_(place, h) is place
    torch.testing.assert_close(place, expected)


@pytest.mark.parametrize("missing", [False, True])
def test_adam_is_torchs(missing, without):
    if missing:
        without("fused_adam")
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1, 2, 5, generator=generator)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    mine, oracle = Adam({"w": ours}, [0.01, 0.01]), torch.optim.Adam([theirs], lr=0.01)
    for _ in range(4):
        gradient = torch.randn(1, 2, 5, generator=generator)
        theirs.grad = gradient
        oracle.step()
        mine.step({"w": gradient})
    torch.testing.assert_close(ours, theirs.detach())


def test_a_transformation_of_torch_is_seen_and_a_torch_that_does_not_say_is_taken_for_one(monkeypatch):
    seen = []
    torch.func.vmap(lambda x: (seen.append(torch_private.inside_transformation()), x)[1])(torch.zeros(2))
    assert (seen, torch_private.inside_transformation()) == ([True], False)
    monkeypatch.setattr(torch_private.torch, "_C", object())
    assert torch_private.inside_transformation()
