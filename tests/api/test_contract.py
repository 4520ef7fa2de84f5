"""The API over a real ledger: its contract; and fuzzed by its own description."""

import re

import pytest

from tests.support.specs import TINY
from tests.support.submissions import submitted, trained
from trainables.tasks import task_metrics


@pytest.fixture
def ledger(service):
    return service.ledger


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
