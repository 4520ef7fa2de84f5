"""What `tuner export` writes for use in a paper and in other code: trained weights, the trials as tables,
LaTeX tables of methods and gains, a paragraph on how they were found, the spec, a snippet for plain torch,
and the source of one's own task.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from trainables.model_file import file_name
from trainables.tasks import own
from tuner.evidence.methods_text import methods_text
from tuner.evidence.over_seeds import Gain, Summary
from tuner.evidence.report import MethodRow, methods_table
from tuner.evidence.results import Results, TrialResult
from tuner.evidence.trial_table import as_csv, as_parquet, trial_table
from tuner.ledger.methods import DECOUPLED, SOFTMAX
from tuner.ledger.rows import Role, StudyRow, TrialRow, TrialState
from tuner.ledger.study_metrics import metrics_of
from tuner.spec.optimizer import OptimizerSpec

CODE = "code"  # the folder of an export with the source of the study's task


def export(
    study: StudyRow,
    trials: Sequence[TrialRow],
    found: Results,
    folder: Path,
    *,
    artifacts: Path,
    code: Path,
) -> list[Path]:
    """Writes trials.csv, trials.parquet, methods.tex, methods.txt, spec.yaml, best.py (where there is a best
    trial), weights/METHOD/ with the models of the confirmed seeds, and code/ with the source of a task that
    no package brings. Returns the paths of all files.

    Args:
        study, trials: rows of the ledger.
        found: the study's results.
        folder: where the files are written; it is created.
        artifacts: the folder with the files of confirmed trials, trial-NUMBER/NAME.
        code: the folder with the source of the study's task, which need not be there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = trial_table(trials, study.objective)
    written = {
        "trials.csv": as_csv(table),
        "trials.parquet": as_parquet(table),
        "methods.tex": text_file("methods.tex", study, found),
        "methods.txt": text_file("methods.txt", study, found),
        "spec.yaml": _spec(study, code).encode(),
    }
    if found.best_chosen is not None:
        written["best.py"] = text_file("best.py", study, found)
    for name, content in written.items():
        (folder / name).write_bytes(content)
    weights = _weights(trials, found, artifacts, folder / "weights")
    return [*(folder / name for name in written), *weights, *_copied(code, folder / CODE)]


def _spec(study: StudyRow, code: Path) -> str:
    """The spec as YAML. A task in a file is named by the copy of that file beside the spec."""
    place, _, attribute = study.task.rpartition(":")
    if own.is_file(study.task) and (code / Path(place).name).is_file():
        return spec_text(study.spec | {"task": f"{CODE}/{Path(place).name}:{attribute}"})
    if study.task.startswith(own.GIVEN):
        return f"# Begun by tuner.search, with a model whose source is in {CODE}/.\n{spec_text(study.spec)}"
    return spec_text(study.spec)


def spec_text(spec: Mapping[str, Any]) -> str:
    """A study's spec as YAML, with its fields in their order."""
    text: str = yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True)
    return text


def _copied(code: Path, folder: Path) -> list[Path]:
    """Copies the source files of a task, in their folders."""
    copied = []
    for file in sorted(code.rglob("*.py")):
        target = folder / file.relative_to(code)
        target.parent.mkdir(parents=True, exist_ok=True)
        copied.append(Path(shutil.copyfile(file, target)))
    return copied


def text_file(name: str, study: StudyRow, found: Results) -> bytes:
    """The content of methods.tex, methods.txt or best.py; of another name KeyError."""
    return _TEXTS[name](study, found).encode()


_TEXTS: dict[str, Callable[[StudyRow, Results], str]] = {
    "methods.tex": lambda _, found: latex(found),
    "methods.txt": lambda study, found: f"{methods_text(study, found, metrics_of(study))}\n",
    "best.py": lambda study, found: snippet(study, found.best_chosen),
}


def _weights(trials: Sequence[TrialRow], found: Results, artifacts: Path, folder: Path) -> list[Path]:
    """Copies the models of every method's confirmed trials, of all looks."""
    copied = []
    for name, confirmed in found.confirmed.items():
        for file in model_files(confirmed.number, trials, artifacts):
            (folder / name).mkdir(parents=True, exist_ok=True)
            copied.append(Path(shutil.copyfile(file, folder / name / file.name)))
    return copied


def model_files(number: int, trials: Sequence[TrialRow], artifacts: Path) -> list[Path]:
    """The files with the trained models of a trial's configuration, one for each confirmed seed that has one,
    in the order of the looks. `number` is that of any trial with that configuration.
    """
    method = next(t.method for t in trials if t.number == number)
    found = []
    for trial in sorted(trials, key=lambda t: t.look):
        if trial.role is Role.CONFIRM and trial.state is TrialState.SUCCEEDED and trial.method == method:
            of_trial = (artifacts / f"trial-{trial.number}" / file_name(seed) for seed in trial.seeds)
            found += [file for file in of_trial if file.exists()]
    return found


def latex(found: Results) -> str:
    """Two LaTeX tables (package booktabs): the best of every method, and the gains of the best off the
    diagonal over each of the others. What a caption needs to say is in comments above them.
    """
    rows = methods_table(found)
    head = ["method", r"$\tau_f$", r"$\tau_b$", "learning rate", "search", "fresh seeds", "trials"]
    lines = [
        rf"% {found.objective.name} ({found.objective.direction}), mean $\pm$ standard error over "
        f"{_counted(row.trial for row in rows)} in the search and "
        f"{_counted(row.confirmed for row in rows if row.confirmed)} afterwards;",
        "% trials: the configurations that a method's best was chosen from.",
        f"% {found.verdict_line}",
        *_tabular(head, [_method(row) for row in rows]),
        "",
        "% Gain of the best off the diagonal over each method, paired over seeds; positive: it is better.",
        f"% p: {found.statistics.test}.",
    ]
    gains = ["off the diagonal against", "gain", r"95\,\% interval", "$p$", "seeds won"]
    lines += _tabular(gains, [_gain(row.method, row.gain) for row in rows if row.gain is not None])
    return "\n".join(lines) + "\n"


def _counted(trials: Iterable[TrialResult]) -> str:
    """Of how many seeds the numbers of some trials are, like "5 seeds"; they may differ with looks."""
    seeds = sorted({len(trial.objective.seeds) for trial in trials})
    text = " to ".join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1]))) if seeds else "no"
    return f"{text} seed{'' if text == '1' else 's'}"


def _tabular(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _method(row: MethodRow) -> list[str]:
    return [
        _escaped(row.method),
        *map(_number, (row.trial.tau_f, row.trial.tau_b)),
        _escaped(row.trial.numbers[2]),
        _score(row.trial.objective),
        _score(row.confirmed.objective if row.confirmed else None),
        str(row.tuned_with),
    ]


def _gain(method: str, gain: Gain) -> list[str]:
    p_value = gain.p_value if gain.p_overall is None else gain.p_overall
    wins = gain.wins
    return [
        _escaped(method),
        "--" if gain.mean is None else f"${gain.mean:.4g}$",
        "--" if gain.ci95 is None else f"${gain.ci95[0]:.4g}$ to ${gain.ci95[1]:.4g}$",
        "--" if p_value is None else f"${p_value:.2g}$" if p_value >= 1e-4 else "$<0.0001$",
        "--" if wins is None else f"{wins.wins} of {gain.seeds}",
    ]


_LATEX = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _number(value: float | None) -> str:
    return "--" if value is None else f"{value:g}"


def _score(score: Summary | None) -> str:
    if score is None or score.mean is None:
        return "--"
    return f"${score.mean:.4f}$" if score.sem is None else rf"${score.mean:.4f} \pm {score.sem:.4f}$"


def snippet(study: StudyRow, best: TrialResult | None) -> str:
    """A Python file that samples as the best trial does: in plain torch where its estimator is decoupled or
    softmax ST with constant temperatures, otherwise with this package's layer. Without a best trial the file
    has only a docstring that says so.
    """
    if best is None:
        return f'"""Study {study.id} has no best configuration: no trial has succeeded so far."""\n'
    tau_f, tau_b = best.tau_f, best.tau_b
    trained = optimizer_text(study.spec, best)
    head = _HEAD.format(study=study.id, estimator=best.estimator, tau_f=tau_f, tau_b=tau_b, trained=trained)
    plain = best.estimator in (DECOUPLED, SOFTMAX) and (best.variant is None or best.variant.steady)
    return head + (_PLAIN.format(tau_f=tau_f, tau_b=tau_b) if plain else _LAYER.format(trial=best))


def optimizer_text(spec: Mapping[str, Any], trial: TrialResult) -> str:
    """The optimiser with which a trial was trained, as people read it: torch's class with its arguments, then
    the other settings of the spec.
    """
    settings = {**OptimizerSpec().model_dump(), **(spec.get("optimizer") or {}), **trial.settings}
    arguments = {"lr": trial.lr} | {name: settings.pop(name) for name in ("weight_decay", "betas")}
    name = "AdamW" if arguments["weight_decay"] else "Adam"
    beside = {name: value for name, value in settings.items() if value not in (None, 0, "constant")}
    called = ", ".join(f"{name}={_argument(value)}" for name, value in arguments.items() if value)
    return "; ".join([f"{name}({called})", *(f"{name} {_argument(value)}" for name, value in beside.items())])


def _argument(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_argument, value))})"
    return f"{value:g}" if isinstance(value, int | float) else str(value).lower()


_HEAD = '''"""The best pair of temperatures of study {study}: {estimator}, tau_f {tau_f}, tau_b {tau_b}.

Trained by {trained}.
Weights of a seed: state = safetensors.torch.load_file("weights/METHOD/model-SEED.safetensors")
"""

'''
_PLAIN = '''import torch
import torch.nn.functional as F

TAU_F, TAU_B = {tau_f}, {tau_b}


def sample(logits, training=True):
    """One-hot samples over the last axis, with a gradient; argmax where training is False."""
    gumbel = -torch.empty_like(logits).exponential_().log()
    noisy = logits + (TAU_F * gumbel if training else 0)
    hard = F.one_hot(noisy.argmax(-1), logits.shape[-1]).to(logits.dtype)
    soft = (logits / TAU_B).softmax(-1)
    return hard + soft - soft.detach()


def sample_binary(logits, training=True):
    """Samples in 0 and 1, one for each logit, with a gradient."""
    uniform = torch.rand_like(logits).clamp(1e-7, 1 - 1e-7)
    noisy = logits + (TAU_F * uniform.logit() if training else 0)
    soft = (logits / TAU_B).sigmoid()
    return (noisy > 0).to(logits.dtype) + soft - soft.detach()
'''
_LAYER = """from trainables.nn import StraightThrough

layer = StraightThrough({trial.tau_f}, {trial.tau_b}, estimator="{trial.estimator}")  # binary=True for bits
"""
