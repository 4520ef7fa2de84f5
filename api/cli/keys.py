"""The verbs of keys: create, rotate, list, revoke."""

from typing import Any

import click

from tuner.cli import cli
from tuner.cli.group import with_ledger
from tuner.cli.tables import columns


@cli.group()
def keys() -> None:
    """API keys of the service, in the ledger that the settings name."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("read", "submit"),
    show_default=True,
    help="read, submit or admin; repeat it.",
)
@click.option("--owner", help="That of another key, which then sees the same studies; default: a new one.")
@with_ledger
def create_key(_settings: Any, ledger: Any, name: str, scopes: tuple[str, ...], owner: str | None) -> None:
    """Make a key and print it, for the only time. From the first key on, every request needs one."""
    from tuner.ledger.api_keys import ApiKeys

    _show_key(*ApiKeys(ledger).create(name, scopes, owner=owner))


@keys.command("rotate")
@click.argument("key_id", metavar="KEY")
@with_ledger
def rotate_key(_settings: Any, ledger: Any, key_id: str) -> None:
    """Make a key in the place of another and print it. The other ends; its studies are the new one's."""
    from tuner.ledger.api_keys import ApiKeys

    _show_key(*ApiKeys(ledger).rotate(key_id))


def _show_key(key: str, row: Any) -> None:
    click.echo(f"key {row.id}  {row.name}: {', '.join(row.scopes)}; owner {row.owner}", err=True)
    click.echo(key)


@keys.command("list")
@with_ledger
def list_keys(_settings: Any, ledger: Any) -> None:
    """List the keys. The keys themselves are not kept."""
    from tuner.ledger.api_keys import ApiKeys

    rows = ApiKeys(ledger).list()
    table = [
        [
            r.id,
            r.name,
            ", ".join(r.scopes),
            r.owner,
            f"{r.created_at:%Y-%m-%d}",
            f"{r.revoked_at:%Y-%m-%d}" if r.revoked_at else "-",
        ]
        for r in rows
    ]
    click.echo(
        columns(["key", "name", "scopes", "owner", "created", "revoked"], table, left=6)
        if rows
        else "There is no key yet."
    )


@keys.command("revoke")
@click.argument("key_id", metavar="KEY")
@with_ledger
def revoke_key(_settings: Any, ledger: Any, key_id: str) -> None:
    """End a key by its id, at once and for good."""
    from tuner.ledger.api_keys import ApiKeys

    ApiKeys(ledger).revoke(key_id)
    click.echo(f"key {key_id} is revoked")
