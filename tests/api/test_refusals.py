"""What the service refuses: the answer names the field in a sentence, and does not repeat the input."""

import json

import pytest

from tests.support.specs import TINY
from tuner.spec.study import PRESETS, load_spec, preset_names

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


def test_a_parameter_that_no_address_has_is_refused_everywhere(http):
    """A misspelt filter would answer what nobody asked for."""
    asked = set()
    for path, operations in http.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if path in ("/healthz", "/readyz"):  # of whoever watches the service
                continue
            address = path.replace("{number}", "1").replace("{name}", "landscape")
            address = address.replace("{study_id}", "ab12")
            needed = {
                p["name"]: 1 for p in operation.get("parameters", []) if p["in"] == "query" and p["required"]
            }
            answer = http.request(method, address, params=needed | {"stat": "failed"}, json=TINY)
            (error,) = answer.json()["errors"]
            assert (answer.status_code, error["field"]) == (422, "stat"), (method, path)
            assert "is no parameter of this address; there " in error["message"]
            asked.add((method, path))
    assert len(asked) > 15


def test_a_refusal_says_which_parameters_there_are(http):
    (error,) = http.get("/studies?tag=paper").json()["errors"]
    assert error["message"].endswith("there are correct, cursor, limit, prefix, state, task, text")
    (error,) = http.get("/tasks?<script>=1").json()["errors"]
    assert (error["field"], error["message"]) == (
        "(a name that no field has)",
        "is no parameter of this address; there are none",
    )


def test_a_parameter_given_twice_is_refused(http):
    answer = http.get("/studies?state=failed&state=running")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "state", "message": "is given twice"}]
