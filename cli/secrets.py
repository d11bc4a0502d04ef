"""``onboard secrets``: the key that encrypts stored secrets."""

from __future__ import annotations

import click


@click.group("secrets")
def secrets_command() -> None:
    """Make and rotate the key that encrypts stored secrets."""


@secrets_command.command("new-key")
def new_key_command() -> None:
    """Print a fresh key for ONBOARD_SECRET_KEYS. Stores nothing.

    \b
    First time:   export ONBOARD_SECRET_KEYS=$(onboard secrets new-key)
    To rotate:    export ONBOARD_SECRET_KEYS=$(onboard secrets new-key),$ONBOARD_SECRET_KEYS
                  restart every process, then: onboard secrets rotate
    """
    from engine.vault import new_key

    click.echo(new_key())


@secrets_command.command("rotate", short_help="Encrypt every secret anew with the first key.")
def rotate_command() -> None:
    """Encrypt every stored secret anew with the first key of ONBOARD_SECRET_KEYS.

    Afterwards the older keys may be removed from the setting.
    """
    from engine.vault import Vault, load_keys
    from models.db import make_engine
    from settings import get_settings

    settings = get_settings()
    keys = load_keys(settings)
    engine = make_engine(settings.resolved_database_url)
    try:
        with engine.begin() as connection:
            count = Vault(keys).rotate(connection)
    finally:
        engine.dispose()
    click.echo(f"{count} stored secrets are encrypted with the first key now.")
    if len(keys) > 1:
        click.echo(f"Once every process runs with it, the other {len(keys) - 1} may leave ONBOARD_SECRET_KEYS.")
