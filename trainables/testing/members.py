"""Checks of members: independent of each other, a function of their seeds, saved and selected without a
trace.

A study compares configurations by training them side by side. That is fair only where a member is trained
as if it were alone, whatever its estimator and whoever its neighbours, and where everything random is a
function of the seed.
"""

import io
from collections.abc import Callable, Sequence
from functools import partial

import torch

from trainables.population import Configuration
from trainables.tasks.base import Task
from trainables.testing.subject import (
    CHECKS,
    COMPANIES,
    CROWD,
    DECOUPLED,
    Subject,
    Values,
    assert_close,
    check,
    generator,
    identical,
    member,
    state,
)

# --- members are independent of each other ---


def _alike_in(subject: Subject, company: str, dtype: torch.dtype) -> None:
    seeds, configurations = subject.company(company)
    models, loss = subject.trained(configurations, seeds, dtype=dtype)
    metrics = models.evaluate()
    for s, seed in enumerate(seeds):
        for t, configuration in enumerate(configurations):
            if configuration not in CROWD:
                expected = subject.alone(configuration, seed, dtype)
                assert_close(member(models, loss, metrics, s, t), expected, dtype, on_gpu=subject.on_gpu)


for _company in COMPANIES:
    for _dtype in (torch.float32, torch.float64):
        _said = f"a member is trained alike alone and in company: {_company}, {str(_dtype)[6:]}"
        CHECKS[_said] = partial(_alike_in, company=_company, dtype=_dtype)


@check("no member's loss depends on another member's parameters")
def _independent(subject: Subject) -> None:
    models = subject.population(subject.everyone(), [0, 7])
    inputs, labels = models.batch()
    everything = models.parameters | models.buffers
    loss = subject.task.loss(everything, inputs, labels, models.noise(), models.members)
    trained = list(models.parameters.values())
    for s, t in ((0, 0), (1, 3), (1, len(models.configurations) - 1)):
        gradients = torch.autograd.grad(
            loss[s, t], trained, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        felt = torch.stack([g.flatten(2).abs().sum(-1) for g in gradients]).sum(0)  # [S, T]
        assert felt.nonzero().tolist() == [[s, t]], (
            f"the loss of member {s, t} depends on {felt.nonzero().tolist()}"
        )


def _divergence_stays(subject: Subject, harm: str, others: str) -> None:
    neighbours = {"every estimator": subject.everyone(), "alike": [DECOUPLED] * 3, "a crowd": CROWD}[others]
    s, t = 1, 2
    ill = Configuration("decoupled", 0.5, 1.0, 3e38 if harm == "a huge learning rate" else 5e-3)
    healthy = Configuration("decoupled", 0.5, 1.0, 5e-3)
    runs = []
    for inserted in (healthy, ill):
        models = subject.population([*neighbours[:t], inserted, *neighbours[t:]], (0, 1, 2))
        if inserted is ill and harm != "a huge learning rate":
            for p in models.parameters.values():
                p.data[s, t].view(-1)[: 1 if harm == "one NaN" else None] = torch.nan
        runs.append((models, models.train(8), models.evaluate()))
    expected, found = runs
    sick = {(s, t)} if harm != "a huge learning rate" else {(i, t) for i in range(3)}
    for i in range(3):
        for j in range(len(neighbours) + 1):
            of_it = member(*found, i, j)
            if (i, j) in sick:
                measured = {name: of_it[name] for name in (*found[2], "train_loss")}
                assert all(bool(value.isnan()) for value in measured.values()), f"it has {measured}"
            else:
                assert identical(of_it, member(*expected, i, j)), f"member {i, j} has changed"


for _harm in ("NaN parameters", "one NaN", "a huge learning rate"):
    for _others in ("every estimator", "alike", "a crowd"):
        _said = f"a diverged member has no metrics and leaves its neighbours alone: {_harm}, {_others}"
        CHECKS[_said] = partial(_divergence_stays, harm=_harm, others=_others)


# --- everything random is a function of the seed ---


@check("the same seed gives the same result, another seed another")
def _seeded(subject: Subject) -> None:
    first, loss = subject.trained(subject.everyone(), [5, 6], steps=8)
    torch.rand(7)  # nothing depends on torch's own generator
    again, loss_again = subject.trained(subject.everyone(), [5, 6], steps=8)
    assert torch.equal(loss, loss_again), "the losses of a second run differ"
    assert identical(state(first), state(again)), "the parameters of a second run differ"
    assert identical(first.evaluate(), again.evaluate()), "the metrics of a second run differ"
    assert any(not torch.equal(p[0], p[1]) for p in first.parameters.values()), (
        "two seeds have the same model"
    )
    assert bool((loss[0] != loss[1]).all()), "two seeds have the same losses"


_DRAWN: dict[str, Callable[[Task, torch.Generator], Values]] = {
    "init": lambda task, generator: task.init(generator),
    "constants": lambda task, generator: task.constants(generator),
    "noise": lambda task, generator: task.noise(5, generator),
}


def _drawn_by(subject: Subject, what: str) -> None:
    draw, other = _DRAWN[what], subject.built()
    torch.manual_seed(1)
    first = draw(subject.task, generator(3))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert identical(draw(other, generator(3)), first), f"{what} depends on more than the generator"
    assert torch.equal(torch.get_rng_state(), before), f"{what} draws from torch's own generator"
    another = draw(subject.task, generator(4))
    assert another.keys() == first.keys(), f"{what} has other names for another seed"
    if first:
        same = all(torch.equal(another[name], value) for name, value in first.items())
        assert not same, f"{what} does not depend on the generator"
    ordinary = all(value.device.type == "cpu" and not value.requires_grad for value in first.values())
    assert ordinary, f"{what} must be tensors on the generator's device, without requires_grad"


for _what in _DRAWN:
    CHECKS[f"what is drawn is a function of the generator alone: {_what}"] = partial(_drawn_by, what=_what)


@check("noise has the same names for every batch size")
def _named_noise(subject: Subject) -> None:
    names = [{*subject.task.noise(size, generator(0))} for size in (2, subject.batch_size)]
    assert names[0] == names[1] != set(), (
        f"noise is called {names[0]} for one batch size, {names[1]} for another"
    )


# --- saving, selecting ---


def _saved(subject: Subject, company: str) -> None:
    seeds, configurations = subject.company(company)
    uninterrupted, _ = subject.trained(configurations, seeds, steps=7)
    last = uninterrupted.train(15)  # past the end of an epoch
    interrupted, _ = subject.trained(configurations, seeds, steps=7)
    file = io.BytesIO()
    torch.save(interrupted.state_dict(), file)
    file.seek(0)
    resumed = subject.population(configurations, seeds)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.steps == 7
    assert torch.equal(resumed.train(15), last), "the losses differ"
    assert identical(state(resumed), state(uninterrupted)), "the parameters differ"
    assert identical(resumed.evaluate(), uninterrupted.evaluate()), "the metrics differ"


for _company in ("twins", "every estimator", "a crowd"):
    CHECKS[f"a saved population continues bit for bit: {_company}"] = partial(_saved, company=_company)


def _selected(subject: Subject, trials: Sequence[int]) -> None:
    everyone, double = subject.everyone(), torch.float64
    models, _ = subject.trained(everyone, [0, 7], steps=10, dtype=double)
    chosen = models.select(trials)
    expected, _ = subject.trained([everyone[t] for t in trials], [0, 7], steps=10, dtype=double)
    assert (chosen.configurations, chosen.seeds, chosen.steps) == (
        expected.configurations,
        expected.seeds,
        10,
    )
    assert identical(state(chosen), {name: tensor[:, list(trials)] for name, tensor in state(models).items()})
    for _ in range(2):
        assert_close(state(chosen), state(expected), double, on_gpu=subject.on_gpu)
        assert_close(chosen.train(10), expected.train(10), double, on_gpu=subject.on_gpu)


for _trials in ([0], [3, 1], [1, 2, 7]):
    CHECKS[f"selected trials are as if trained by themselves: {_trials}"] = partial(_selected, trials=_trials)
