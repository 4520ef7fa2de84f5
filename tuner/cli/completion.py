"""The verb completion, which lets a shell complete `tuner`, and the completion of specs and studies.

The shell asks at every press of Tab, so nothing here imports pydantic, and a ledger that does not exist is
not created. A shell can show candidates but no error: where they cannot be found out, there are none.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from tuner.cli.choosing import NUMBERS, TEXTS
from tuner.cli.group import cli
from tuner.errors import UserError

SHELLS = ("bash", "zsh", "fish")
_PRESETS = Path(__file__).parent.parent / "spec" / "presets"
_MOST_STUDIES = 1000  # the newest


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


def study_items(studies: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Candidates from studies as (id, what to say of it)."""
    return candidates((("latest", "the newest study"), *studies), incomplete)


def candidates(named: Iterable[tuple[str, str | None]], incomplete: str) -> list[CompletionItem]:
    """Those that begin so, of names with what to say of each."""
    return [CompletionItem(name, help=text) for name, text in named if name.startswith(incomplete)]


def _local_studies() -> list[tuple[str, str]]:
    """The studies of this machine's ledger, newest first."""
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
        return [(row.id, f"{row.name}, {row.state}") for row in ledger.list_studies(_MOST_STUDIES)]
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
