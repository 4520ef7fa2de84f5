"""What the tasks that come with the package declare of their metrics. Apart from the tasks, which take torch:
the results of a study are read without.

Figures, sections and expectations are those of Shah et al.; what each metric measures is said by the task.
"""

from dataclasses import replace

from trainables.gate_names import GATES
from trainables.metrics import (
    GRAD_NORM,
    GRAD_SNR,
    TRAIN_LOSS,
    Category,
    Collapse,
    Distribution,
    Family,
    Metric,
    Panel,
    Threshold,
    Trend,
)

ACTIVE_EPS = 1e-5  # decides; the paper gives no threshold, so this one was fixed before any data
_OTHER_EPS = (1e-7, 1e-6, 1e-4)
_INACTIVE = Family(
    "inactive",
    xlabel="threshold of the mean gradient of a unit's logit",
    caption="A unit is inactive where the mean size of its logit's gradient is below a threshold. The paper "
    "gives none, so the share is shown against it.",
)


def _inactive(eps: float) -> Metric:
    decides = eps == ACTIVE_EPS
    return Metric(
        f"inactive_{eps:.0e}", "share of inactive units", direction="minimize",
        trends=(Trend("tau_b", "falls", "right"),),
        beside="section 5.1.1" if decides else None,
        complement="share of active units",
        threshold=Threshold(eps, _INACTIVE, decides),
    )  # fmt: skip


SBN = (
    Metric("val_loss", "validation loss", "nats", "minimize", panel=Panel("left", 2)),
    Metric("val_loss_argmax", "validation loss, argmax units", "nats", "minimize"),
    Metric("val_loss_16", "validation loss, mean of 16 passes", "nats", "minimize"),
    Metric(
        "val_accuracy", "validation accuracy", direction="maximize",
        panel=Panel("right", 2), second_verdict=True,
    ),
    Metric("val_accuracy_argmax", "validation accuracy, argmax units", direction="maximize"),
    Metric("val_accuracy_16", "validation accuracy, mean of 16 passes", direction="maximize"),
    replace(TRAIN_LOSS, unit="nats"),
    replace(GRAD_NORM, trends=(Trend("tau_b", "falls", "left"),)),
    *map(_inactive, (ACTIVE_EPS, *_OTHER_EPS)),
)  # fmt: skip

CATAE = (
    Metric("val_loss", "validation loss", "nats per image", "minimize", panel=Panel("left", 3)),
    Metric("val_loss_argmax", "validation loss, argmax code", "nats per image", "minimize"),
    replace(TRAIN_LOSS, unit="nats per image"),
    Metric(
        "perplexity", "perplexity of a latent", direction="maximize",
        panel=Panel("right", 3), beside="Figure 3b", trends=(Trend("tau_f", "rises", "left"),),
    ),
    Metric("perplexity_min", "perplexity of the least used latent", direction="maximize"),
    Metric("joint_perplexity", "perplexity of the whole code", direction="maximize"),
    Metric("kl", "KL divergence of the code from the uniform one", "nats per image"),
    replace(GRAD_SNR, trends=(Trend("tau_f", "falls", "right"),)),
)  # fmt: skip
CATAE_COLLAPSED = Collapse("perplexity", "below", 1.5)  # of K; 1 is a code that says nothing of its image

_GATE_TYPES = Distribution(
    "gate_perplexity",
    category="gate type",
    share="share of gates",
    meaning="how often each gate type is the most probable one",
    figure=5,
)


def _gate(name: str) -> Metric:
    spelled = name.replace("_", " ")
    return Metric(f"gate_{name}", f"share of the gate type {spelled}", category=Category(name, _GATE_TYPES))


DLN = (
    Metric("val_loss", "validation loss", "nats", "minimize"),
    Metric("val_loss_sampled", "validation loss, sampled gates", "nats", "minimize"),
    replace(TRAIN_LOSS, unit="nats", panel=Panel("left", 4)),
    Metric(
        "val_accuracy", "validation accuracy", direction="maximize",
        panel=Panel("right", 4), second_verdict=True,
    ),
    Metric("val_accuracy_sampled", "validation accuracy, sampled gates", direction="maximize"),
    Metric("discretisation_gap", "accuracy of sampled gates above that of argmax gates"),
    Metric(
        "gate_perplexity", "perplexity of the gate types", direction="maximize",
        beside="Figure 5", trends=(Trend("tau_f", axis="left"),),
    ),
    *map(_gate, GATES),
    Metric("gates_without_gradient", "share of gates without a gradient", direction="minimize"),
)  # fmt: skip
