"""A file is one idea, so none has more than 400 lines; and no function has more than 60 lines of code."""

import ast
import subprocess

from tests.support.paths import ROOT

MOST_OF_A_FILE = 400
MOST_OF_A_FUNCTION = 60  # its signature and its docstring left out
LONGER = {
    "api/pages/shared/types.d.ts",  # mirrors the API's description, and is checked against it as a whole
}


def sources():
    """The files of code, those that are not committed yet among them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.js", "*.ts"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return sorted(path for path in listed if (ROOT / path).is_file())


def lines_of(path):
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def long_functions(source, most=MOST_OF_A_FUNCTION):
    """{name: lines of code} of the functions of a source that have more than so many."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            code = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = node.end_lineno - code[0].lineno + 1 if code else 0
            if lines > most:
                found[node.name] = lines
    return found


def test_no_file_is_too_long():
    too_long = {path: n for path in sources() if (n := lines_of(path)) > MOST_OF_A_FILE}
    assert {path: n for path, n in too_long.items() if path not in LONGER} == {}, "make several of them"
    assert too_long.keys() == LONGER, "an exception that is none any more"


def test_all_sources_are_looked_at():
    files = sources()
    assert {"trainables/population.py", "api/pages/app.js", "tests/test_lengths.py"} <= {*files}


def test_no_function_is_too_long():
    python = [path for path in sources() if path.endswith(".py")]
    found = {path: long_functions((ROOT / path).read_text(encoding="utf-8")) for path in python}
    assert {path: functions for path, functions in found.items() if functions} == {}


def test_a_long_function_is_seen_and_its_docstring_is_not_counted():
    body = "\n".join(["    x = 1"] * 5)
    assert long_functions(f"def f(\n    a,\n):\n    '''One.\n\n    Two.\n    '''\n{body}\n", most=5) == {}
    assert long_functions(f"class A:\n  def f(self):\n{body}\n    x = 2\n", most=5) == {"f": 6}
    assert long_functions(f"async def f():\n{body}\n    x = 2\n", most=5) == {"f": 6}
    assert long_functions("def f():\n    '''One.'''\n", most=0) == {}
