"""Declarations of metrics: what is found by a name, what contradicts itself, and that torch is not needed."""

import subprocess
import sys

import pytest

from tests.support.tasks import BUILT_IN
from trainables.metrics import (
    GRAD_SNR,
    Category,
    Collapse,
    Distribution,
    Family,
    Metric,
    Metrics,
    Panel,
    Threshold,
    Trend,
)
from trainables.tasks import task_metrics, task_type

LEFT, RIGHT = Panel("left", 2), Panel("right", 2)
FAMILY, OTHER = (Family(name, "threshold", "caption") for name in ("dead", "silent"))
FIRST, SECOND = (Distribution(name, "kind", "share", "how often") for name in ("perplexity", "other"))


def metric(name="a", **declared):
    return Metric(name, name, **declared)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_had_without_the_task_is_what_the_task_declares(name):
    task = task_type(name)
    assert task_metrics(name) == Metrics(task.metrics, task.collapsed)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("val_loss", "validation loss (nats)"),
        ("train_loss", "training loss (nats)"),
        ("inactive_1e-04", "share of inactive units, threshold 1e-04"),
        ("test_loss", "test loss (nats)"),
        ("test_accuracy_16", "test accuracy, mean of 16 passes"),
        ("grad_snr", "signal-to-noise ratio of the gradient"),
        ("val_of_my_own", "validation of my own"),
        ("speed", "speed"),
    ],
)
def test_every_name_has_a_label(name, title):
    assert task_metrics("sbn").of(name).title == title


def test_the_twin_of_a_metric_on_the_test_set_keeps_unit_and_direction_but_serves_nothing_else():
    metrics = Metrics((Metric("val_wealth", "wealth of words", "bits", "maximize", beside="Figure 7"),))
    assert metrics.of("test_wealth") == Metric("test_wealth", "wealth of words, test set", "bits", "maximize")


def test_all_that_may_be_measured_is_named_once_the_test_set_included():
    own = Metric("val_bits", "code length", "bits", direction="minimize")
    spoken = Metric("test_bits", "code length of what nobody saw", "bits")
    assert [m.name for m in Metrics((own,)).named] == [
        "val_bits", "train_loss", "grad_snr", "grad_norm", "grad_norm_std", "score", "score_epoch",
        "grad_snr_initial", "grad_norm_initial", "grad_norm_std_initial", "test_bits",
    ]  # fmt: skip
    assert Metrics((own,)).named[-1] == Metric("test_bits", "code length, test set", "bits", "minimize")
    assert [m for m in Metrics((own, spoken)).named if m.name == "test_bits"] == [spoken]


def test_a_diagnosis_at_the_initial_weights_is_called_so():
    assert task_metrics("sbn").of("grad_norm_initial").title == "norm of the gradient, initial weights"
    assert task_metrics("sbn").of("val_loss_initial").title == "validation loss initial"  # is no diagnosis


def test_a_task_that_is_not_installed_declares_nothing_and_says_why():
    metrics = task_metrics("chess")
    assert metrics.declared == ()
    assert "task must be one of" in metrics.problem
    assert metrics.of("val_loss").title == "validation loss"


def test_an_axis_that_a_task_uses_is_not_the_engines_any_more():
    mine = metric(trends=(Trend("tau_f", "rises", "right"),))
    assert Metrics().drawn("tau_f", "right") == [GRAD_SNR]
    assert Metrics((mine,)).drawn("tau_f", "right") == [mine]
    assert [m.name for m in Metrics((mine,)).drawn("tau_b", "left")] == ["grad_norm"]


def test_figures_are_named_after_the_papers_where_it_has_them():
    shares = Metrics((metric("gate_a", category=Category("a", FIRST)), metric("perplexity")))
    assert shares.figure_of("perplexity") == "distribution"
    assert task_metrics("dln").figure_of("gate_perplexity") == "figure5"
    assert task_metrics("sbn").figure_of("inactive_1e-05") == "inactive"
    assert task_metrics("catae").figure_of("perplexity") == "figure3"
    assert task_metrics("catae").figure_of("kl") is None


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ((metric(), metric()), "a is declared twice"),
        ((metric(panel=LEFT),), "one must have the left panel"),
        ((metric(panel=LEFT), metric("b", panel=Panel("right", 3))), "of one figure"),
        ((metric(panel=LEFT), metric("b", panel=RIGHT), metric("c", panel=RIGHT)), "one the right"),
        ((metric(beside="Figure 7"),), "a is compared between methods and must have a direction"),
        ((metric(second_verdict=True),), "must have a direction"),
        ((metric(threshold=Threshold(0.1, FAMILY)),), "exactly one must decide"),
        (
            (metric(threshold=Threshold(0.1, FAMILY, True)), metric("b", threshold=Threshold(0.2, OTHER))),
            "all must be of one family",
        ),
        (
            (metric(category=Category("x", FIRST)), metric("b", category=Category("y", SECOND))),
            "all be of one distribution",
        ),
        (
            tuple(metric(name, trends=(Trend("tau_f", "falls", "left"),)) for name in "ab"),
            "the axis of tau_f on the left has two metrics",
        ),
    ],
)
def test_declarations_that_contradict_each_other_are_refused(declared, said):
    with pytest.raises(ValueError, match=f"^metrics: .*{said}"):
        Metrics(declared)


def test_a_collapse_names_a_declared_metric():
    with pytest.raises(ValueError, match="collapsed names b, which is not declared"):
        Metrics((metric(),), Collapse("b", "below", 1.0))


def test_a_member_collapses_below_or_above_a_value():
    assert Collapse("perplexity", "below", 1.5).holds(1.2)
    assert not Collapse("perplexity", "below", 1.5).holds(1.5)
    assert Collapse("loss", "above", 1.5).holds(2.0)
    assert not Collapse("loss", "above", 1.5).holds(1.5)


def test_declarations_are_read_without_torch():
    code = (
        "import sys; from trainables.tasks import task_metrics; from tuner.evidence import analysis, report; "
        "[task_metrics(name) for name in ('sbn', 'catae', 'dln')]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
