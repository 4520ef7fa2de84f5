"""Commands about specs."""

import json

import pytest
from click.testing import CliRunner

from tuner.cli import cli


def told(*arguments):
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_schema_is_json_that_an_editor_reads():
    found = json.loads(told("schema"))
    assert found["$schema"].startswith("https://json-schema.org/")
    assert found["properties"]["epochs"]["description"]


def test_a_field_is_explained():
    assert told("explain", "rungs").splitlines() == [
        "search.rungs  (strategies halving)",
        "  How many rungs there are; the last one is the end of training.",
        "  values   a whole number from 2 to 10",
        "  default  3",
    ]


@pytest.mark.parametrize("field", ["name", "search.tau_b", "dataset_options"])
def test_without_a_field_all_are_named(field):
    assert field in {line.split()[0] for line in told("explain").splitlines()}
