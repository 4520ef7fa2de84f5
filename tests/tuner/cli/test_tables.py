"""Tables in a file and on a terminal."""

import click
import pytest

from tuner.cli import tables

NAMES = ["study", "state", "loss"]
ROWS = [["a study with a long name", "failed", "0.5"], ["short", "running", "10.25"]]


@pytest.fixture
def on(monkeypatch):
    def terminal(width):
        monkeypatch.setattr(tables, "terminal_width", lambda: width)

    return terminal


def test_without_a_terminal_nothing_is_cut(on):
    on(None)
    lines = click.unstyle(tables.columns(NAMES, ROWS, left=2, state=1)).splitlines()
    assert lines == [
        "study                     state     loss",
        "a study with a long name  failed     0.5",
        "short                     running  10.25",
    ]


@pytest.mark.parametrize("width", [24, 30, 39])
def test_on_a_terminal_text_is_cut_and_numbers_are_not(on, width):
    on(width)
    lines = click.unstyle(tables.columns(NAMES, ROWS, left=2)).splitlines()
    assert {len(line) for line in lines} == {width}
    assert lines[1].endswith("0.5")
    assert "…" in lines[1]
    assert "…" not in lines[2]


def test_a_table_that_does_not_fit_at_all_is_left_to_the_terminal(on):
    on(10)
    lines = tables.columns(["a", "b"], [["1" * 9, "2" * 9]], left=0).splitlines()
    assert click.unstyle(lines[1]) == f"{'1' * 9}  {'2' * 9}"


def test_states_have_colours(on):
    on(None)
    text = tables.columns(NAMES, ROWS, left=2, state=1)
    assert click.style("failed ", fg="red") in text
    assert click.style("running", fg="cyan") in text
