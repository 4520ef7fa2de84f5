"""The configuration of a trial: an estimator, its temperatures, a learning rate, and the other settings of
the optimiser.
"""

from dataclasses import dataclass

from trainables.estimators import coefficients
from trainables.optim import PLAIN, Optimizer

Segment = tuple[float, float, float, float]  # from an epoch on: (epoch, tau_f, tau_b, lr)


@dataclass(frozen=True)
class Configuration:
    """What is tuned: an estimator, the temperatures it takes (None for those it does not), a learning rate.

    `logit_scale` multiplies the initial values and the learning rate of the parameters that make the logits.
    With linear logit layers and Adam, which ignores the scale of gradients, decoupled ST at (tau_f, tau_b) is
    decoupled ST at (1, tau_b / tau_f) with a logit_scale of 1 / tau_f, up to Adam's eps: the rescaling
    control.

    With a schedule, they change during training: each of its segments holds from its epoch on, the first one,
    which begins at 0 and is the configuration itself, from the start.

    The optimizer, or a mapping of its fields, adds weight decay, clipping, and a schedule of the learning
    rate that multiplies what holds at a step. (With clipping there is no rescaling control, because a
    gradient's norm depends on the logits' scale.)
    """

    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    logit_scale: float = 1.0
    schedule: tuple[Segment, ...] = ()  # lists of lists are taken, too: JSON has no tuples
    optimizer: Optimizer = PLAIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", Optimizer.of(self.optimizer))
        object.__setattr__(
            self,
            "schedule",
            tuple((float(e), float(f), float(b), float(lr)) for e, f, b, lr in self.schedule),
        )
        epochs = [epoch for epoch, *_ in self.schedule]
        if self.schedule and (
            self.schedule[0] != (0.0, self.tau_f, self.tau_b, self.lr) or sorted({*epochs}) != epochs
        ):
            raise ValueError(
                "a schedule must begin with the configuration at epoch 0, and its epochs must ascend. Got "
                f"{self.schedule}."
            )
        coefficients(self.estimator, self.tau_f, self.tau_b)  # raises where they do not fit
        for name in ("lr", "logit_scale"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be > 0 and finite. Got {value}.")
        for _, tau_f, tau_b, lr in self.schedule:
            Configuration(self.estimator, tau_f, tau_b, lr)  # raises likewise

    def at(self, step: int, steps_per_epoch: int) -> "Configuration":
        """What the training step `step` (0, 1, ...) is made with."""
        there = [s for s in self.schedule if round(s[0] * steps_per_epoch) <= step]
        if not there:
            return self
        return Configuration(
            self.estimator, *there[-1][1:], logit_scale=self.logit_scale, optimizer=self.optimizer
        )
