"""StraightThrough: discrete samples as a layer of any torch module, with a gradient.

The estimators are those of trainables/estimators.py, which names their papers; the default is the decoupled
one (Shah et al., "Improving Discrete Optimisation Via Decoupled Straight-Through Estimator"): samples at
tau_f, gradients as if of a softmax at tau_b. The layer is useful without the tuner; in a population
(trainables/modules.py) its estimator, temperatures and noise are a member's.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from trainables.estimators import (
    ESTIMATORS,
    coefficients,
    fitted,
    gumbel_noise,
    logistic_noise,
)
from trainables.primitive import Coefficients, straight_through, straight_through_binary
from trainables.surrogates import RAO_DRAWS, SOFTMAX, Temperature

DEFAULT_TAU_F, DEFAULT_TAU_B = 0.1, 0.7  # of the paper's best stochastic binary network


class StraightThrough(nn.Module):
    """Samples one-hot categories, or bits, from logits, and passes a gradient to the logits.

    In training a sample is drawn with torch's default generator. After `.eval()` it is the argmax, unless
    `sample_in_eval`; it has a gradient then as well. It stands behind any logits, an activation's [B, ..., K]
    or a parameter's (a weight whose values are discrete), and has no parameters of its own. Estimator and
    temperatures are attributes, which may be set at any step:

        code = StraightThrough(tau_f=0.1, tau_b=0.7)
        z = code(logits)  # [B, 4, 8] -> one-hot [B, 4, 8] over the last axis
        code.tau_b = 0.5

    Args:
        tau_f: forward temperature >= 0, the scale of the noise; 0 is argmax. Default 0.1. Only for estimators
            that take it. A number, or a tensor for the first axes of the logits.
        tau_b: backward temperature > 0 of the gradient. Default 0.7. Likewise.
        estimator: a name in trainables.estimators.ESTIMATORS. "softmax" has one temperature for both; either
            may be given. "soft" yields the softmax (sigmoid) itself in training: no discretisation.
        binary: every logit is a unit with values in {0, 1}, P(1) = sigmoid(logit / tau_f).
        name: what a population calls this layer and its noise. Default: its path in the module.
        dim: the axis of the categories; unused for binary units.
        sample_in_eval: sample after `.eval()` too.

    Raises:
        ValueError: unknown estimator, or a temperature that it does not take or that is out of range.
    """

    def __init__(
        self,
        tau_f: Temperature | None = None,
        tau_b: Temperature | None = None,
        estimator: str = "decoupled",
        binary: bool = False,
        name: str | None = None,
        *,
        dim: int = -1,
        sample_in_eval: bool = False,
    ) -> None:
        super().__init__()
        if estimator not in ESTIMATORS:
            raise ValueError(f"estimator must be one of {sorted(ESTIMATORS)}. Got {estimator!r}.")
        row = ESTIMATORS[estimator]
        if row.tied:
            tau_f = tau_b if tau_f is None else tau_f
            tau_b = tau_f if tau_b is None else tau_b
        if tau_f is None and "tau_f" in row.temperatures:
            tau_f = DEFAULT_TAU_B if row.tied else DEFAULT_TAU_F
        if tau_b is None and "tau_b" in row.temperatures:
            tau_b = DEFAULT_TAU_B
        self._set(estimator, tau_f, tau_b)
        self.binary = binary
        self.name = name
        self.dim = dim
        self.sample_in_eval = sample_in_eval
        # What samples in this layer's stead: a population's way to give estimator, temperatures and noise.
        self.sampler: Callable[[StraightThrough, Tensor], Tensor] | None = None

    def forward(self, logits: Tensor, noise: Tensor | None = None) -> Tensor:
        """Samples of the shape and dtype of the logits.

        noise: Gumbel(0, 1) noise, for binary units Logistic(0, 1), that broadcasts to the logits, in place of
        what torch's default generator would give.
        """
        if self.sampler is not None:
            return self.sampler(self, logits)
        if not (self.training or self.sample_in_eval):
            return self.sample(logits, None, _noiseless(self._coefficients))
        draw = logistic_noise if self.binary else gumbel_noise
        silent = not isinstance(self._coefficients.s, Tensor) and self._coefficients.s == 0
        if noise is None and not silent:
            noise = draw(logits)
        draws = None
        if "draws" in self._coefficients.surrogate.keeps:
            draws = draw(logits.expand(RAO_DRAWS, *logits.shape))
        return self.sample(logits, noise, self._coefficients, draws)

    def sample(
        self, logits: Tensor, noise: Tensor | None, c: Coefficients, draws: Tensor | None = None
    ) -> Tensor:
        """Samples with the given noise, none being argmax, by an estimator of the caller's choice."""
        if isinstance(c.s, Tensor) or isinstance(c.tau_b, Tensor):
            c = fitted(c, logits, units=logits.ndim - (0 if self.binary else 1))
        if self.binary:
            return straight_through_binary(logits, noise, c, draws=draws)
        return straight_through(logits, noise, c, dim=self.dim, draws=draws)

    @property
    def estimator(self) -> str:
        """The estimator's name. Use `set` where the new one takes other temperatures."""
        return self._estimator

    @estimator.setter
    def estimator(self, name: str) -> None:
        self._set(name, self._tau_f, self._tau_b)

    @property
    def tau_f(self) -> Temperature | None:
        """The forward temperature; None where the estimator takes none."""
        return self._tau_f

    @tau_f.setter
    def tau_f(self, tau: Temperature) -> None:
        self._set(self._estimator, tau, tau if ESTIMATORS[self._estimator].tied else self._tau_b)

    @property
    def tau_b(self) -> Temperature | None:
        """The backward temperature; None where the estimator takes none."""
        return self._tau_b

    @tau_b.setter
    def tau_b(self, tau: Temperature) -> None:
        self._set(self._estimator, tau if ESTIMATORS[self._estimator].tied else self._tau_f, tau)

    def set(self, estimator: str, tau_f: Temperature | None = None, tau_b: Temperature | None = None) -> None:
        """Another estimator with the temperatures that it takes."""
        self._set(estimator, tau_f, tau_b)

    def extra_repr(self) -> str:
        """What print(module) shows of this layer."""
        shown: dict[str, Any] = {"tau_f": self._tau_f, "tau_b": self._tau_b}
        parts = [f"{name}={value}" for name, value in shown.items() if value is not None]
        parts.append(f"estimator={self._estimator!r}")
        parts.append("binary=True" if self.binary else f"dim={self.dim}")
        return ", ".join(parts)

    def _set(self, estimator: str, tau_f: Temperature | None, tau_b: Temperature | None) -> None:
        self._coefficients = coefficients(estimator, tau_f, tau_b)  # raises where they do not fit
        self._estimator, self._tau_f, self._tau_b = estimator, tau_f, tau_b


def _noiseless(c: Coefficients) -> Coefficients:
    """The argmax: with the estimator's own gradient where that can do without noise, else with softmax's."""
    needs_noise = c.surrogate.relaxed or c.surrogate.keeps & {"noise", "draws"}
    return Coefficients(0.0, c.tau_b, SOFTMAX if needs_noise else c.surrogate)
