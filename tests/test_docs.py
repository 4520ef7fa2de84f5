"""README and the lock file say what the code does."""

import re
import tomllib

import yaml

from api.application.settings import ClientSettings, ServiceSettings
from api.cli import cli
from tests.support.paths import ROOT
from tuner.spec.study import parse_spec, preset_names

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_lists_every_setting_and_no_other():
    assert set(re.findall(r"^\| `(TUNER_\w+)` \|", README, re.MULTILINE)) == {
        f"TUNER_{name.upper()}" for name in (*ServiceSettings.model_fields, *ClientSettings.model_fields)
    }


def test_readme_names_every_command_and_preset():
    assert {
        name
        for name, command in cli.commands.items()
        if not command.hidden and not re.search(rf"\btuner {name}\b", README)
    } == set()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert {name for name in preset_names() if name not in README + changelog} == set()


def test_the_spec_that_readme_shows_is_valid():
    block = README.split("## Your own study\n\n")[1].split("\n\n")[0]
    spec = parse_spec(yaml.safe_load(block))
    assert spec.search.forward[:4] == [0.0, 0.1, 0.2, 0.3]


def test_files_that_the_docs_link_to_are_there():
    for file in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
            assert (ROOT / target).is_file(), target


def test_the_lock_file_has_an_exact_version_of_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {re.match(r"[A-Za-z0-9-]+", w).group().lower() for w in wanted} <= locked


def test_every_fault_is_linked_to_a_test_that_is_there():
    page = (ROOT / "deploy" / "FAULTS.md").read_text(encoding="utf-8")
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line[:1] == "|" and line[:2] != "|-"]
    assert [row[0].strip() for row in rows].count("what breaks") == 2
    for what, *_, named in rows:
        if what.strip() == "what breaks":
            continue
        names = re.findall(r"`(test_\w+)`", named)
        assert names, what
        assert [name for name in names if f"def {name}(" not in tests] == [], what
