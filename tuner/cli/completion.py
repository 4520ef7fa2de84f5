"""The verb completion, which lets a shell complete `tuner`, and the completion of specs and studies.

The shell asks at every press of Tab, so nothing here imports pydantic, and a ledger that does not exist is
not created. A shell can show candidates but no error: where they cannot be found out, there are none.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from tuner.cli.choosing import NUMBERS, TEXTS
from tuner.cli.group import cli
from tuner.errors import UserError

SHELLS = ("bash", "zsh", "fish")
_PRESETS = Path(__file__).parent.parent / "spec" / "presets"
_MOST_STUDIES = 1000  # the newest
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' found
    COMPREPLY=()
    for found in $(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1"); do
        case "${found%%%%,*}" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            *) COMPREPLY+=("${found#*,}") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class BashOfLines(BashComplete):
    """bash, which is asked about the line up to the cursor.

    Its own words break at ":" and "=" as well: the address of a service would be five of them, and --server
    would name none.
    """

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and what the word at it begins with."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        return (words[:-1], words[-1]) if words and not line[-1].isspace() else (words, "")


add_completion_class(BashOfLines)


class SpecName(click.ParamType[str]):
    """A preset's name, or a YAML file."""

    name = "spec"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The presets that begin so; where there is none, files."""
        del ctx, param
        presets = sorted(path.stem for path in _PRESETS.glob("*.yaml"))
        found = candidates(((name, None) for name in presets), incomplete)
        return found or [CompletionItem(incomplete, type="file")]


class StudyName(click.ParamType[str]):
    """A study's id, a unique beginning of one, or "latest"."""

    name = "study"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The ids that begin so, with what their studies are called."""
        del ctx, param
        return study_items(_local_studies(), incomplete)


class FieldName(click.ParamType[str]):
    """A name of a field, of those that a function tells with what to say of each."""

    name = "field"

    def __init__(self, fields: Callable[[], Iterable[tuple[str, str | None]]]) -> None:
        self._fields = fields

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The fields that begin so."""
        del ctx, param
        return candidates(self._fields(), incomplete)


def trial_fields() -> list[tuple[str, str | None]]:
    """The fields that every trial has; of metrics only the trials know."""
    return [(field, None) for field in (*NUMBERS, *TEXTS)]


def study_items(studies: Iterable[tuple[str, str, str]], incomplete: str) -> list[CompletionItem]:
    """Candidates from studies as (id, name, state). No comma: fish would show what stands before it alone."""
    named = ((key, f"{name} ({state})".replace(",", " ")) for key, name, state in studies)
    return candidates((("latest", "the newest study"), *named), incomplete)


def candidates(named: Iterable[tuple[str, str | None]], incomplete: str) -> list[CompletionItem]:
    """Those that begin so, of names with what to say of each."""
    return [CompletionItem(name, help=text) for name, text in named if name.startswith(incomplete)]


def _local_studies() -> list[tuple[str, str, str]]:
    """The studies of this machine's ledger as (id, name, state), newest first."""
    from tuner.ledger.store import Ledger
    from tuner.settings import Settings

    try:
        settings = Settings.from_environment()
        if settings.ledger_url is None and not (settings.home_folder / "ledger.db").exists():
            return []
        ledger = Ledger(settings.ledger_address)
    except UserError:
        return []
    try:
        return [(row.id, row.name, row.state) for row in ledger.list_studies(_MOST_STUDIES)]
    except UserError:
        return []
    finally:
        ledger.close()


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete verbs, options, presets and studies at Tab.

    bash: eval "$(tuner completion bash)" in ~/.bashrc; zsh likewise in ~/.zshrc; fish: tuner completion fish
    > ~/.config/fish/completions/tuner.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise UserError(f"there is no completion for {shell}")
    click.echo(made(cli, {}, "tuner", "_TUNER_COMPLETE").source())
