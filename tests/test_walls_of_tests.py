"""Rules that all tests keep, read from their source: they use helpers and no other test, public names
only, and time limits that allow for the machine.
"""

import ast
import re
from pathlib import PurePath

import pytest

from tests.support.paths import ROOT

PRIVATE = re.compile("_[^_]")
OF_NAMEDTUPLES = {"_fields", "_asdict", "_replace"}
# Names of libraries that begin with an underscore, and why a test needs them.
ALLOWED = {
    "tests/support/simulated_device.py": {
        # A tensor class of one's own, as torch's documentation of extensions has it.
        "torch.utils._python_dispatch",
        "torch.utils._pytree",
        "_make_wrapper_subclass",
        "_disabled_torch_function_impl",
        "_schema",
        # What torch's fake tensors do for tensors that are made of lists, and what they import.
        "_C",
        "_only_lift_cpu_tensors",
        "_set_only_lift_cpu_tensors",
        "torch._dynamo",
    },
    "tests/deploy/test_files.py": {
        # Ray has no other way to say whether the file of a cluster is one, short of starting it.
        "ray.autoscaler._private.util",
    },
    "tests/trainables/test_dln.py": {
        "torch.utils._python_dispatch",  # as torch's documentation of extensions has it
    },
    # torch's own tools for looking at its operations, which its documentation names so.
    "tests/trainables/test_capture.py": {"torch.utils._python_dispatch", "torch.utils._pytree"},
    "tests/trainables/test_step_is_device_ready.py": {
        "torch.utils._python_dispatch",
        "torch._subclasses.fake_tensor",
        "torch._dynamo",
    },
    "tests/trainables/test_torch_private.py": {
        # Takes the kernels away that trainables/torch_private.py uses, to see what is done without them.
        "_softmax_backward_data",
        "_C",
    },
}
SETTERS = {"setattr", "delattr", "getattr", "hasattr"}


def test_files():
    files = (path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py"))
    return sorted(files)


test_files.__test__ = False


def is_private(name):
    return bool(PRIVATE.match(name)) and name not in OF_NAMEDTUPLES


def breaches(path, source):
    """What a file of tests does and may not, in words."""
    tree = ast.parse(source)
    found = set()
    for node in ast.walk(tree):
        found |= another_test(node) | private_names(node) | fixed_limit(node)
    return {breach for breach in found if breach.removeprefix("private: ") not in ALLOWED.get(path, set())}


def another_test(node):
    """Of an import: the module of tests that is not a helper."""
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            dotted = [f"{module}.{alias.name}" for alias in names]
        case ast.Import(names=names):
            dotted = [alias.name for alias in names]
        case _:
            return set()
    found = {name for name in dotted if name.startswith("tests.") and not name.startswith("tests.support.")}
    return {f"imports {name}" for name in found if name != "tests.support"}


def private_names(node):
    """Of an import, an attribute of something but `self` and `cls`, or a call of setattr and its like."""
    names = []
    match node:
        case ast.Import(names=aliases):
            names = [alias.name for alias in aliases]
        case ast.ImportFrom(module=str(module), names=aliases):
            names = [module, *(alias.name for alias in aliases)]
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            pass
        case ast.Attribute(attr=attribute):
            names = [attribute]
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function)) if function in SETTERS:
            names = [word.value for word in node.args if isinstance(getattr(word, "value", None), str)]
    return {f"private: {name}" for name in names if any(map(is_private, name.split(".")))}


def fixed_limit(node):
    """Of a call: a limit in seconds that does not go through tests.support.patience.patient."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="timeout")):
            return set()  # tests/conftest.py takes it to patient
        case ast.Call(keywords=keywords):
            fixed = [k for k in keywords if k.arg == "timeout" and isinstance(k.value, ast.Constant)]
            return {f"a fixed timeout in line {node.lineno}" for k in fixed if k.value.value is not None}
    return set()


@pytest.mark.parametrize("path", test_files())
def test_the_walls_of_tests_stand(path):
    assert breaches(path, (ROOT / path).read_text(encoding="utf-8")) == set()


def test_what_is_allowed_is_needed():
    for path, names in ALLOWED.items():
        source = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if name not in source] == [], path


@pytest.mark.parametrize(
    ("source", "breach"),
    [
        ("from tests.tuner.driver.test_study import SPEC", "imports tests.tuner.driver.test_study.SPEC"),
        ("import tests.test_walls", "imports tests.test_walls"),
        ("from tests import conftest", "imports tests.conftest"),
        ("from tuner.driver.drive import _report", "private: _report"),
        ("import ray._private", "private: ray._private"),
        ("from ray._private import worker", "private: ray._private"),
        ("models._batch()", "private: _batch"),
        ("self.models._batch()", "private: _batch"),
        ('monkeypatch.setattr("tuner.ledger.store._PAGE", 1)', "private: tuner.ledger.store._PAGE"),
        ('monkeypatch.setattr(store, "_PAGE", 1)', "private: _PAGE"),
        ("subprocess.run(command, timeout=60)", "a fixed timeout in line 1"),
    ],
)
def test_a_breach_is_seen(source, breach):
    assert breach in breaches("tests/test_x.py", source)


@pytest.mark.parametrize(
    "source",
    [
        "from tests.support import rows\nfrom tests.support.rows import trial\nimport tests.support.rows",
        "def f(self):\n    return self._seen",
        "class A:\n    __slots__ = ()\nA.__slots__",
        "fields = Segment._fields",
        "run(timeout=patient(60), other=60)\nwait(timeout=None)",
        "@pytest.mark.timeout(60)\ndef test_x(): pass",
    ],
)
def test_what_is_permitted_is_none(source):
    assert breaches("tests/test_x.py", source) == set()


def test_tests_are_where_the_code_is_that_they_test():
    folders = {PurePath(path).parent.relative_to("tests") for path in test_files()}
    stray = [
        folder
        for folder in folders
        if not (ROOT / folder).is_dir() and folder.parts[0] not in {"support", "abuse"}
    ]
    assert stray == []
