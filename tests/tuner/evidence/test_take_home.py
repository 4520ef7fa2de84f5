"""What is exported: weights by method, tables, the spec, and a snippet that samples as the estimator does."""

import csv
import io
from dataclasses import replace

import pytest
import torch
import yaml
from pyarrow import parquet
from scipy.stats import ttest_1samp

from tests.support.rows import FRESH, study, trial
from trainables import decoupled_st, decoupled_st_binary
from tuner.evidence.analysis import results
from tuner.evidence.results import TrialResult
from tuner.evidence.take_home import export, latex, snippet
from tuner.evidence.trial_table import as_csv, as_parquet, trial_table
from tuner.ledger.methods import Variant

ROWS = [
    trial(0, [0.5, 0.6, 0.55], tau_f=0.25, tau_b=0.75),
    trial(1, [0.8, 0.7, 0.75], tau_f=1.0, tau_b=1.0),
    trial(2, [0.7, 0.6, 0.65], tau_f=None, tau_b=0.5, estimator="reinmax", role="baseline"),
    trial(3, [0.5, 0.6, 0.55, 0.5, 0.6], tau_f=0.25, tau_b=0.75, role="confirm", seeds=FRESH),
    trial(4, [0.8, 0.7, 0.75, 0.8, 0.9], tau_f=1.0, tau_b=1.0, role="confirm", seeds=FRESH),
]


@pytest.fixture
def exported(tmp_path):
    artifacts = tmp_path / "artifacts"
    for number in (3, 4):
        (artifacts / f"trial-{number}").mkdir(parents=True)
        for seed in FRESH:
            (artifacts / f"trial-{number}" / f"model-{seed}.safetensors").write_bytes(b"%d" % number)
        (artifacts / f"trial-{number}" / "picture.png").write_bytes(b"")
    found = results(study(), ROWS, [])
    files = export(study(), ROWS, found, tmp_path / "out", artifacts=artifacts, code=tmp_path / "code")
    return tmp_path / "out", files


def test_everything_is_there_once(exported):
    folder, files = exported
    names = {file.relative_to(folder).as_posix() for file in files}
    weights = {
        f"weights/{method}/model-{seed}.safetensors"
        for method in ("off_diagonal", "diagonal")
        for seed in FRESH
    }
    assert names == weights | {
        "trials.csv", "trials.parquet", "methods.tex", "methods.txt", "spec.yaml", "best.py"
    }  # fmt: skip
    assert names == {file.relative_to(folder).as_posix() for file in folder.rglob("*.*")}
    assert (folder / "weights" / "diagonal" / f"model-{FRESH[0]}.safetensors").read_bytes() == b"4"
    assert yaml.safe_load((folder / "spec.yaml").read_text()) == study().spec
    with (folder / "trials.csv").open() as file:
        assert [row["tau_b"] for row in csv.DictReader(file)] == ["0.75", "1.0", "0.5", "0.75", "1.0"]
    assert parquet.read_table(folder / "trials.parquet").num_rows == 5


@pytest.mark.parametrize(
    ("task", "said", "note"),
    [
        ("/somewhere/bits.py:Task", "code/bits.py:Task", ""),
        ("/somewhere/lost.py:Task", "/somewhere/lost.py:Task", ""),  # begun before code was kept
        ("python:Bits", "python:Bits", "# Begun by tuner.search, with a model whose source is in code/.\n"),
        ("sbn", "sbn", ""),
    ],
)
def test_the_source_of_ones_own_task_comes_along(tmp_path, task, said, note):
    (tmp_path / "code" / "parts").mkdir(parents=True)
    (tmp_path / "code" / "bits.py").write_text("import parts.helpers")
    (tmp_path / "code" / "parts" / "helpers.py").write_text("")
    row = replace(study(), task=task, spec=study().spec | {"task": task})
    where = {"artifacts": tmp_path, "code": tmp_path / "code"}
    files = export(row, ROWS, results(row, ROWS, []), tmp_path / "out", **where)
    copies = {file.relative_to(tmp_path / "out").as_posix() for file in files if "code" in file.parts}
    assert copies == {"code/bits.py", "code/parts/helpers.py"}
    assert (tmp_path / "out" / "code" / "bits.py").read_text() == "import parts.helpers"
    text = (tmp_path / "out" / "spec.yaml").read_text()
    assert "".join(line for line in text.splitlines(keepends=True) if line.startswith("#")) == note
    assert yaml.safe_load(text) == row.spec | {"task": said}


def test_the_latex_table_has_a_line_for_each_method():
    table = latex(results(study(), ROWS, []))
    lines = table[table.index(r"\midrule") : table.index(r"\bottomrule")].splitlines()[1:]
    assert lines[0].startswith("off the diagonal & 0.25 & 0.75 & 0.001 & $0.5500 \\pm ")
    assert [line.count("&") for line in lines] == [6] * 3
    assert "ReinMax & -- & 0.5 & 0.001" in table
    assert table.endswith("\\end{tabular}\n")
    assert "standard error over 3 seeds in the search and 5 seeds afterwards" in table


def test_the_latex_tables_have_the_gain_with_its_interval_and_its_test():
    found = results(study(), ROWS, [])
    table = latex(found)
    gain = found.gain  # of 0.55 over 0.8 on average, over the five fresh seeds
    lost = [0.3, 0.1, 0.2, 0.3, 0.3]
    assert gain.mean == pytest.approx(sum(lost) / 5)
    row = next(line for line in table.splitlines() if line.startswith("on the diagonal & $0.24$ &"))
    low, high = ttest_1samp(lost, 0).confidence_interval()
    assert row.split(" & ")[2] == f"${low:.4g}$ to ${high:.4g}$"
    assert row.split(" & ")[3] == f"${ttest_1samp(lost, 0).pvalue:.2g}$"
    assert row.endswith(r"& 5 of 5 \\")
    assert "% p: paired t-test over fresh seeds, two-sided;" in table
    assert "group-sequential" not in table  # it has a single look


def test_the_best_chosen_is_the_best_of_the_three_methods_of_two_temperatures():
    assert results(study(), ROWS, []).best_chosen.number == 0
    argmax = trial(5, [0.1, 0.2, 0.1], tau_f=0.0, tau_b=0.5)
    assert results(study(), [*ROWS, argmax], []).best_chosen.number == 5
    assert results(study("maximize"), ROWS, []).best_chosen.number == 1
    assert results(study(), [], []).best_chosen is None


def test_the_objective_of_a_trial_is_a_column_beside_the_metric_of_its_last_report():
    row = trial(0, [0.5, 0.6], metrics={"val_loss": [0.7, 0.9], "objective": [5.0, 5.0]})
    columns = trial_table([row], study().objective)
    assert columns["objective"] == pytest.approx([0.55])
    assert columns["objective_per_seed"] == [[0.5, 0.6]]
    assert columns["objective_sem"] == pytest.approx([0.05])
    assert columns["val_loss"] == pytest.approx([0.8])


@pytest.mark.parametrize("tau_f", [0.0, 0.25])
def test_the_snippet_samples_and_has_the_gradient_of_the_estimator(tau_f):
    rows = [trial(0, [0.5, 0.6], tau_f=tau_f, tau_b=0.75)]
    code: dict = {}
    exec(snippet(study(), results(study(), rows, []).best), code)
    logits = torch.tensor([[0.4, 0.1, -0.2]], dtype=torch.float64).repeat(40_000, 1).requires_grad_()
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    torch.manual_seed(0)
    for sample, ours in ((code["sample"], decoupled_st), (code["sample_binary"], decoupled_st_binary)):
        mine, theirs = sample(logits), ours(logits, tau_f, 0.75)
        assert ((mine - mine.round()).abs() < 1e-12).all()  # one-hot, or bits
        torch.testing.assert_close(mine.mean(0), theirs.mean(0), atol=0.02, rtol=0)
        gradients = [torch.autograd.grad((z * weights).sum(), logits)[0] for z in (mine, theirs)]
        torch.testing.assert_close(*gradients)
        quiet = sample(logits, training=False)
        torch.testing.assert_close(quiet, ours(logits, 0.0, 0.75))


def test_another_estimator_is_the_packages_layer():
    code: dict = {}
    exec(snippet(study(), TrialResult.of(ROWS[2])), code)
    assert (code["layer"].estimator, code["layer"].tau_b) == ("reinmax", 0.5)


TUNED = [
    replace(
        row, variant=Variant(optimizer=(("betas", (0.5, 0.9)), ("weight_decay", 0.25 * (row.number % 2))))
    )
    for row in ROWS
]


def test_what_was_chosen_of_the_optimiser_is_named():
    spec = {"optimizer": {"weight_decay": [0.0, 0.25], "betas": [[0.5, 0.9], [0.9, 0.99]], "warmup": 0.1}}
    tuned = study(spec=spec)
    found = results(tuned, TUNED, [])
    assert r"& 0.001, betas 0.5 0.9, weight\_decay 0 &" in latex(found)
    assert "Trained by Adam(lr=0.001, betas=(0.5, 0.9)); warmup 0.1.\n" in snippet(tuned, found.best)
    decayed = TrialResult.of(TUNED[1])
    assert "Trained by AdamW(lr=0.001, weight_decay=0.25, betas=(0.5, 0.9))" in snippet(tuned, decayed)
    namespace = {}
    exec(snippet(tuned, found.best), namespace)
    assert (namespace["TAU_F"], namespace["TAU_B"]) == (0.25, 0.75)


def test_tables_of_trials_have_a_column_for_each_searched_setting():
    columns = trial_table(TUNED, study().objective)
    assert columns["weight_decay"] == [0.0, 0.25, 0.0, 0.25, 0.0]
    assert columns["betas"] == [[0.5, 0.9]] * 5
    assert next(csv.DictReader(io.StringIO(as_csv(columns).decode())))["betas"] == "0.5 0.9"
    read = parquet.read_table(io.BytesIO(as_parquet(columns))).to_pydict()
    assert read["betas"][0] == [0.5, 0.9]
    assert "weight_decay" not in trial_table(ROWS, study().objective)
