"""What the demo prints at its end: what onboard remembers, and what the simulator counted by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Row

    from settings import Settings

MARKS = {"succeeded": "done", "skipped": "skipped"}


def onboarding_names(settings: Settings) -> list[str]:
    from sqlalchemy import select

    from models.tables import Onboarding

    with reading(settings) as connection:
        return list(connection.execute(select(Onboarding.c.name).order_by(Onboarding.c.id)).scalars())


def all_active(settings: Settings, names: Sequence[str]) -> bool:
    """Whether there are any, and every one is active."""
    from sqlalchemy import select

    from models.tables import Onboarding

    with reading(settings) as connection:
        found = connection.execute(select(Onboarding.c.status).where(Onboarding.c.name.in_(names))).scalars().all()
    return len(found) == len(names) > 0 and all(status == "active" for status in found)


def print_onboardings(settings: Settings, names: Sequence[str]) -> None:
    """Each onboarding: status, the five steps, what exists at the vendors, the test messages."""
    from sqlalchemy import select

    from models.tables import Onboarding

    with reading(settings) as connection:
        for name in names:
            row = connection.execute(select(Onboarding).where(Onboarding.c.name == name)).one()
            click.echo("")
            click.secho(f"{row.name} ({row.channel}, {row.brand}): {row.status}", bold=True)
            if row.reason:
                click.echo(f"  {row.reason}")
            for line in _details(connection, row.id):
                click.echo(f"  {line}")


def _details(connection: Connection, onboarding_id: int) -> Iterator[str]:
    from sqlalchemy import select

    from models.tables import Message, Resource, Step

    def rows(table: Any, order: Any) -> Sequence[Row[Any]]:
        return connection.execute(select(table).where(table.c.onboarding_id == onboarding_id).order_by(order)).all()

    steps = rows(Step, Step.c.position)
    yield "steps      " + ", ".join(f"{step.name} {MARKS.get(step.state, step.state.value)}" for step in steps)
    for step in steps:
        if step.state != "succeeded" and step.reason:
            yield f"           {step.name}: {step.reason}"
    for number, resource in enumerate(rows(Resource, Resource.c.id)):
        label = "resources" if number == 0 else ""
        how = resource.provenance or resource.state
        yield f"{label:<10} {how} {resource.kind.replace('_', ' ')} {resource.external_id or ''}".rstrip()
    for number, message in enumerate(rows(Message, Message.c.id)):
        label = "messages" if number == 0 else ""
        transport = f" over {message.transport}" if message.transport else ""
        yield f"{label:<10} {message.status} to {message.recipient}{transport} {message.sid or ''}".rstrip()


def print_ledger(simulator_url: str) -> bool:
    """The simulator's own count. False when it saw anything twice."""
    import httpx

    ledger = httpx.get(f"{simulator_url}/_sim/ledger", timeout=10, trust_env=False).raise_for_status().json()
    click.echo("")
    click.secho("The simulator's own count", bold=True)
    for kind, count in sorted(ledger["counts"].items()):
        click.echo(f"  {kind.replace('_', ' '):<28} {count['created']:>3} made, {count['live']:>3} there")
    delivered = sum(1 for message in ledger["messages"] if message["status"] in {"delivered", "read"})
    click.echo(f"  {'messages delivered':<28} {delivered:>3} of {len(ledger['messages'])}")
    click.echo(f"  {'duplicates':<28} {len(ledger['duplicates']):>3}")
    for duplicate in ledger["duplicates"]:
        click.echo(f"    {duplicate}")
    return not ledger["duplicates"]


class reading:  # noqa: N801  used as a function
    """A read-only connection that leaves no engine behind."""

    def __init__(self, settings: Settings) -> None:
        from models.db import make_engine, reader

        self._engine = make_engine(settings.resolved_database_url)
        self._connection = reader(self._engine).connect()

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._engine.dispose()
