"""The stacked Adam against torch.optim.Adam, one optimiser per member."""

import json
from dataclasses import asdict, astuple

import pytest
import torch

from trainables import optim
from trainables.device_adam import DeviceAdam
from trainables.optim import Adam, Optimizer

SHAPES = {"weight": (3, 4), "bias": (3, 1)}
SEEDS = 2
STEPS = 20
KIND = {"as it comes": Adam, "stacked": Adam, "on an accelerator": DeviceAdam}
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


def stacked(parameters, steps, learning_rates, kind=Adam, **keywords):
    parameters = {name: p.clone() for name, p in parameters.items()}
    adam = kind(parameters, learning_rates, **keywords)
    for gradients in steps:
        adam.step(gradients)
    return parameters


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("path", ["as it comes", "stacked", "on an accelerator"])
@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_every_member_is_trained_as_by_torchs_adam(monkeypatch, learning_rates, path, dtype, rtol):
    if path == "stacked":
        monkeypatch.setattr(optim, "MAX_FUSED_SLICES", 0)
    parameters, steps = draw(len(learning_rates), dtype=dtype)
    expected = member_by_member(parameters, steps, learning_rates)
    found = stacked(parameters, steps, learning_rates, KIND[path])
    torch.testing.assert_close(found, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("path", ["as it comes", "stacked", "on an accelerator"])
@pytest.mark.parametrize("learning_rates", LEARNING_RATES.values(), ids=LEARNING_RATES)
def test_a_parameter_with_learning_rates_of_its_own_is_trained_with_these(monkeypatch, learning_rates, path):
    if path == "stacked":
        monkeypatch.setattr(optim, "MAX_FUSED_SLICES", 0)
    parameters, steps = draw(len(learning_rates))
    own = [lr * 2.0 ** (t % 3) for t, lr in enumerate(learning_rates)]
    expected = {
        name: member_by_member(parameters, steps, rates)[name]
        for name, rates in (("weight", own), ("bias", learning_rates))
    }
    found = stacked(parameters, steps, learning_rates, KIND[path], exceptions={"weight": own})
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_learning_rates_of_these_tests_take_both_paths(monkeypatch):
    fused = {}
    for name, learning_rates in LEARNING_RATES.items():
        calls = []
        monkeypatch.setattr(optim, "fused_adam_", lambda *_, calls=calls, **__: calls.append(1))
        parameters, steps = draw(len(learning_rates))
        stacked(parameters, steps[:1], learning_rates)
        fused[name] = bool(calls)
    assert fused == {"equal": True, "one": True, "runs": True, "many": False}


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


# --- weight decay, betas, clipping, schedules ---

OPTIMIZERS = {
    "weight decay": [Optimizer(weight_decay=0.1), Optimizer(weight_decay=0.1), Optimizer(weight_decay=3.0)],
    "betas": [Optimizer(betas=(0.5, 0.9)), Optimizer(betas=(0.0, 0.99)), Optimizer()],
    "clipping": [Optimizer(clip_norm=0.01), Optimizer(), Optimizer(clip_norm=1e6)],
    "cosine": [Optimizer(schedule="cosine"), Optimizer(schedule="cosine", warmup=0.3), Optimizer()],
    "linear": [
        Optimizer(schedule="linear", warmup=0.05),
        Optimizer(schedule="linear"),
        Optimizer(warmup=0.5),
    ],
    "all of it": [Optimizer(0.2, (0.8, 0.95), 0.1, "cosine", 0.2)] * 3,
}
RATES = [3e-3, 3e-3, 1e-2]


def learning_rates_of_torch(lr, optimizer):
    """What torch's own schedulers make of a learning rate, for every step."""
    rising = round(optimizer.warmup * STEPS)
    rest = STEPS - rising
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = {
        "constant": lambda: torch.optim.lr_scheduler.ConstantLR(sgd, factor=1.0),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=rest),
        "linear": lambda: torch.optim.lr_scheduler.LinearLR(sgd, 1.0, 0.0, total_iters=rest),
    }[optimizer.schedule]()
    rates = [lr * (step + 1) / rising for step in range(rising)]
    for _ in range(rest):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return rates


def adamw_member_by_member(parameters, steps, rates, optimizers):
    """Every member with torch.optim.AdamW, clip_grad_norm_ and torch's schedulers."""
    result = {name: torch.empty_like(p) for name, p in parameters.items()}
    for s in range(SEEDS):
        for t, (lr, optimizer) in enumerate(zip(rates, optimizers, strict=True)):
            mine = {name: p[s, t].clone().requires_grad_() for name, p in parameters.items()}
            adam = torch.optim.AdamW(
                mine.values(),
                lr=lr,
                betas=optimizer.betas,
                weight_decay=optimizer.weight_decay,
                foreach=False,
            )
            scheduled = learning_rates_of_torch(lr, optimizer)
            for step, gradients in enumerate(steps):
                for name, p in mine.items():
                    p.grad = gradients[name][s, t].clone()
                if optimizer.clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_(mine.values(), optimizer.clip_norm)
                adam.param_groups[0]["lr"] = scheduled[step]
                adam.step()
            for name, p in mine.items():
                result[name][s, t] = p.detach()
    return result


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
@pytest.mark.parametrize("path", ["fused", "stacked"])
@pytest.mark.parametrize("optimizers", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_member_is_trained_as_by_torchs_adamw_with_its_own_settings(
    monkeypatch, optimizers, path, dtype, rtol
):
    if path == "stacked":
        monkeypatch.setattr(optim, "MAX_FUSED_SLICES", 0)
    parameters, steps = draw(3, dtype=dtype)
    expected = adamw_member_by_member(parameters, steps, RATES, optimizers)
    found = stacked(parameters, steps, RATES, optimizers=optimizers, total_steps=STEPS)
    torch.testing.assert_close(found, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("path", ["fused", "stacked"])
def test_weight_decay_takes_the_same_share_of_parameters_with_other_learning_rates(monkeypatch, path):
    if path == "stacked":
        monkeypatch.setattr(optim, "MAX_FUSED_SLICES", 0)
    optimizers = OPTIMIZERS["weight decay"]
    parameters, steps = draw(3)
    own = [lr * 2.0**t for t, lr in enumerate(RATES)]
    found = stacked(
        parameters, steps, RATES, exceptions={"weight": own}, optimizers=optimizers, total_steps=STEPS
    )
    weaker = [Optimizer(weight_decay=o.weight_decay / 2.0**t) for t, o in enumerate(optimizers)]
    expected = {
        "weight": adamw_member_by_member(parameters, steps, own, weaker)["weight"],
        "bias": adamw_member_by_member(parameters, steps, RATES, optimizers)["bias"],
    }
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


def test_a_schedule_ends_at_zero_and_stays_there():
    for schedule in ("cosine", "linear"):
        optimizer = Optimizer(schedule=schedule, warmup=0.1)
        factors = [optimizer.factor(step, 100) for step in range(140)]
        assert factors[:10] == pytest.approx([0.1 * (k + 1) for k in range(10)])
        assert factors[10] == 1.0
        assert sorted(factors[10:], reverse=True) == factors[10:]
        assert factors[100:] == pytest.approx([0.0] * 40)


def test_a_nan_gradient_stays_with_its_member_when_gradients_are_clipped():
    parameters, steps = draw(3)
    settings = {"optimizers": OPTIMIZERS["clipping"], "total_steps": STEPS}
    healthy = stacked(parameters, steps, RATES, **settings)
    steps[3]["bias"][1, 0] = torch.nan
    ill = stacked(parameters, steps, RATES, **settings)
    for name in SHAPES:
        assert ill[name][1, 0].isnan().all()
        healthy[name][1, 0] = ill[name][1, 0] = 0
        assert torch.equal(healthy[name], ill[name])


def test_a_reloaded_state_continues_its_schedule():
    optimizers = OPTIMIZERS["all of it"]
    parameters, steps = draw(3)
    expected = stacked(parameters, steps, RATES, optimizers=optimizers, total_steps=STEPS)
    first = Adam(parameters, RATES, optimizers=optimizers, total_steps=STEPS)
    for gradients in steps[:7]:
        first.step(gradients)
    second = Adam(parameters, RATES, optimizers=optimizers, total_steps=STEPS)
    second.load_state_dict(first.state_dict())
    for gradients in steps[7:]:
        second.step(gradients)
    assert all(torch.equal(parameters[name], expected[name]) for name in SHAPES)


def test_a_schedule_without_the_trainings_length_is_an_error():
    with pytest.raises(ValueError, match="needs total_steps"):
        Adam(draw(1)[0], [1e-3], optimizers=[Optimizer(warmup=0.1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight_decay": -0.1}, "weight_decay must be a number, 0 or more. Got -0.1"),
        ({"weight_decay": float("nan")}, "weight_decay must be"),
        ({"betas": (0.9,)}, "betas must be two numbers from 0 to below 1"),
        ({"betas": (0.9, 1.0)}, "betas must be two numbers from 0 to below 1"),
        ({"clip_norm": 0.0}, "clip_norm must be a number greater than 0, or None"),
        ({"clip_norm": True}, "clip_norm must be"),
        ({"schedule": "step"}, "schedule must be one of constant, cosine, linear. Got 'step'"),
        ({"warmup": 1.0}, "warmup must be a share of the training from 0 to below 1"),
    ],
)
def test_settings_that_are_out_of_range_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        Optimizer(**arguments)
    with pytest.raises(ValueError, match=message):
        Optimizer.of(arguments)


def test_an_optimizer_is_made_of_its_fields_by_name_or_in_order():
    wanted = Optimizer(0.1, (0.9, 0.95), 1.0, "cosine", 0.05)
    assert Optimizer.of(json.loads(json.dumps(asdict(wanted)))) == wanted
    assert Optimizer.of(astuple(wanted)) == wanted
    assert Optimizer.of(wanted) is wanted
    with pytest.raises(ValueError, match=r"an optimizer has weight_decay, .*warmup. Got 'decay'"):
        Optimizer.of({"decay": 0.1})
