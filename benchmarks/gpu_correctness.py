"""Whether a device computes what it should: part (a) of `make gpu-check`. Needs torch and triton only.

Every check runs on small models of the three built-in tasks and of plain modules, on random data. What is
compared with a CPU is compared in float64, where a sample that rounding flips is out of the question.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.gpu import STUDIES
from benchmarks.paper import PLANS
from trainables.blocks import Blocks
from trainables.capture import recorder
from trainables.data import Dataset, Split
from trainables.diagnostics import Diagnosis
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.optim import Optimizer
from trainables.population import Configuration, Population
from trainables.scoring import ScoreRule
from trainables.tasks.base import Task
from trainables.testing import CHECKS as CONTRACT
from trainables.testing.subject import BATCH, BY_ESTIMATOR, CROWD, Subject

DOUBLE = torch.float64
EXAMPLES = 320
NEEDS_CUDA = "needs CUDA"
Verdict = str  # "" where all is well, NEEDS_CUDA, or what is wrong


class Network(nn.Module):
    """What a user may write, with what has state or draws of its own: running statistics and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 16, bias=False), nn.BatchNorm1d(16), StraightThrough(binary=True),
            nn.Dropout(0.2), nn.Linear(16, 10),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Class scores [B, 10]."""
        out: Tensor = self.layers(x)
        return out


@dataclass(frozen=True)
class Small:
    """A small task on a device."""

    device: torch.device
    task: type[Task]
    options: dict[str, Any]
    shape: tuple[int, int, int]

    @property
    def looped(self) -> bool:
        """Whether it is a module that is trained member by member."""
        return self.options.get("stack") == "loop"

    def on(self, device: torch.device | str) -> Subject:
        """The task on the same random data on some device, with the step of an accelerator."""
        return Subject(self.task, _classes(self.shape).to(device), self.options, accelerator=True)

    def population(
        self,
        configurations: Sequence[Configuration] = tuple(CROWD[:3]),
        seeds: Sequence[int] = (0, 7),
        *,
        device: torch.device | str | None = None,
        **keywords: Any,
    ) -> Population:
        """An untrained population on the device."""
        subject = self.on(self.device if device is None else device)
        return Population(
            subject.task, subject.dataset, configurations, seeds,
            batch_size=BATCH, accelerator=True, **keywords,
        )  # fmt: skip

    def everyone(self) -> list[Configuration]:
        """Every estimator, and every field of an optimizer in some trials."""
        optimizers = (
            Optimizer(weight_decay=0.1),
            Optimizer(clip_norm=0.5, betas=(0.8, 0.99)),
            Optimizer(schedule="cosine", warmup=0.2),
            Optimizer(schedule="linear"),
        )
        trained = [Configuration("decoupled", 0.4, 0.8, 3e-3, optimizer=o) for o in optimizers]
        return [*(BY_ESTIMATOR[name] for name in self.task.estimators), *trained]


def _classes(shape: tuple[int, int, int]) -> Dataset:
    """Ten patterns of random pixels, each with noise of its own: data that can be learnt from."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 180, (10, math.prod(shape)), generator=generator)

    def split(n: int) -> Split:
        labels = torch.arange(n) % 10
        pixels = patterns[labels] + torch.randint(0, 76, (n, math.prod(shape)), generator=generator)
        return Split(pixels.to(torch.uint8), labels)

    train, validation, test = (split(n) for n in (EXAMPLES, 100, 300))
    return Dataset("patterns", train, validation, test, shape=shape, classes=10, largest=255)


def subjects(device: torch.device) -> dict[str, Small]:
    """Everything that is checked, by name."""
    found = {
        study.name: Small(device, PLANS[study.name].task, PLANS[study.name].small, study.shape)
        for study in STUDIES
    }
    module = ModuleTask.from_module(Network, loss=F.cross_entropy)
    for stack in ("vmap", "loop"):
        found[f"module, {stack}"] = Small(device, module, {"stack": stack}, (1, 28, 28))
    return found


def correctness(device: torch.device, in_time: Callable[[], bool]) -> Iterator[dict[str, dict[str, str]]]:
    """Every check of every subject, {check: {subject: "ok" or what is wrong}}, as it goes on."""
    found: dict[str, dict[str, str]] = {name: {} for name in CHECKS}
    everything = subjects(device)
    for name, run in CHECKS.items():
        for subject, small in everything.items():
            if in_time():
                try:
                    said = run(small) or "ok"
                except Exception as error:  # noqa: BLE001  # whatever it is, it is what is wrong
                    said = f"{type(error).__name__}: {error}"
            else:
                said = "not reached in time"
            found[name][subject] = said
            print(f"  {subject:<18}{name:<64}{said}", flush=True)
            yield found


def _differ(found: Population, expected: Population, tolerance: float) -> Verdict:
    """What differs between two populations, which may be on two devices."""
    worst = max(
        float((p.detach().cpu() - expected.parameters[name].detach().cpu()).abs().max())
        for name, p in found.parameters.items()
    )
    return "" if worst <= tolerance else f"parameters differ by up to {worst:.3g}"


def _without_waiting(small: Small) -> Verdict:
    if small.device.type != "cuda":
        return NEEDS_CUDA
    if small.looped:
        return ""  # a looped module's own code may wait, and its noise is drawn one seed after the other
    models = small.population()
    models.train(5)
    total = torch.zeros(2, 3, device=small.device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        models.step(total)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return ""


def _recorded(small: Small) -> Verdict:
    if small.device.type != "cuda":
        return NEEDS_CUDA
    schedule = ((0.0, 0.5, 1.0, 1e-2), (2.0, 0.3, 0.7, 5e-3))
    trials = [*small.everyone(), Configuration("decoupled", 0.5, 1.0, 1e-2, schedule=schedule)]
    said = []
    for precision in ("float32", "tf32", "bfloat16"):
        plain, replayed = (
            small.population(trials, precision=precision, total_steps=50, recorder=record)
            for record in (None, recorder(small.device, "auto"))
        )
        plain.train(50)
        replayed.train(50)
        if not replayed.recordings and not small.looped:
            said.append(f"{precision}: nothing was recorded")
        if different := _differ(replayed, plain, 0.0):
            said.append(f"{precision}: {different}")
    return "; ".join(said)


class WithConstant(Network):
    """A module that copies a constant to the device in every step, which no recording can have."""

    def forward(self, x: Tensor) -> Tensor:
        """Class scores [B, 10]."""
        return super().forward(x) * torch.tensor(0.5).to(x.device)


def _not_recorded(small: Small) -> Verdict:
    """A module whose step cannot be recorded, in place of the subject."""
    if small.device.type != "cuda":
        return NEEDS_CUDA
    if small.options.get("stack") != "vmap":
        return ""
    task = ModuleTask.from_module(WithConstant, loss=F.cross_entropy)
    other = Small(small.device, task, small.options, small.shape)
    plain, replayed = (other.population(recorder=r) for r in (None, recorder(small.device, "auto")))
    plain.train(30)
    replayed.train(30)
    if replayed.recordings:
        return "it was recorded"
    return _differ(replayed, plain, 0.0)


def _alone(small: Small) -> Verdict:
    alone = small.population(CROWD[:1], [0], dtype=DOUBLE)
    together = small.population(dtype=DOUBLE)
    alone.train(15)
    together.train(15)
    worst = max(
        float((p[0, 0] - together.parameters[name][0, 0]).detach().abs().max())
        for name, p in alone.parameters.items()
    )
    # cuBLAS rounds otherwise in a stack of another size; a member that hears its neighbours is off by 3e-3.
    return "" if worst <= 1e-8 else f"parameters differ by up to {worst:.3g}"


def _as_a_cpu(small: Small) -> Verdict:
    """A training, and everything that is measured of it."""
    if small.device.type != "cuda":
        return NEEDS_CUDA
    if small.looped:
        return ""  # what it draws is torch's own, which differs between devices
    here, there = (
        small.population(small.everyone(), dtype=DOUBLE, total_steps=15, device=device, vary_split=True)
        for device in ("cpu", small.device)
    )
    here.train(15)
    there.train(15)
    if different := _differ(there, here, 1e-10):
        return different
    if issubclass(small.task, ModuleTask):
        return ""  # the noise of a module's evaluation is torch's own, which differs between devices
    measured = [_measured(m) | {"grad_norm": m.diagnose(4)["grad_norm"]} for m in (there, here)]
    for name, expected in measured[1].items():
        found = measured[0][name].cpu()
        if not torch.allclose(found, expected, rtol=1e-5, atol=1e-7, equal_nan=True):
            return f"{name} differs by up to {float((found - expected).abs().max()):.3g}"
    return ""


def _measured(models: Population) -> dict[str, Tensor]:
    """Everything that a trained population tells but gradient_statistics."""
    found = {f"report {n}": v for n, v in models.report(ScoreRule()).items()}
    found |= {f"test {n}": v for n, v in models.test().items()}
    losses = models.example_losses()
    return found if losses is None else found | {"losses of examples": losses}


def _measurable(small: Small) -> Verdict:
    """Whether all that a study asks for at its end can be had: shapes and devices, not values."""
    models = small.population(small.everyone(), total_steps=15, vary_split=True)
    models.train(10)
    _measured(models)
    diagnosis = Diagnosis(passes=16, tau_f=(0.5,), tau_b=(1.0,))
    found = models.diagnose(diagnosis.passes)
    for t in range(len(models.configurations)):
        if find_spec("torchvision") is not None:  # which pictures are written with
            models.artifacts(1, t)
        models.bias_artifacts(0, t, diagnosis)
    infinite = [name for name, value in found.items() if value.isnan().all()]
    return f"no member has a {infinite[0]}" if infinite else ""


def _resumed(small: Small) -> Verdict:
    record = recorder(small.device, "auto")
    first, second = (small.population(recorder=record) for _ in range(2))
    first.train(7)
    second.load_state_dict(first.state_dict())
    first.train(23)
    second.train(23)
    return _differ(second, first, 0.0)


def _in_blocks(small: Small) -> Verdict:
    """A population for which the memory does not suffice against the same one whole."""
    if small.device.type != "cuda":
        return NEEDS_CUDA
    if small.options.get("stack") == "loop":
        return ""  # a thousand members one after the other take minutes, and blocks do not know of it
    subject = small.on(small.device)
    trials = [Configuration("decoupled", 0.1 * t, 0.5, 1e-3) for t in range(512)]

    def trained(compiled: str) -> tuple[int, dict[str, Tensor]]:
        def build(t: Sequence[int], s: Sequence[int]) -> Population:
            return Population(
                subject.task, subject.dataset, [trials[i] for i in t], list(s),
                batch_size=BATCH, dtype=DOUBLE, recorder=recorder(small.device, compiled),
            )  # fmt: skip

        blocks = Blocks(build, trials=len(trials), seeds=2)
        metrics = blocks.train(0, 12, last=False).metrics
        metrics |= {f"{name} later": v for name, v in blocks.train(12, 24, last=False).metrics.items()}
        return len(blocks), metrics

    device = torch.cuda.current_device()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    _, expected = trained("off")
    torch.cuda.empty_cache()
    needed = torch.cuda.max_memory_reserved(device)
    whole = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * needed / whole, device)
    try:
        parts, found = trained("auto")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        torch.cuda.empty_cache()
    if parts < 2:
        return f"it was not divided, though {needed} bytes were too many"
    for name, value in expected.items():
        if not torch.allclose(found[name], value, rtol=1e-6, atol=1e-8, equal_nan=True):
            return f"{name} differs by up to {float((found[name] - value).abs().max()):.3g}"
    return ""


def _contract(small: Small) -> Verdict:
    """Every check of trainables.testing; the package's own tests run them on a CPU."""
    if small.device.type != "cuda":
        return NEEDS_CUDA
    subject = small.on(small.device)
    failed = []
    for name, check in CONTRACT.items():
        try:
            check(subject)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is wrong
            failed.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return "; ".join(failed)


CHECKS: dict[str, Callable[[Small], Verdict]] = {
    "nothing in a step waits for the device": _without_waiting,
    "recorded steps are the steps bit for bit": _recorded,
    "what cannot be recorded runs as it is": _not_recorded,
    "a member alone is the member in company": _alone,
    "the device computes and measures what a CPU does, in float64": _as_a_cpu,
    "everything that a study measures can be had": _measurable,
    "a resumed population goes on bit for bit": _resumed,
    "what does not fit is trained in parts, and alike": _in_blocks,
    "the contract of a task holds (python -m trainables.testing)": _contract,
}
