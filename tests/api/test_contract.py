"""The API over a real ledger: its contract, its refusals, who sees what; and fuzzed by its own
description.
"""

import json
import re
import signal
import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.application.auth import Limiter
from api.application.errors import Problem
from api.application.settings import ServiceSettings
from api.studies import jobs
from tests.support.patience import wait_for
from tests.support.processes import kill
from tests.support.specs import TINY
from trainables.tasks import task_metrics
from tuner.errors import UserError
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.network import any_free_port, port_is_free
from tuner.spec.study import PRESETS, load_spec, preset_names

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.fixture
def ledger(service):
    return service.ledger


def submitted(http, **changes):
    answer = http.post("/studies", json=TINY | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def trained(http, ledger):
    """A study of two trials that has succeeded."""
    study = submitted(http)
    lease = ledger.acquire(study, {})
    proposals = [Proposal("search", "decoupled", 0.5, tau, 0.001) for tau in (0.5, 1.0)]
    ledger.start_population(lease, "p", proposals, [0, 1])
    scores = {0: {"val_loss": [1.0, 2.0]}, 1: {"val_loss": [3.0, float("nan")]}}
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows=scores, final=True)
    ledger.release(lease, "succeeded")
    return study


def test_a_study_is_submitted_read_cancelled_and_deleted(http):
    answer = http.post("/studies", json=TINY)
    study = answer.json()["id"]
    assert answer.headers["location"] == f"/studies/{study}"
    assert "retry-after" in answer.headers
    row = http.get(f"/studies/{study}").json()
    assert (row["state"], row["position"], row["spec"]["epochs"]) == ("queued", 1, 4)
    assert row["progress"]["trials"] == {"done": 0, "running": 0, "failed": 0, "total": 14}
    assert row["progress"]["members"]["total"] == 9 * 2 + 5 * 3
    for _ in range(2):
        answer = http.post(f"/studies/{study}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    answer = http.post(f"/studies/{study}/resume")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert http.delete(f"/studies/{study}").status_code == 204
    assert http.get(f"/studies/{study}").status_code == 404


def test_what_a_study_found_is_what_the_command_line_prints(http, ledger):
    from tuner.evidence import analysis
    from tuner.evidence.results import TrialResult

    study = trained(http, ledger)
    results = http.get(f"/studies/{study}/results")
    rows = ledger.study(study), ledger.trials(study), ledger.measurements(study)
    found = analysis.results(*rows, metrics=task_metrics("sbn"))
    assert results.json() == found.plain()
    trials = http.get(f"/studies/{study}/trials").json()["items"]
    assert trials == [TrialResult.of(t).plain() for t in ledger.trials(study)]
    brief = http.get(f"/studies/{study}/trials?brief=true&limit=1").json()
    assert (brief["items"][0]["mean"], brief["items"][0]["sem"]) == (1.5, 0.5)
    after = http.get(f"/studies/{study}/trials", params={"brief": True, "cursor": brief["next"]}).json()
    assert [t["state"] for t in after["items"]] == ["diverged"]
    assert after["next"] is None
    curve = http.get(f"/studies/{study}/curves").json()["curves"][0]
    assert (curve["epoch"], curve["mean"], curve["sem"]) == ([1.0], [1.5], [0.5])
    assert http.get(f"/studies/{study}/figures/landscape.png").content.startswith(b"\x89PNG")
    assert http.get(f"/studies/{study}/figures/nope.png").status_code == 404
    events = re.findall(r"^event: (\w+)", http.get(f"/studies/{study}/events").text, re.MULTILINE)
    assert events == ["progress", "done"]
    assert http.get("/studies").json()["items"][0]["verdict"] == results.json()["verdict"]


def test_all_that_results_have_is_described(http, ledger):
    schemas = http.get("/openapi.json").json()["components"]["schemas"]
    found = http.get(f"/studies/{trained(http, ledger)}/results").json()
    assert schemas["Results"]["properties"].keys() == found.keys()
    assert schemas["TrialResult"]["properties"].keys() == found["best"].keys()
    assert schemas["ClaimPart"]["properties"].keys() == found["claims"]["C1"]["parts"][0].keys()
    assert schemas["Verdict"]["enum"] == [
        "off the diagonal", "on the diagonal", "practically on the diagonal", "mixed", "undecided",
        "no verdict",
    ]  # fmt: skip
    roles = {"search", "baseline", "extension", "refinement", "confirm", "control"}
    assert set(schemas["Role"]["enum"]) == roles


@pytest.mark.parametrize("route", ["", "/results", "/trials", "/curves"])
def test_an_answer_that_has_not_changed_is_not_sent_again(http, ledger, route):
    study = submitted(http)
    tag = http.get(f"/studies/{study}{route}").headers["etag"]
    again = http.get(f"/studies/{study}{route}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    ledger.acquire(study, {})
    assert http.get(f"/studies/{study}{route}", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("method", "route"), [("POST", "/cancel"), ("POST", "/resume"), ("DELETE", ""), ("GET", "/events")]
)
def test_a_study_that_is_deleted_while_it_is_asked_for_is_not_there(http, service, ledger, method, route):
    study = submitted(http)
    row = ledger.study(study)
    assert http.delete(f"/studies/{study}").status_code == 204
    service.find = lambda *_: row  # found a moment before
    answer = http.request(method, f"/studies/{study}{route}")
    if route == "/events":
        assert "event: deleted" in answer.text
    else:
        assert (answer.status_code, answer.json()["detail"]) == (404, "there is no such study")


def test_pages_of_studies_hold_each_once_newest_first(http):
    made = [submitted(http) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = http.get("/studies", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    http.post(f"/studies/{made[0]}/cancel")
    assert [r["id"] for r in http.get("/studies?state=cancelled").json()["items"]] == made[:1]
    assert http.get("/studies?task=dln").json()["items"] == []
    assert http.get("/studies?cursor=nonsense").status_code == 422


def test_a_repeated_submission_makes_one_study(http):
    key = {"Idempotency-Key": "once"}
    first, again = (http.post("/studies", json=TINY, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    other = http.post("/studies", json=TINY | {"seeds": 3}, headers=key)
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_preset_with_changes_and_its_plan(http):
    body = {"preset": "sbn-digits", "seeds": 2, "steps": 10}
    plan = http.post("/studies/plan", json=body).json()
    study = http.post("/studies", json=body).json()
    assert study["spec"] == plan["spec"]
    assert (study["spec"]["steps"], study["spec"]["epochs"]) == (10, None)
    assert study["progress"]["members"]["total"] == plan["members"]
    assert len(http.get("/studies").json()["items"]) == 1  # a plan submits nothing
    assert http.post("/studies", json={"preset": "../../etc/passwd"}).json()["errors"][0]["field"] == "preset"


def test_a_fields_old_name_is_accepted_with_a_note(http):
    for body in ({"preset": "sbn-digits", "population": 7}, TINY | {"population": 7}):
        plan = http.post("/studies/plan", json=body).json()
        study = http.post("/studies", json=body).json()
        assert plan["spec"]["members_per_population"] == study["spec"]["members_per_population"] == 7
        assert plan["notes"] == study["notes"]
        assert plan["notes"][0].startswith("population is called members_per_population now")
    assert http.post("/studies/plan", json=TINY).json()["notes"] == []


BAD = [
    (b'{"name": NaN}', 400, ()),
    (b'{"seeds": Infinity}', 400, ()),
    (b'{"seeds": 1e999}', 400, ()),
    (b'{"name": "\\ud800"}', 400, ()),
    (b"\xff\xfe", 400, ()),
    (b'{"name": "a", "name": "b"}', 400, ("name",)),
    (b'{"<script>": 1, "<script>": 2}', 400, ("(a name that no field has)",)),
    (b"[" * 100_000, 400, ()),
    (b'{"a":' * 50_000, 400, ()),
    (b'{"seeds": ' + b"9" * 5000 + b"}", 400, ()),
    (b"", 400, ()),
    (b"[]", 422, ("spec",)),
    (b"x" * 10_000_000, 413, ()),
    (json.dumps(TINY | {"taks": "sbn"}), 422, ("taks",)),
    (json.dumps(TINY | {"<script>alert(1)</script>": 1}), 422, ("(a name that no field has)",)),
    (json.dumps(TINY | {"name": "<script>alert(1)</script>"}), 422, ("name",)),
    (json.dumps(TINY | {"name": "../../etc"}), 422, ("name",)),
    (
        json.dumps(
            TINY
            | {
                "task": "dln",
                "options": {},
                "dataset": "image_folder",
                "dataset_options": {"folder": "../..", "size": 8},
            }
        ),
        422,
        ("dataset_options.folder",),
    ),
    (json.dumps(TINY | {"search": TINY["search"] | {"tau_b": [0]}}), 422, ("search.tau_b",)),
    (json.dumps(TINY | {"baselines": ["x"] * 6000}), 422, ("baselines",)),
    (json.dumps(TINY | {"preset": "sbn-digits", "baselines": ["x"] * 6000}), 422, ("baselines",)),
    (json.dumps(TINY | {"options": {"units": [[[]] * 900] * 20}}), 422, ("spec",)),
    (
        json.dumps(
            TINY | {"seeds": 1000, "search": TINY["search"] | {"tau_f": {"low": 0, "high": 900, "step": 1}}}
        ),
        422,
        ("seeds",),
    ),
]


@pytest.mark.parametrize(("body", "status", "fields"), BAD)
def test_bad_input_is_refused_by_field_and_never_repeated(http, body, status, fields):
    for route in ("/studies", "/studies/plan"):
        answer = http.post(route, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert tuple(e["field"] for e in answer.json().get("errors", [])) == fields
        assert "script" not in answer.text
        assert "etc" not in answer.text
    assert http.get("/studies").json()["items"] == []


def test_a_wrong_field_keeps_its_name_from_the_spec_to_the_clients_sentence(http):
    wrong = TINY | {"name": "a: b, got c", "options": {"unit": [3]}, "seeds": "many"}
    answer = http.post("/studies/plan", json=wrong)
    errors = {e["field"]: e["message"] for e in answer.json()["errors"]}
    assert errors["seeds"] == "must be a valid integer, unable to parse string as an integer"
    assert "got" not in answer.text.replace("must be", "")  # what came is left out
    refused = http.post("/studies/plan", json=TINY | {"options": {"unit": [3]}}).json()
    assert refused["errors"] == [
        {
            "field": "options.unit",
            "message": "is not an option of this task (did you mean units?); it has units, signed",
        }
    ]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%00", "latest", "%ED%A0%80", "a" * 5000, "'; drop table studies"]
)
def test_a_study_that_cannot_be_is_not_there(http, name):
    for route in ("", "/results", "/trials", "/events", "/figures/landscape.png"):
        assert http.get(f"/studies/{name}{route}").status_code == 404


@pytest.mark.parametrize("path", ["/static/..%2fapp.py", "/static/../app.py", "/static/%2e%2e/settings.py"])
def test_only_the_pages_files_are_served(http, path):
    assert http.get(path).status_code == 404


YAML = {"Content-Type": "application/yaml"}


def test_a_spec_is_yaml_as_well_as_json(http):
    for name in preset_names():
        answer = http.post("/studies/plan", content=(PRESETS / f"{name}.yaml").read_bytes(), headers=YAML)
        assert answer.json()["spec"] == load_spec(name).model_dump(mode="json")
    study = http.post(
        "/studies", content="preset: sbn-digits\nname: 2026-11-25\nseeds: 2", headers=YAML
    ).json()
    assert (study["name"], study["spec"]["seeds"], study["spec"]["dataset"]) == ("2026-11-25", 2, "digits")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("a: &x [1]\nb: *x", 400, "an anchor"),
        ("a: 1\na: 2", 400, "gives the field a twice, in lines 1 and 2"),
        ("? [a]\n: 1", 400, "no text"),
        ("a: [" * 50, 400, "nested"),
        ("- " * 100_000, 400, "nested"),
        ("a: [" + "1," * 30_000 + "]", 400, "more than 10000 values"),
        ("seeds: " + "9" * 5000, 400, "too many digits"),
        ("name: !!python/object/apply:os.system [etc]", 400, "a tag (!name), in line 1"),
        ("name: !!bool etc", 400, "a tag"),
        ("name: !!timestamp etc", 400, "a tag"),
        ('name: "\\uD800"', 400, "not YAML: line 1"),
        ("name: '", 400, "not YAML: line 1, column "),
        ("name: a\0b", 400, "may not be there"),
        ("1: 2", 422, "is not a field"),
        ("<<: {a: 1}", 422, "is not a field"),
        ("seeds: .nan", 422, "must be a finite number"),
        ("seeds: -.inf", 422, "must be a finite number"),
        (b"\xff\xfe", 400, "UTF-8"),
        ("- etc", 422, "object of fields"),
        ("", 422, "object of fields"),
        ("preset: ../../etc", 422, "preset"),
        ("taks: sbn", 422, "taks"),
        ("x" * 300_000, 413, "at most"),
    ],
)
def test_bad_yaml_is_refused_with_a_sentence(http, body, status, said):
    answer = http.post("/studies/plan", content=body, headers=YAML)
    assert (answer.status_code, said in answer.text, "etc" in answer.text) == (status, True, False), (
        answer.text
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:8000"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(http, headers):
    assert http.post("/studies", json=TINY, headers=headers).status_code == 403
    assert http.get("/studies").json()["items"] == []
    same = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert http.post("/studies/plan", json=TINY, headers=same).status_code == 200


def test_a_key_sees_its_own_studies_and_does_what_its_scopes_say(http, ledger):
    before = submitted(http)
    keys = ApiKeys(ledger)
    mine, reader, admin = (
        {"Authorization": f"Bearer {keys.create(name, scopes)[0]}"}
        for name, scopes in (("a", ["read", "submit"]), ("b", ["read"]), ("c", ["admin"]))
    )
    refused = http.get("/studies")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert http.get("/studies", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    study = http.post("/studies", json=TINY, headers=mine).json()["id"]
    assert http.post("/studies", json=TINY, headers=reader).status_code == 403
    assert [r["id"] for r in http.get("/studies", headers=mine).json()["items"]] == [study]
    assert http.get("/studies", headers=reader).json()["items"] == []
    assert http.get(f"/studies/{study}", headers=reader).status_code == 404
    assert [r["id"] for r in http.get("/studies", headers=admin).json()["items"]] == [study, before]
    keys.revoke(keys.list()[0].id)
    assert http.get("/studies", headers=mine).status_code == 401
    assert http.get("/healthz").status_code == http.get("/").status_code == 200  # these need none


def test_without_a_key_only_loopback_is_bound(tmp_path):
    settings = ServiceSettings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(UserError, match=r"loopback only, not to 0\.0\.0\.0"):
        create(settings)
    ledger = Ledger(settings.ledger_address)
    ApiKeys(ledger).create("first", ["admin"])
    ledger.close()
    create(settings).state.service.ledger.close()


def test_too_many_requests_wait():
    now = 0.0
    limiter = Limiter(60, clock=lambda: now)
    for _ in range(15):
        limiter.take("a")
    with pytest.raises(Problem) as refused:
        limiter.take("a")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "2")
    limiter.take("b")
    now = 2.0
    limiter.take("a")


def test_readiness_names_what_is_down(http):
    wait_for(lambda: http.get("/readyz").status_code == 200)
    answer = http.get("/readyz")
    assert answer.json()["parts"]["ledger"] == "ok"
    assert "TUNER_RAY_ADDRESS" in answer.json()["parts"]["ray"]


@pytest.mark.timeout(60)
def test_a_ray_that_hangs_is_named_and_stops_no_one(tmp_path, monkeypatch):
    for patience in ("PATIENCE_S", "SUBMIT_S", "PING_S"):
        monkeypatch.setattr(jobs, patience, 0.3)
    # Its port takes connections, as that of Ray's dashboard does while that is suspended.
    hanging = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port := any_free_port())], **QUIET
    )
    try:
        wait_for(lambda: not port_is_free(port))
        hanging.send_signal(signal.SIGSTOP)
        app = create(
            ServiceSettings(home=tmp_path, ray_address=f"http://127.0.0.1:{port}", rate_per_minute=0)
        )
        with TestClient(app, base_url="http://localhost") as http:
            wait_for(lambda: http.get("/readyz").json()["parts"]["ray"] == "does not answer")
            study = submitted(http)
            assert http.post(f"/studies/{study}/cancel").json()["state"] == "cancelled"
        service = app.state.service
        with pytest.raises(jobs.RayHangsError, match=r"does not answer within 0\.3 s"):
            service.jobs.status(f"{study}-1")
    finally:
        kill(hanging.pid)
        hanging.wait()


def test_metrics_count_what_the_ledger_has(http, ledger):
    trained(http, ledger)
    text = http.get("/metrics").text
    assert 'tuner_studies{state="succeeded"} 1.0' in text
    assert "tuner_trials_done 2.0" in text
    assert f"tuner_member_epochs_per_second {2 * 2 / 60}"[:40] in text
    assert 'tuner_request_seconds_count{method="POST",route="/studies",status="202"} 1.0' in text


def test_no_request_breaks_the_service_and_every_answer_is_described(http, ledger):
    import hypothesis
    import schemathesis
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    study = trained(http, ledger)
    described = http.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
    settings = hypothesis.settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings
        @hypothesis.given(case=operation.as_strategy())
        def attempt(case):
            nonlocal tried
            for known in (False, True):
                if known and "study_id" in (case.path_parameters or {}):
                    case.path_parameters["study_id"] = study
                if case.headers is not None:
                    case.headers.pop("Host", None)
                sent = case.as_transport_kwargs(base_url="http://localhost")
                sent.pop("cookies", None)
                sent["content"] = sent.pop("data", None)  # httpx's name for what requests calls so
                answer = http.request(**sent)
                assert answer.status_code < 500
                case.validate_response(answer, checks=checks)
                if case.method == "DELETE" and known:
                    return
                tried += 1

        if operation.method.upper() != "DELETE":
            attempt()
    assert tried > 100
