"""The stacked Adam against torch.optim.Adam, one optimiser per member."""

import pytest
import torch

from trainables import optim
from trainables.optim import Adam

SHAPES = {"weight": (3, 4), "bias": (3, 1)}
SEEDS = 2
STEPS = 20
LEARNING_RATES = {
    "equal": [1e-3] * 5,
    "one": [2e-2],
    "runs": [1e-3, 1e-3, 3e-2, 1e-4, 1e-4, 1e-3],
    "many": [
        1e-4 * 1.2**t for t in range(40)
    ],  # more slices than are worth a kernel call each: the stacked path
}


pytestmark = pytest.mark.usefixtures("one_thread")


def draw(trials, *, dtype=torch.float64):
    """Parameters {name: [S, T, ...]} and the gradients of every step, whose sizes span many orders of
    magnitude.
    """
    generator = torch.Generator().manual_seed(trials)

    def normal(shape):
        return torch.randn(SEEDS, trials, *shape, generator=generator, dtype=torch.float64)

    parameters = {name: normal(shape).to(dtype) for name, shape in SHAPES.items()}
    steps = [
        {name: (normal(s) * 10 ** (2 * normal(s) - 3)).to(dtype) for name, s in SHAPES.items()}
        for _ in range(STEPS)
    ]
    return parameters, steps


def member_by_member(parameters, steps, learning_rates):
    """The same with torch.optim.Adam."""
    result = {name: torch.empty_like(p) for name, p in parameters.items()}
    for s in range(SEEDS):
        for t, lr in enumerate(learning_rates):
            mine = {name: p[s, t].clone().requires_grad_() for name, p in parameters.items()}
            adam = torch.optim.Adam(mine.values(), lr=lr, foreach=False)
            for gradients in steps:
                for name, p in mine.items():
                    p.grad = gradients[name][s, t].clone()
                adam.step()
            for name, p in mine.items():
                result[name][s, t] = p.detach()
    return result


def stacked(parameters, steps, learning_rates, **keywords):
    parameters = {name: p.clone() for name, p in parameters.items()}
    adam = Adam(parameters, learning_rates, **keywords)
    for gradients in steps:
        adam.step(gradients)
    return parameters


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("path", ["as it comes", "stacked"])
@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_every_member_is_trained_as_by_torchs_adam(monkeypatch, learning_rates, path, dtype, rtol):
    if path == "stacked":
        monkeypatch.setattr(optim, "_MAX_FUSED_SLICES", 0)
    parameters, steps = draw(len(learning_rates), dtype=dtype)
    expected = member_by_member(parameters, steps, learning_rates)
    torch.testing.assert_close(stacked(parameters, steps, learning_rates), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("path", ["as it comes", "stacked"])
@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_a_parameter_with_learning_rates_of_its_own_is_trained_with_these(monkeypatch, learning_rates, path):
    if path == "stacked":
        monkeypatch.setattr(optim, "_MAX_FUSED_SLICES", 0)
    parameters, steps = draw(len(learning_rates))
    own = [lr * 2.0 ** (t % 3) for t, lr in enumerate(learning_rates)]
    expected = {
        name: member_by_member(parameters, steps, rates)[name]
        for name, rates in (("weight", own), ("bias", learning_rates))
    }
    found = stacked(parameters, steps, learning_rates, exceptions={"weight": own})
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_learning_rates_of_these_tests_take_both_paths(monkeypatch):
    taken = {}
    for name, learning_rates in LEARNING_RATES.items():
        calls = []
        monkeypatch.setattr(Adam, "_fused", lambda *_, calls=calls: calls.append("fused"))
        monkeypatch.setattr(Adam, "_stacked", lambda *_, calls=calls: calls.append("stacked"))
        parameters, steps = draw(len(learning_rates))
        stacked(parameters, steps[:1], learning_rates)
        taken[name] = set(calls)
    assert taken == {"equal": {"fused"}, "one": {"fused"}, "runs": {"fused"}, "many": {"stacked"}}


@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_a_gradients_memory_layout_does_not_matter(learning_rates):
    parameters, steps = draw(len(learning_rates))
    transposed = [{name: g.mT.contiguous().mT for name, g in gradients.items()} for gradients in steps]
    assert not transposed[0]["weight"].is_contiguous()
    expected = stacked(parameters, steps, learning_rates)
    torch.testing.assert_close(
        stacked(parameters, transposed, learning_rates), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("learning_rates", [rates for name, rates in LEARNING_RATES.items() if name != "one"])
def test_a_nan_gradient_stays_with_its_member(learning_rates):
    parameters, steps = draw(len(learning_rates))
    healthy = stacked(parameters, steps, learning_rates)
    for gradient in steps[3].values():
        gradient[1, 2] = torch.nan
    ill = stacked(parameters, steps, learning_rates)
    for name in SHAPES:
        assert ill[name][1, 2].isnan().all()
        healthy[name][1, 2] = ill[name][1, 2] = 0
        assert torch.equal(healthy[name], ill[name])


@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_a_reloaded_state_continues_bit_for_bit(learning_rates):
    parameters, steps = draw(len(learning_rates))
    expected = stacked(parameters, steps, learning_rates)
    first = Adam(parameters, learning_rates)
    for gradients in steps[:7]:
        first.step(gradients)
    resumed = {name: p.clone() for name, p in parameters.items()}
    second = Adam(resumed, learning_rates)
    second.load_state_dict(first.state_dict())
    first.step(steps[0])  # the resumed one has copied, and does not follow
    for gradients in steps[7:]:
        second.step(gradients)
    assert second.steps == STEPS
    assert all(torch.equal(resumed[name], expected[name]) for name in SHAPES)
