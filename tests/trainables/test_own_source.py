"""What of its source code a user's own task consists of: what may be edited before a study is resumed, and
what is kept of it.
"""

import linecache
import os
import subprocess
import sys
import types

import pytest

from trainables.tasks import own
from trainables.tasks.own_source import code_of, files_of

FILE = '''
import enum
import functools
from dataclasses import dataclass

import torch
from torch import nn

import helpers
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough

WIDTH = 4
UNUSED = 1
WEIGHTS = torch.tensor([1.0, 2.0, 3.0])
SCALES = [1.0, 0.5]
SEEN = {}
DTYPE = torch.float32


class Kind(enum.Enum):
    SOFT = 1
    HARD = 2


KIND = Kind.SOFT
BIAS = 1.0


class Shape:
    bias = BIAS


@dataclass
class Config:
    gain: float = 2.0


CONFIG = Config(gain=3.0)


def logged(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments) * 1.0
    return inner


@logged
def scaled(x):
    """Scales it."""
    return x * SCALES[0] * CONFIG.gain


@functools.cache
def depth():
    return 1


def unrelated():
    return 1


class Base(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(6, width) for _ in range(depth())])
        self.code, self.head = StraightThrough(), nn.Linear(width, 3)

    def run(self, x):
        y = self.head(self.code(helpers.squashed(self.layers(x))))
        return y.to(DTYPE) + Shape.bias * (KIND is Kind.HARD)


class Model(Base):
    def forward(self, x):  # the forward pass
        SEEN["calls"] = torch.ones(len(x))
        return scaled(self.run(x))


def loss_with(smoothing):
    def loss(output, target):
        given = {"weight": WEIGHTS, "label_smoothing": smoothing}
        return nn.functional.cross_entropy(output, target, **given)
    return loss


def error(output, target, *, factor):
    return factor * (output.argmax(-1) != target).float().mean()


Task = ModuleTask.from_module(
    Model, loss=loss_with(0.1), metrics={"error": functools.partial(error, factor=2), "worst": lambda o, y: o.min()},
)
'''  # noqa: E501
HELPERS = """
import deeper

def squashed(x):
    return x.tanh() * deeper.gain()
"""
DEEPER = "def gain():\n    return 1.0\n"
ALONE = FILE.replace("import helpers", "").replace("helpers.squashed", "")


@pytest.fixture
def code(tmp_path, monkeypatch):
    """The hash of the task after edits of its files: {what is replaced: by what}."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # its times are too coarse for edits like these

    def of(edits):
        for name in ("model", "helpers", "deeper"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        for name, text in (("model", FILE), ("helpers", HELPERS), ("deeper", DEEPER)):
            for old, new in edits.items():
                text = text.replace(old, new)  # noqa: PLW2901
            (tmp_path / f"{name}.py").write_text(text)
        sys.path_importer_cache.clear()
        linecache.clearcache()  # it, too, looks at sizes and times only
        return code_of(own.from_file(f"{tmp_path / 'model.py'}:Task"))

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * SCALES[0]", "x + SCALES[0]"),  # a function that the class uses
        ("x.tanh()", "x.sin()"),  # one in a file beside it
        ("return 1.0", "return 2.0"),  # one that this one uses, in a third file
        ("range(depth())", "range(2 * depth())"),  # the base class
        ("    return 1\n\n\ndef unrelated", "    return 2\n\n\ndef unrelated"),  # behind a cache
        ("function(*arguments) * 1.0", "function(*arguments) * 2.0"),  # a decorator
        ("SCALES = [1.0", "SCALES = [2.0"),
        ("DTYPE = torch.float32", "DTYPE = torch.bfloat16"),
        ("KIND = Kind.SOFT", "KIND = Kind.HARD"),
        ("BIAS = 1.0", "BIAS = 2.0"),  # the value of a class's attribute
        ("WIDTH = 4", "WIDTH = 5"),  # a default
        ("gain=3.0", "gain=4.0"),
        ("2.0, 3.0])", "2.0, 4.0])"),  # a tensor
        ("loss_with(0.1)", "loss_with(0.2)"),  # a variable of the function around a loss
        ("factor=2)", "factor=3)"),
        ("lambda o, y: o.min()", "lambda o, y: o.max()"),
        ("loss=loss_with(0.1)", "loss=loss_with(0.1), samples=2"),
    ],
)
def test_what_is_computed_with_it_is_part_of_a_task(code, old, new):
    assert old in FILE + HELPERS + DEEPER
    assert code({}) != code({old: new})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # the forward pass", "  # all of it\n        # and more"),
        ("def unrelated():\n    return 1", "def unrelated():\n    return 2"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("helpers.squashed(self.layers(x))", "helpers.squashed(\n            self.layers(x)\n        )"),
        ("SEEN = {}", "SEEN = {'calls': torch.zeros(3)}"),  # a cache, as it is after a training
        (' "worst": lambda', '\n        "worst": lambda'),
        ("    Model, loss", "    Model, stack='loop', loss"),  # how it is trained, not what
    ],
)
def test_what_has_no_influence_may_be_edited(code, old, new):
    assert old in FILE
    assert code({}) == code({old: new})


def test_its_files_are_kept_such_that_they_can_be_imported(code, tmp_path, monkeypatch):
    before = code({})
    (tmp_path / "unused.py").write_text("never imported")
    files = files_of(own.from_file(f"{tmp_path / 'model.py'}:Task"))
    assert files == {"model.py": FILE, "helpers.py": HELPERS, "deeper.py": DEEPER}
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, text in files.items():
        (copy / name).write_text(text)
        (tmp_path / name).unlink()
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"))
    assert code_of(own.from_file(f"{copy / 'model.py'}:Task")) == before


def test_of_a_package_the_folders_are_kept(tmp_path, monkeypatch):
    package = tmp_path / "mine" / "models"
    package.mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("from mine.models.bits import Model, Task")
    (package / "bits.py").write_text(ALONE)
    monkeypatch.syspath_prepend(tmp_path)
    from mine.models import Task

    try:
        assert {*files_of(Task)} == {"mine/models/__init__.py", "mine/models/bits.py"}
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
            del sys.modules[name]


def test_what_was_never_in_a_file_is_kept_as_far_as_it_is_used(monkeypatch):
    """As in a notebook, whose cells linecache knows."""
    notebook = types.ModuleType("__main__")
    notebook.__dict__.pop("__file__", None)
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    cells = [ALONE, "def other():\n    return 2\n"]
    for n, cell in enumerate(cells):
        linecache.cache[f"<cell {n}>"] = (len(cell), None, cell.splitlines(keepends=True), f"<cell {n}>")
        exec(compile(cell, f"<cell {n}>", "exec"), vars(notebook))
    (text,) = files_of(notebook.Task).values()
    for used in ("class Base", "class Model", "def scaled", "def loss", "def error"):
        assert text.count(used) == 1, used
    assert "other" not in text
    assert "unrelated" not in text


def test_a_study_that_is_resumed_finds_the_same_hash_in_its_process(code, tmp_path):
    here = code({"lambda o, y: o.min()": "lambda o, y: o.min() if 'a' in {'a', 'b', 'c'} else 0"})
    program = (
        "from trainables.tasks import own\n"
        f"print(own.from_file({str(tmp_path / 'model.py')!r} + ':Task').__name__)\n"
        "from trainables.tasks.own_source import code_of\n"
        f"print(code_of(own.from_file({str(tmp_path / 'model.py')!r} + ':Task')))\n"
    )
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["Model", here]
