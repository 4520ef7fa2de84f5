"""README, CHANGELOG, the citation and the lock file are true; tests/docs/ tests the rest of the
documentation.
"""

import re
import tomllib

import pytest
import yaml

from tests.support.markdown import blocks, links, pages, read, tables
from tests.support.paths import ROOT

README = ROOT / "README.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "deploy" / "README.md",
           ROOT / "deploy" / "FAULTS.md", *pages()]  # fmt: skip


def named(page):
    return page.relative_to(ROOT).as_posix()


# --- README and citation


def test_the_readme_is_short_and_shows_a_picture_the_commands_and_the_function():
    lines = read(README).splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("![") for line in lines)
    assert {"    make install", "    make study"} <= {line.split("  #")[0].rstrip() for line in lines}
    own, code = (block.text for block in blocks(README) if block.language == "python")
    assert "study = tuner.search(" in own
    assert "decoupled_st(" in code
    assert len([line for line in code.splitlines() if line]) == 5


def test_the_readme_leads_to_every_part_of_the_documentation():
    targets = set(links(README))
    assert {"docs/index.md", "docs/tutorial.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"} <= targets
    for folder in ("how-to", "reference", "explanation"):
        assert any(target.startswith(f"docs/{folder}/") for target in targets)


def test_the_citation_is_valid_and_the_same_everywhere():
    citation = yaml.safe_load(read(ROOT / "CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert (citation["title"], citation["version"]) == ("straight-through tuner", PROJECT["version"])
    assert citation["license"] == PROJECT["license"]
    assert citation["message"]
    (author,) = citation["authors"]
    (bibtex,) = (block.text for block in blocks(README) if block.language == "bibtex")
    fields = dict(re.findall(r"^  (\w+) = \{+(.+?)\}+,?$", bibtex, re.MULTILINE))
    assert (fields["title"], fields["author"]) == (citation["title"], author["name"])
    assert (fields["version"], fields["license"]) == (citation["version"], citation["license"])


def test_the_paper_is_cited_by_title_and_authors():
    (paper,) = yaml.safe_load(read(ROOT / "CITATION.cff"))["references"]
    text = re.sub(r"[\s>*]+", " ", read(README))
    assert paper["title"] in text
    authors = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    assert ", ".join(authors) in text


# --- links and names


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_files_that_are_linked_exist_and_so_do_the_headings(page):
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


def anchors(page):
    """The headings of a page as links name them; the API's page has more, which are made with the site."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_no_page_points_to_a_document_that_is_not_there(page):
    assert not re.search(r"\bDESIGN(\.md)?\b", read(page))


def test_nothing_in_the_code_points_to_a_document_that_is_not_there():
    folders = ("trainables", "tuner", "api", "tests", "benchmarks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")] + [ROOT / "pyproject.toml"]
    pointing = re.compile(r"\bDESIGN\b(?!\\b)|README(\.md)?(?:'s)? (?:table|lists)")
    found = [
        named(f) for f in files if f.name != "test_docs.py" and pointing.search(f.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *pages()], ids=named)
def test_prose_is_at_most_110_columns_wide(page):
    long = [
        line
        for line in read(page).splitlines()
        if len(line) > 110 and not line.lstrip().startswith(("|", "<!--"))
    ]
    assert [line for line in long if line not in "".join(block.text for block in blocks(page))] == []


def test_the_changelog_has_what_is_not_released_yet():
    changelog = read(ROOT / "CHANGELOG.md")
    part = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)[1]
    assert {"Added", "Changed"} <= set(re.findall(r"^### (\w+)$", part, re.MULTILINE))


# --- the rest


def test_the_lock_file_has_an_exact_version_of_every_dependency():
    wanted = PROJECT["dependencies"] + [
        w for extra in PROJECT["optional-dependencies"].values() for w in extra
    ]
    locked = set(re.findall(r"^([a-z0-9-]+)==", read(ROOT / "requirements.lock"), re.MULTILINE))
    others = [w for w in wanted if not w.startswith(PROJECT["name"])]  # an extra may bring another
    assert {re.match(r"[A-Za-z0-9-]+", w).group().lower() for w in others} <= locked


def test_every_fault_is_linked_to_a_test_that_is_there():
    faults = tables(ROOT / "deploy" / "FAULTS.md")
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    assert [table[0][0] for table in faults] == ["what breaks", "what breaks", "attack", "killed", "tried"]
    for table in faults:
        if table[0][-1] != "test":
            continue  # one test for all of the table, which is named above it
        for what, *_, named_tests in table[1:]:
            names = re.findall(r"`(test_\w+)`", named_tests)
            assert names, what
            assert [name for name in names if f"def {name}(" not in tests] == [], what
