"""A list of studies whose p-values are corrected as one family."""

import pytest

from tests.support.served import SMALL, Driver


@pytest.fixture
def studies(http, service):
    """Two that have succeeded, and one that waits."""
    ids = [http.post("/studies", json=SMALL | {"name": name}).json()["id"] for name in "abc"]
    for study in ids[:2]:
        Driver(service, study).finish()
    return ids


def test_a_list_judges_a_task_that_collapses_as_its_results_do(http, service):
    """Such a task is judged from 10 fresh seeds on only."""
    study = http.post("/studies", json=SMALL | {"task": "catae", "confirm_seeds": {"looks": [5, 10]}}).json()[
        "id"
    ]
    Driver(service, study).finish()
    (listed,) = http.get("/studies").json()["items"]
    found = http.get(f"/studies/{study}/results").json()
    assert found["verdict"] == "undecided"
    assert listed["verdict"] == found["verdict"]


def test_each_study_of_a_page_says_what_remains_of_its_verdict(http, studies):
    plain = {s["id"]: s for s in http.get("/studies").json()["items"]}
    assert all(s.get("correction") is None for s in plain.values())
    for _ in range(2):
        listed = {s["id"]: s["correction"] for s in http.get("/studies?correct=holm").json()["items"]}
    p_values = [http.get(f"/studies/{s}/results").json()["gain"]["p_overall"] for s in studies[:2]]
    assert [listed[s]["p_value"] for s in studies] == [*p_values, None]
    assert min(listed[s]["p_holm"] for s in studies[:2]) == pytest.approx(min(1.0, 2 * min(p_values)))
    assert [listed[s]["verdict"] for s in studies[:2]] == [plain[s]["verdict"] for s in studies[:2]]
    assert {listed[s]["family"] for s in studies} == {2}
    assert all(listed[s]["shares_seeds"] == [] for s in studies)  # fresh seeds follow from a study's id
    alone = http.get("/studies?correct=holm&text=a").json()["items"]
    assert http.get("/studies?correct=bonferroni").status_code == 422
    assert all(s["correction"]["family"] <= 2 for s in alone)
