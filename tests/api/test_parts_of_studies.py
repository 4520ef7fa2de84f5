"""What the API answers about single trials, a study's files, and studies that have not ended."""

import csv
import io
import json

import pytest
import yaml

from tests.support.served import SMALL
from trainables.declared import as_json
from trainables.metrics import Metric, Metrics
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue
from tuner.spec.study import parse_spec

NAN = float("nan")


class Writer:
    """Writes what a driver would into the ledger of a service."""

    def __init__(self, ledger, **changes):
        spec = parse_spec(SMALL | changes).model_dump(mode="json")
        about = {"name": spec["name"], "task": "sbn", "spec": spec}
        self.ledger = ledger
        self.study_id = ledger.create_study(**about, objective="val_loss", direction="minimize")
        self.lease = ledger.acquire(self.study_id, {"device": "cpu"})

    def start(self, *pairs, population="p", role="search", seeds=(0, 1), variant=None):
        more = {} if variant is None else {"variant": variant}
        found = [Proposal(role, "decoupled", f, b, 0.001, **more) for f, b in pairs]
        return [t.number for t in self.ledger.start_population(self.lease, population, found, seeds)]

    def report(self, rows, interval, *, final=False):
        rows = {n: {"val_loss": values, "val_accuracy": [0.5, 0.7]} for n, values in rows.items()}
        self.ledger.record(
            self.lease, interval=interval, epoch=2.0 * interval, training_s=1.0, rows=rows, final=final
        )


def brief(http, study_id):
    answer = http.get(f"/studies/{study_id}/trials", params={"brief": True}).json()
    return answer["compared_at"], {t["number"]: t for t in answer["items"]}


def test_a_study_says_what_its_metrics_are_called_where_its_task_is_not_here(http, service):
    declared = Metrics((Metric("val_bits", "code length", "bits", direction="minimize"),))
    spec = parse_spec(SMALL).model_dump(mode="json")
    study_id = service.ledger.create_study(
        name="own", task="/not/here.py:Task", spec=spec, objective="val_bits", direction="minimize",
        metrics=as_json(declared),
    )  # fmt: skip
    named = {metric["name"]: metric for metric in http.get(f"/studies/{study_id}").json()["metrics"]}
    assert named["val_bits"] == {
        "name": "val_bits", "label": "code length", "title": "code length (bits)", "unit": "bits",
        "direction": "minimize", "measured": "evaluation", "second_verdict": False,
    }  # fmt: skip
    assert named["test_bits"]["title"] == "code length, test set (bits)"
    assert named["train_loss"]["title"] == "training loss"


def test_the_progress_of_a_study_is_counted_where_its_task_is_not_here(http, service):
    spec = parse_spec(SMALL).model_dump(mode="json") | {"task": "/not/here.py:Task", "dataset": "own"}
    fields = {"spec": spec, "objective": "val_loss", "direction": "minimize"}
    ours = service.ledger.create_study(name="ours", task="sbn", **fields | {"spec": spec | SMALL})
    other = service.ledger.create_study(name="other", task=spec["task"], **fields)
    mine, its = (http.get(f"/studies/{one}").json()["progress"] for one in (ours, other))
    assert its == mine
    assert its["trials"]["total"] > 0


# --- studies that have not ended ---


def test_trials_that_run_are_compared_where_all_of_them_have_been(http, service):
    writer = Writer(service.ledger)
    ahead = writer.start((0.1, 0.5), (0.1, 1.0))
    behind = writer.start((0.5, 0.5), population="q")
    fresh = writer.start((0.5, 1.0), population="r")
    for interval, (a, b) in enumerate([(9, 8), (7, 6), (3, 2)], 1):
        writer.report({ahead[0]: [a, a], ahead[1]: [b, b]}, interval)
    writer.report({behind[0]: [5, 7]}, 2)
    epoch, trials = brief(http, writer.study_id)
    assert epoch == 4.0
    assert [trials[n]["compared"] for n in (*ahead, *behind, *fresh)] == [
        {"mean": 7.0, "sem": 0.0},
        {"mean": 6.0, "sem": 0.0},
        {"mean": 6.0, "sem": 1.0},
        None,
    ]
    assert [trials[n]["mean"] for n in (*ahead, *behind, *fresh)] == [3.0, 2.0, 6.0, None]
    assert [trials[n]["epoch"] for n in (*ahead, *behind, *fresh)] == [6.0, 6.0, 4.0, 0.0]


def test_a_population_that_has_just_begun_does_not_take_the_others_back(http, service):
    writer = Writer(service.ledger, reports=20, epochs=40)
    ended, begun = writer.start((0.1, 0.5)), writer.start((0.5, 0.5), population="q")
    for interval in range(1, 21):
        writer.report({ended[0]: [1.0, 1.0]}, interval, final=interval == 20)
    writer.report({begun[0]: [9.0, 9.0]}, 1)
    assert brief(http, writer.study_id)[0] is None
    writer.report({begun[0]: [8.0, 8.0]}, 2)  # a tenth of its training
    epoch, trials = brief(http, writer.study_id)
    assert epoch == 4.0
    assert trials[ended[0]]["compared"]["mean"] == 1.0
    assert trials[begun[0]]["compared"]["mean"] == 8.0


def test_what_has_succeeded_is_compared_at_its_end(http, service):
    writer = Writer(service.ledger)
    numbers = writer.start((0.1, 0.5), (0.5, 0.5))
    writer.report({n: [2.0, 2.0] for n in numbers}, 1)
    writer.report({n: [1.0, 1.0] for n in numbers}, 4, final=True)
    writer.ledger.release(writer.lease, "succeeded")
    epoch, trials = brief(http, writer.study_id)
    assert epoch is None
    assert {t["compared"] for t in trials.values()} == {None}


def test_a_cancelled_study_keeps_its_curves(http, service):
    writer = Writer(service.ledger)
    numbers = writer.start((0.1, 0.5), (0.5, 0.5))
    for interval, value in ((1, 3.0), (2, 2.0)):
        writer.report({numbers[0]: [value, value], numbers[1]: [value + 1, value]}, interval)
    queue = StudyQueue(service.ledger)
    queue.cancel(writer.study_id)
    queue.end_cancelled(writer.lease)
    assert http.get(f"/studies/{writer.study_id}").json()["state"] == "cancelled"
    epoch, trials = brief(http, writer.study_id)
    assert (epoch, trials[numbers[0]]["state"], trials[numbers[0]]["epoch"]) == (4.0, "stopped", 4.0)
    assert trials[numbers[1]]["compared"] == {"mean": 2.5, "sem": 0.5}
    curves = {c["method"]: c for c in http.get(f"/studies/{writer.study_id}/curves").json()["curves"]}
    assert curves["off_diagonal"]["epoch"] == [2.0, 4.0]
    assert curves["off_diagonal"]["mean"] == [3.0, 2.0]
    assert curves["diagonal"]["seeds"] == [0, 1]
    assert http.get(f"/studies/{writer.study_id}").json()["figures"] == []  # no trial was trained to its end


def test_the_populations_that_train_are_told(http, service):
    writer = Writer(service.ledger)
    first = writer.start((0.1, 0.5), (0.1, 1.0))
    writer.report({n: [1.0, 1.0] for n in first}, 1)
    writer.start((0.5, 0.5), population="q")
    of_search = {"roles": ["search"], "epochs": 8}
    assert http.get(f"/studies/{writer.study_id}").json()["progress"]["training"] == [
        of_search | {"trials": 2, "first": 0, "last": 1, "fraction": 0.25, "epoch": 2.0},
        of_search | {"trials": 1, "first": 2, "last": 2, "fraction": 0.0, "epoch": 0.0},
    ]


def test_the_place_in_the_queue_is_that_of_now(http, service):
    spec = parse_spec(SMALL)
    queue = StudyQueue(service.ledger)
    about = {"task": "sbn", "spec": spec.model_dump(mode="json"), "objective": "val_loss"}
    first, second = (
        queue.submit(name=name, direction="minimize", owner=None, **about)[0] for name in ("a", "b")
    )
    assert http.get(f"/studies/{second}").json()["position"] == 2
    http.post(f"/studies/{first}/cancel")
    assert http.get(f"/studies/{second}").json()["position"] == 1


# --- one trial ---


def test_a_trial_is_told_seed_by_seed(http, service):
    writer = Writer(service.ledger)
    schedule = Variant(schedule=(Segment(0.0, 0.1, 0.5, 0.001), Segment(4.0, 0.0, 0.4, 0.002)))
    (number,) = writer.start((0.1, 0.5), variant=schedule)
    (again,) = writer.start((0.1, 0.5), population="c", role="confirm", seeds=(2, 3), variant=schedule)
    writer.report({number: [4.0, 2.0]}, 1)
    writer.report({number: [3.0, NAN]}, 2)
    trial = http.get(f"/studies/{writer.study_id}/trials/{number}").json()
    assert trial["variant"]["schedule"][1] == [4.0, 0.0, 0.4, 0.002]
    assert trial["seeds"] == [0, 1]
    assert trial["curves"]["epoch"] == [2.0, 4.0]
    assert trial["curves"]["metrics"]["val_loss"] == {
        "mean": [3.0, None],
        "sem": [1.0, None],
        "seeds": [[4.0, 3.0], [2.0, None]],
    }
    assert trial["same"] == [{"number": again, "role": "confirm", "seeds": [2, 3]}]
    assert (trial["trials"], trial["attempts"], trial["files"], trial["mlflow"]) == (2, 1, [], None)
    assert http.get(f"/studies/{writer.study_id}/trials/7").status_code == 404
    assert http.get(f"/studies/{writer.study_id}/trials/-1").status_code == 422


# --- files ---


@pytest.fixture
def ended(service):
    writer = Writer(service.ledger)
    numbers = writer.start((0.1, 0.5), (0.5, 0.5))
    for interval in (1, 4):
        rows = {numbers[0]: [1.0 / interval, 2.0 / interval], numbers[1]: [3.0, NAN]}
        writer.report(rows, interval, final=interval == 4)
    writer.ledger.release(writer.lease, "succeeded")
    return writer


def test_the_files_of_a_study(http, service, ended):
    folder = service.settings.artifacts_folder(ended.study_id) / "trial-0"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"weights")
    base = f"/studies/{ended.study_id}/files"
    found = {file["name"]: file for file in http.get(base).json()["items"]}
    tables = {"trials.csv", "trials.parquet", "methods.tex", "methods.txt"}
    assert found.keys() >= tables | {"report.html", "results.json", "spec.yaml", "best.py"}
    assert found["trials/0/model.pt"]["bytes"] == 7
    for name, start in (
        ("report.html", b"<!doctype html"),
        ("figures/curves.png", b"\x89PNG"),
        ("figures/curves.svg", b"<?xml"),
        ("figures/curves.pdf", b"%PDF"),
        ("trials/0/model.pt", b"weights"),
        ("trials.parquet", b"PAR1"),
        ("methods.tex", b"% val_loss (minimize)"),
        ("methods.txt", b"The "),
        ("best.py", b'"""the best pair of temperatures of study'),
    ):
        answer = http.get(f"{base}/{name}")
        assert answer.content.lower().startswith(start.lower()), name
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["content-type"].partition(";")[0] == found[name]["media_type"]
    assert json.loads(http.get(f"{base}/results.json").content)["study"] == ended.study_id
    assert parse_spec(yaml.safe_load(http.get(f"{base}/spec.yaml").content)) == parse_spec(SMALL)
    tag = http.get(f"{base}/report.html").headers["etag"]
    assert http.get(f"{base}/report.html", headers={"If-None-Match": tag}).status_code == 304


@pytest.fixture
def weights(service, ended):
    """The address of a file of ten bytes that a trial has left."""
    folder = service.settings.artifacts_folder(ended.study_id) / "trial-0"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"0123456789")
    return f"/studies/{ended.study_id}/files/trials/0/model.bin"


def test_a_file_that_is_known_is_not_sent_again(http, weights):
    first = http.get(weights)
    assert first.headers["cache-control"] == "private, no-cache"
    again = http.get(weights, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


@pytest.mark.parametrize(
    ("asked", "status", "sent"),
    [
        ("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"), ("bytes=-2", 206, b"89"),
        ("bytes=4-2", 200, b"0123456789"), ("bytes=-", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"), (f"bytes={'0' * 9000}-", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
    ],
)  # fmt: skip
def test_a_range_of_a_file_is_sent_and_what_is_none_is_ignored(http, weights, asked, status, sent):
    answer = http.get(weights, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, sent)


@pytest.mark.usefixtures("weights")
def test_a_link_among_a_trials_files_is_none_of_them(http, service, ended, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of somebody else")
    artifacts = service.settings.artifacts_folder(ended.study_id)
    (artifacts / "trial-0" / "link.txt").symlink_to(secret)
    (artifacts / "trial-1").symlink_to(tmp_path)
    for name in ("trial-2.bak", "trial-x"):
        (artifacts / name).mkdir()
    (artifacts / "trial-3").touch()
    base = f"/studies/{ended.study_id}/files"
    left = [file["name"] for file in http.get(base).json()["items"] if file["kind"] == "trial"]
    assert left == ["trials/0/model.bin"]
    for name in ("trials/0/link.txt", "trials/1/secret", "trials/2.bak/x", "trials/3/x"):
        assert http.get(f"{base}/{name}").status_code == 404


@pytest.mark.parametrize("name", ["nope.txt", "../ledger.db", "trials/0/../../../ledger.db", "figures/x.png"])
def test_only_a_studys_own_files_are_given(http, ended, name):
    path = f"/studies/{ended.study_id}/files/{name.replace('..', '%2e%2e')}"
    assert http.get(path).status_code == 404


def test_the_tables_have_a_row_for_each_trial(http, ended):
    from pyarrow import parquet

    base = f"/studies/{ended.study_id}/files"
    rows = list(csv.DictReader(io.StringIO(http.get(f"{base}/trials.csv").text)))
    assert [row["state"] for row in rows] == ["succeeded", "diverged"]
    assert [row["val_loss"] for row in rows] == ["0.375", ""]
    assert [row["objective_per_seed"] for row in rows] == ["0.25 0.5", "3.0 "]
    assert rows[0]["variant"] == ""
    table = parquet.read_table(io.BytesIO(http.get(f"{base}/trials.parquet").content)).to_pydict()
    assert table["number"] == [0, 1]
    assert table["val_loss"] == [0.375, None]
    assert table["objective_per_seed"] == [[0.25, 0.5], [3.0, None]]
    assert table["val_accuracy"] == pytest.approx([0.6, 0.6])
    assert table["seeds"] == [[0, 1], [0, 1]]
    assert table["variant"] == [None, None]


# --- lists ---


@pytest.mark.usefixtures("ended")
def test_a_list_says_what_ended_studies_have_found(http, service):
    Writer(service.ledger, name="another")
    another, first = http.get("/studies").json()["items"]
    assert (another["verdict"], another["best"], another["gain"]) == (None, None, None)
    assert first["strategy"] == "grid"
    assert first["best"] == {"number": 0, "tau_f": 0.1, "tau_b": 0.5, "lr": 0.001}
    assert first["gain"] is None  # the only trial on the diagonal has diverged


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("DEEP", ["deep-one"]),
        ("sbn", ["deep-one", "small"]),
        ("digi", ["deep-one", "small"]),
        ("100%", []),
        ("_", []),
        ("", ["deep-one", "small"]),
    ],
)
def test_studies_are_found_by_a_text(http, service, text, names):
    for name in ("small", "deep-one"):
        Writer(service.ledger, name=name)
    found = http.get("/studies", params={"text": text}).json()["items"]
    assert [study["name"] for study in found] == names


# --- what users write beside a study ---


def test_a_comment_that_is_no_text_is_told_in_the_words_of_the_api(http, ended):
    answer = http.patch(f"/studies/{ended.study_id}", json={"comment": 5})
    assert answer.json()["errors"] == [{"field": "comment", "message": "must be a valid string"}]
    answer = http.get("/studies", params={"limit": "many"})
    (error,) = answer.json()["errors"]
    assert error["message"].startswith("must be a valid integer")


def test_tags_and_a_comment_are_written_and_found(http, ended):
    path = f"/studies/{ended.study_id}"
    before = http.get(path).json()
    assert (before["tags"], before["comment"]) == ([], "")
    answer = http.patch(path, json={"tags": ["paper", "größer", "paper"]})
    assert (answer.status_code, answer.json()["tags"]) == (200, ["paper", "größer"])
    http.patch(path, json={"comment": "the one in Table 2"})
    after = http.get(path).json()
    assert (after["tags"], after["comment"]) == (["paper", "größer"], "the one in Table 2")
    assert after["revision"] > before["revision"]
    for text in ("größ", "TABLE 2"):
        found = http.get("/studies", params={"text": text}).json()["items"]
        assert [study["id"] for study in found] == [ended.study_id]
    assert http.patch(path, json={"tags": []}).json()["tags"] == []
    assert http.get("/studies").json()["items"][0]["comment"] == "the one in Table 2"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tags": "paper"}, "tags"),
        ({"tags": ["a,b"]}, "tags.0"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": [str(n) for n in range(21)]}, "tags"),
        ({"comment": "x" * 2001}, "comment"),
        ({"name": "another"}, "name"),
    ],
)
def test_what_is_written_beside_a_study_has_bounds(http, ended, body, field):
    answer = http.patch(f"/studies/{ended.study_id}", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_how_a_search_went_is_told(http, service):
    writer = Writer(service.ledger)
    numbers = writer.start((0.1, 0.5), (0.1, 1.0), (0.5, 0.5))
    losses = dict(zip(numbers, ([3.0, 3.0], [1.0, 1.0], [2.0, 2.0]), strict=True))
    writer.report(losses, 4, final=True)
    course = http.get(f"/studies/{writer.study_id}/search").json()
    assert [step["best"] for step in course["steps"]] == [3.0, 1.0, 1.0]
    assert (course["importance"], course["paths"]) == (None, [])


def test_the_paths_of_schedules_are_told(http, service):
    writer = Writer(service.ledger)
    segments = (Segment(0.0, 0.1, 0.5, 0.001), Segment(4.0, 0.05, 0.4, 0.001))
    (number,) = writer.start((0.1, 0.5), variant=Variant(schedule=segments))
    writer.report({number: [1.0, 1.0]}, 4, final=True)
    (path,) = http.get(f"/studies/{writer.study_id}/search").json()["paths"]
    assert path == {"trial": number, "source": None, "segments": [list(s) for s in segments], "mean": 1.0}
