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


@pytest.mark.parametrize("width", [24, 30, 37])
def test_on_a_terminal_text_is_cut_and_numbers_are_not(on, width):
    on(width)
    lines = click.unstyle(tables.columns(NAMES, ROWS, left=2)).splitlines()
    assert {len(line) for line in lines} == {width}
    assert lines[1].endswith("0.5")
    assert "…" in lines[1]
    assert "…" not in lines[2]


def test_columns_move_together_before_anything_is_cut(on):
    on(39)
    lines = click.unstyle(tables.columns(NAMES, ROWS, left=2, state=1)).splitlines()
    assert lines == [
        "study                    state    loss",
        "a study with a long name failed    0.5",
        "short                    running 10.25",
    ]


def test_long_heads_are_broken_before_anything_is_cut(on):
    on(30)
    text = tables.columns(["study", "validation loss, search"], [["abcdefghij", "0.25 ± 0.01"]], left=1)
    assert click.unstyle(text).splitlines() == [
        "             validation",
        "                  loss,",
        "study            search",
        "abcdefghij  0.25 ± 0.01",
    ]


def test_where_columns_do_not_fit_a_row_is_a_paragraph(on):
    on(20)
    text = click.unstyle(tables.columns(NAMES, ROWS, left=2, state=1))
    assert text.splitlines() == [
        "study a study with a long name",
        "  state  failed",
        "  loss   0.5",
        "",
        "study short",
        "  state  running",
        "  loss   10.25",
    ]


@pytest.mark.parametrize("width", [20, 26, 40])
def test_no_line_of_a_paragraph_is_wider_than_the_terminal(on, width):
    on(width)
    names = ["number", "name", "validation loss (nats)", "seeds"]
    rows = [
        ["2", "a-name-of-64-letters-without-any-place", "0.2012 ± 0.0007", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"]
    ]
    text = click.unstyle(tables.columns(names, rows, left=2))
    assert max(map(len, text.splitlines())) <= width
    shown = "".join(text.split())
    assert all("".join(cell.split()) in shown for cell in [*names[1:2], *rows[0]])


def test_states_have_colours(on):
    on(None)
    text = tables.columns(NAMES, ROWS, left=2, state=1)
    assert click.style("failed ", fg="red") in text
    assert click.style("running", fg="cyan") in text
