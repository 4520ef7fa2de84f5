"""Specs as YAML: a file and a request mean the same, and are refused alike."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from api.requests import body
from api.requests.errors import Problem
from tests.support.specs import GOOD
from tuner.errors import UserError
from tuner.spec import yaml_reader
from tuner.spec.study import PRESETS, load_spec, preset_names
from tuner.spec.yaml_reader import YamlError, read_yaml

LOADERS = sorted({yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)}, key=str)


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def each_parser(request, monkeypatch):
    """libyaml, and Python's own where PyYAML came without it."""
    monkeypatch.setattr(yaml_reader, "LOADER", request.param)


pytestmark = pytest.mark.usefixtures("each_parser")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing but a comment", None),
        ("a: 1", {"a": 1}),
        ("a: 2026-11-25\nb: 2024-13-01 10:00", {"a": "2026-11-25", "b": "2024-13-01 10:00"}),
        ("on: off\nyes: No\ny: n", {"on": "off", "yes": "No", "y": "n"}),
        ("a: true\nb: False\nc: 'true'", {"a": True, "b": False, "c": "true"}),
        ("a:\nb: ~\nc: null\nd: ''", {"a": None, "b": None, "c": None, "d": ""}),
        ("[1e-3, 1E3, .5, 1., -2, +3, 0.5e+1, 010]", [0.001, 1000.0, 0.5, 1.0, -2, 3, 5.0, 10]),
        ("[0x10, 1:30, 1_000, 1.2.3, e5, -, '1']", ["0x10", "1:30", "1_000", "1.2.3", "e5", "-", "1"]),
        ("1: a\n~: b\n2.5: c", {"1": "a", "~": "b", "2.5": "c"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("a: |\n  two\n  lines\nb: >\n  one\n  line", {"a": "two\nlines\n", "b": "one line"}),
        ("--- {a: [b, {c: d}]}", {"a": ["b", {"c": "d"}]}),
    ],
)
def test_values_are_those_of_json(text, value):
    assert read_yaml(text) == value


REFUSED = [
    ("a: &x [1]\nb: *x", "has an anchor (&name), in line 1"),
    ("a: 1\nb: *x", "has an alias (*name), in line 2"),
    ("&x a: 1", "has an anchor (&name), in line 1"),
    ("a: !!bool foo", "has a tag (!name), in line 1"),
    ("a: !!timestamp foo", "has a tag (!name), in line 1"),
    ("a: !!int 99x", "has a tag (!name), in line 1"),
    ("a: 1\nb: !!float x", "has a tag (!name), in line 2"),
    ("a: !!binary aGk=", "has a tag (!name), in line 1"),
    ("a: !!set {b}", "has a tag (!name), in line 1"),
    ("a: !!python/object/apply:os.system [ls]", "has a tag (!name), in line 1"),
    ("!!str a: 1", "has a tag (!name), in line 1"),
    ("seeds: 1\nepochs: 2\nseeds: 3", "gives the field seeds twice, in lines 1 and 3"),
    ("a: {b: 1, 'b': 2}", "gives the field b twice, in lines 1 and 1"),
    ("a b: 1\na b: 2", "gives a field twice, in lines 1 and 2"),
    ("? [a]\n: 1", "has a field whose name is no text, in line 1"),
    ("? {a: 1}\n: 1", "has a field whose name is no text, in line 1"),
    ("a: " + "[" * 21 + "]" * 21, "is nested too deeply, in line 1"),
    ("- [" + "1," * 11_000 + "]", "has more than 10000 values"),
    ("a: " + "9" * 21, "has a number of too many digits, in line 1"),
    ("a: 0." + "9" * 60, "has a number of too many digits, in line 1"),
    ("a: 1\n---\nb: 2", "has a second document, in line 2"),
    ("name: [unclosed", "is not YAML: line "),
    ("a: b: c", "is not YAML: line 1, column 5"),
    ("a: '", "is not YAML: line 1, column"),
    ("a\0b", "is not YAML: it has a character that may not be there"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_json_cannot_say_is_refused_with_its_line(text, said):
    with pytest.raises(YamlError, match=f"^{re.escape(said)}"):
        read_yaml(text)


@pytest.mark.parametrize("text", ["a: .nan", "a: [-.inf]", "a: 1e999"])
def test_a_number_that_is_none_is_for_the_spec_to_refuse(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text.replace("a:", "learning_rates:"))
    with pytest.raises(UserError, match=r"learning_rates\.0: must be a finite number"):
        load_spec(str(path))


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_reads_as_yaml_reads_it(name):
    text = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")
    assert read_yaml(text) == yaml.safe_load(text)


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.sampled_from("äβ中"), max_size=8)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**15), 10**15)
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_is_yaml_that_means_the_same(value):
    assert read_yaml(json.dumps(value, ensure_ascii=False)) == value


# --- a file and a request ---


def of_a_file(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_a_file_and_a_request_are_refused_alike(tmp_path, text, said):
    path = of_a_file(tmp_path, text)
    with pytest.raises(UserError, match=f"^the spec {re.escape(str(path))} {re.escape(said)}"):
        load_spec(str(path))
    with pytest.raises(Problem, match=f"^the text {re.escape(said)}") as refused:
        body.mapping(body.Body(text.encode(), body.YAML))
    assert refused.value.status == 400


def test_a_field_given_twice_is_named_by_both_readers():
    for media, text in ((body.YAML, "seeds: 1\nseeds: 2"), ("application/json", '{"seeds": 1, "seeds": 2}')):
        with pytest.raises(Problem) as refused:
            body.mapping(body.Body(text.encode(), media))
        assert [(e.field, e.message) for e in refused.value.errors] == [("seeds", "is given twice")]


def test_a_file_and_a_request_are_accepted_alike(tmp_path):
    text = (
        yaml.safe_dump(GOOD | {"name": "x"}).replace("name: x", "name: 2026-11-25")
        + "options: {signed: false}"
    )
    from_file = load_spec(str(of_a_file(tmp_path, text)))
    assert from_file.name == "2026-11-25"
    assert body.mapping(body.Body(text.encode(), body.YAML))["name"] == "2026-11-25"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; it must be a mapping of fields, like `task: sbn`"),
        (b"# only a comment\n", "is empty"),
        (b"[a list]", "must be a mapping of fields, got a list"),
        (b"only words", "must be a mapping of fields, got 'only words'"),
        (b"\xff\xfe\xff", "must be text in UTF-8"),
    ],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, content, said):
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^the spec {re.escape(f'{path} {said}')}"):
        load_spec(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    for path in (folder, tmp_path / "missing.yaml"):
        with pytest.raises(UserError, match=f"^the spec {re.escape(str(path))} cannot be read: "):
            load_spec(str(path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "search: {strategy: grid, tau_f: {low: off, high: on, step: 0.5}, tau_b: [1]}",
            "tau_f.low: must be a",
        ),
        (
            "search: {strategy: grid, tau_f: {low: true, high: 2, step: 0.5}, tau_b: [1]}",
            "low: must be a number",
        ),
        ("on: 1", "on: is not a field; there are name, task, "),
        ("eopchs: 3", "eopchs: is not a field (did you mean epochs?); there are name, "),
        ("options: {units: [on]}", "options.units: must be a list of whole numbers"),
    ],
)
def test_what_yaml_1_1_took_for_truth_values_has_its_sentence(tmp_path, line, said):
    fields = {name: value for name, value in GOOD.items() if not line.startswith(f"{name}:")}
    with pytest.raises(UserError, match=re.escape(said)):
        load_spec(str(of_a_file(tmp_path, yaml.safe_dump(fields) + line)))
