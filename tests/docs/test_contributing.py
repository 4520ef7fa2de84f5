"""CONTRIBUTING's map names every file, and the recipes name files that exist."""

import re
import subprocess

import pytest

from tests.support.markdown import DOCS, links, names, read, tables
from tests.support.paths import ROOT

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
RECIPES = DOCS / "contributing" / "recipes"
PACKAGES = ("trainables", "tuner", "api")
AS_A_WHOLE = {"tuner/spec/presets/", "tuner/ledger/migrations/"}  # folders whose files the map need not name
TOP = {
    ".ci", ".dockerignore", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CITATION.cff",
    "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "api", "benchmarks", "deploy", "docs", "examples",
    "mkdocs.yml", "pyproject.toml", "requirements.lock", "tests", "trainables", "tuner",
}  # fmt: skip
WANTED = {
    "estimator", "task", "strategy", "figure", "metric", "route", "command", "setting", "dataset",
    "migration",
}  # fmt: skip


def mapped(text):
    """{path: phrase} of the map: an indented tree, two spaces a level."""
    block = text.split("## The map")[1].split("\n## ")[0]
    found, folders = {}, []
    for line in block.splitlines():
        if not line.startswith("    ") or not line.strip():
            continue
        indent, name, phrase = re.fullmatch(r"( +)(\S+) *(.*)", line).groups()
        folders = folders[: (len(indent) - 4) // 2]
        path = "".join(folders) + name
        assert path not in found
        found[path] = phrase
        if name.endswith("/"):
            folders.append(name)
    return found


def files():
    """All files of the packages, but those that are empty but for a docstring."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {path for path in listed if not path.endswith("__init__.py") and (ROOT / path).is_file()}


def test_the_map_names_every_file_and_no_other():
    found = mapped(read(CONTRIBUTING))
    named = {path for path in found if not path.endswith("/")}
    whole = tuple(path for path in found if path.endswith("/") and not any(
        other.startswith(path) and other != path for other in found
    ))  # fmt: skip
    assert set(whole) == AS_A_WHOLE
    expected = {path for path in files() if not path.startswith(whole)}
    assert named - expected == set(), "the map names files that do not exist"
    assert expected - named == set(), "the map lacks files"


def test_nothing_lies_at_the_top_that_nobody_speaks_of():
    """A report written into the checkout, say, which `git add` takes."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.partition("/")[0] for line in tracked.stdout.splitlines()} <= TOP


def test_every_file_of_the_map_has_a_phrase():
    found = mapped(read(CONTRIBUTING))
    assert [path for path, phrase in found.items() if not phrase and not path.endswith("/")] == []


def test_there_is_a_recipe_for_each_thing():
    assert {page.stem for page in RECIPES.glob("*.md")} == WANTED | {"index"}
    shown = {
        target.removeprefix("docs/contributing/recipes/").removesuffix(".md")
        for target in links(CONTRIBUTING)
    }
    assert shown >= WANTED
    assert {target.removesuffix(".md") for target in links(RECIPES / "index.md")} >= WANTED


PLACES = ("trainables/", "tuner/", "api/", "tests/", "docs/", "deploy/", "benchmarks/")
ENDINGS = (".md", ".py", ".js", ".yaml", ".toml")


def paths(text):
    """What is written like a path of the repository, in backticks."""
    found = [name for name in names(text) if re.fullmatch(r"[A-Za-z_.][\w./-]*", name)]
    return [name for name in found if name.startswith(PLACES) or name.endswith(ENDINGS)]


@pytest.mark.parametrize("recipe", sorted(WANTED))
def test_every_path_that_a_recipe_names_exists(recipe):
    page = RECIPES / f"{recipe}.md"
    found = paths(read(page))
    assert len(found) >= 5
    assert [path for path in found if not (ROOT / path).exists()] == []
    assert any(path.startswith("tests/") for path in found)
    assert any(path.startswith("docs/") or path == "CHANGELOG.md" for path in found)


NAMED_IN = {  # what a recipe says is in a file
    "estimator": (
        "METHODS",
        "BY_ESTIMATOR",
        "ESTIMATORS",
        "TEMPERATURES",
        "RELAXED",
        "SURROGATES",
        "WRITTEN",
    ),
    "task": ("Declaration", "_BUILT_IN", "TASKS", "OPTIONS", "logit_parameters"),
    "strategy": (
        "ListedSearch",
        "BoundedSearch",
        "WithRungs",
        "_FREE",
        "HINTS",
        "OWN",
        "StrategyName",
        "SEARCHES",
        "study_seed",
        "strategy_for",
        "trainings_total",
        "SPECS",
    ),
    "figure": ("_MAKERS", "Material", "Picture"),
    "metric": ("evaluate", "metrics"),
    "route": ("versioned", "costly_answer", "answer", "Submitter"),
    "command": ("cli", "with_ledger", "find_study", "columns", "say", "UserError", "remote_or_local"),
    "setting": ("_for_drivers", "_NOT_FOR_JOBS", "ServiceSettings", "ClientSettings"),
    "dataset": ("DATASETS", "BUILT_IN", "hold_out", "DataError"),
    "migration": ("server_default", "downgrade"),
}


@pytest.mark.parametrize("recipe", sorted(WANTED))
def test_the_names_in_a_recipe_are_in_the_files_that_it_names(recipe):
    text = read(RECIPES / f"{recipe}.md")
    places = [ROOT / path for path in paths(text)]
    sources = [file for p in places for file in ([p] if p.is_file() else sorted(p.rglob("*.py")))]
    code = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    for name in NAMED_IN[recipe]:
        assert name in text
        assert re.search(rf"\b{name}\b", code), name


def test_what_there_is_to_look_for_is_where_the_table_says():
    rows = tables(CONTRIBUTING, "Where to look")[0][1:]
    assert len(rows) > 10
    for _, answer in rows:
        files, sought = paths(answer), [name for name in names(answer) if "/" not in name]
        code = "\n".join(read(ROOT / file) for file in files)
        assert sought
        defined = r"(?:def|class|function) {0}\b|^{0}\b"
        assert [name for name in sought if not re.search(defined.format(name), code, re.MULTILINE)] == []


def test_paths_outside_the_recipes_exist_too():
    pages = [CONTRIBUTING, ROOT / "README.md", *DOCS.rglob("*.md")]
    missing = {
        (page.name, path)
        for page in pages
        for path in paths(read(page))
        if "/" in path and not (ROOT / path).exists()
    }
    assert missing == set()
