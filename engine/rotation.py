"""New secrets for a channel that carries traffic: the bridge's key at Twilio, and the token that AJO shows to the bridge.

Old and new are good side by side until the new ones are proved. The credential step puts them in place. A test message
proves the key, and the verification step revokes the old one; that AJO has the token is known once it has signed in with
it, and only then the old one is forgotten (``tasks/steps/rotating.py``).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from engine import kinds
from engine.commands import NotPossible, come_to_present, find, reopen
from engine.sign_in import ACCESS_SECONDS, JWT_SECONDS
from engine.transitions import append_event
from engine.verifications import replace_open_runs
from models.states import OnboardingState, Provenance, ResourceState
from models.tables import Event, Resource, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from engine.contract import Catalogue
    from engine.vault import Vault
    from engine.wake import WakeUp
    from models.spec.ajo import SignIn

CAN_ROTATE = frozenset({OnboardingState.ACTIVE, OnboardingState.DEGRADED})
# Gateways believe what they know for five seconds; the last of their calls with the old key has to end.
GATEWAYS_KNOW_AFTER = timedelta(seconds=10)
# What AJO has begun with the old token, or signed with it, may come for so long after it was seen with the new one.
STRAGGLERS = timedelta(minutes=1)
OUTLIVES: dict[str, timedelta] = {
    "oauth": STRAGGLERS + timedelta(seconds=ACCESS_SECONDS),
    "jwt": STRAGGLERS + timedelta(seconds=JWT_SECONDS),
}
SEEN = "credential:seen"
HOW_BY_HAND = (
    "AJO signs in at Twilio with the account's auth token, which onboard does not make: create a secondary auth token at "
    "Twilio, put it where twilio.auth_token of the spec points, `onboard update FILE`, and promote it once {name} is active"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """AJO was let in by the new token."""

    onboarding_id: int
    at: datetime


def new_token() -> str:
    """What AJO shows to the bridge."""
    return secrets.token_urlsafe(32)


def begin(
    connection: Connection,
    catalogue: Catalogue,
    vault: Vault,
    name: str,
    *,
    actor: str,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Make a new token, have the credential step put it and a new key in place, and the verification step prove both.

    :raises NotPossible: not this channel, not now, or a rotation is under way.
    """
    row = find(connection, name)
    if row.channel != "rcs":
        raise NotPossible(f"{name} is {row.channel}: {HOW_BY_HAND.format(name=name)}")
    if _keys_in_change(connection, row.id):
        raise NotPossible(f"the secrets of {name} are being replaced already; see `onboard explain {name}`")
    if _former_since(connection, row.id) is not None:
        msg = f"AJO has not used the new token of {name} yet, so the old one is good still; "
        raise NotPossible(msg + f"once AJO has it for certain: `onboard credential finish {name}`")
    if row.status not in CAN_ROTATE:
        raise NotPossible(f"{name} is {row.status.replace('_', ' ')}: only secrets that are proved are replaced")
    vault.move(connection, row.id, kinds.BRIDGE_TOKEN, kinds.FORMER_BRIDGE_TOKEN, at=at)
    vault.write(connection, row.id, kinds.BRIDGE_TOKEN, new_token(), at=at)
    values: dict[str, Any] = {"vendor": "twilio", "name": f"successor of the bridge's key of {name}"[:200]}
    values |= {"step": "credential", "state": ResourceState.INTENDED, "details": {}, "intended_at": at}
    connection.execute(insert(Resource).values(onboarding_id=row.id, kind=kinds.NEXT_API_KEY, **values))
    append_event(
        connection, row.id, "credential:rotating", f"{actor} asked for new secrets", at=at, details={"actor": actor}
    )
    come_to_present(connection, catalogue, row, at=at)
    replace_open_runs(connection, row.id, at=at, only_silent=False)
    return reopen(connection, catalogue, row, {"credential", "verification"}, at=at, grace_seconds=grace_seconds)


def is_rotating(connection: Connection, onboarding_id: int) -> bool:
    """Whether old secrets are still good beside new ones."""
    return _keys_in_change(connection, onboarding_id) or _former_since(connection, onboarding_id) is not None


def _keys_in_change(connection: Connection, onboarding_id: int) -> bool:
    rows = select(Resource.c.id).where(
        Resource.c.onboarding_id == onboarding_id,
        Resource.c.kind.in_((kinds.NEXT_API_KEY, kinds.FORMER_API_KEY)),
        Resource.c.state != ResourceState.GONE,
    )
    return connection.execute(rows).first() is not None


def take_key(
    connection: Connection, vault: Vault, onboarding_id: int, *, name: str, sid: str, secret: str, at: datetime
) -> None:
    """The new key is the key, the one before it the former."""
    mine = Resource.c.onboarding_id == onboarding_id
    former = update(Resource).where(mine, Resource.c.kind == kinds.API_KEY)
    connection.execute(former.values(kind=kinds.FORMER_API_KEY, seen_at=at))
    successor = update(Resource).where(mine, Resource.c.kind == kinds.NEXT_API_KEY)
    connection.execute(
        successor.values(
            kind=kinds.API_KEY,
            name=name,
            external_id=sid,
            state=ResourceState.PRESENT,
            provenance=Provenance.CREATED,
            present_at=at,
            seen_at=at,
        )
    )
    vault.write(connection, onboarding_id, kinds.API_KEY_SECRET, secret, at=at)
    append_event(
        connection, onboarding_id, "credential:rotating", f"the bridge's key is {sid} now", at=at, step="credential"
    )


def note_seen(connection: Connection, works: Sequence[Seen]) -> list[None]:
    """AJO has signed in with the new token: so it has it. Told once for each rotation."""
    for seen in works:
        since = _former_since(connection, seen.onboarding_id)
        if since is not None and _seen_at(connection, seen.onboarding_id, since) is None:
            text = "AJO signs in with the new token"
            append_event(connection, seen.onboarding_id, SEEN, text, at=seen.at, step="credential")
    return [None] * len(works)


def good_until(connection: Connection, onboarding_id: int, way: SignIn) -> datetime | None:
    """When nobody can be using the former token any more; None as long as AJO has not shown the new one."""
    since = _former_since(connection, onboarding_id)
    seen = _seen_at(connection, onboarding_id, since) if since is not None else None
    return seen + OUTLIVES.get(way, STRAGGLERS) if seen is not None else None


def _former_since(connection: Connection, onboarding_id: int) -> datetime | None:
    former = (Secret.c.onboarding_id == onboarding_id, Secret.c.name == kinds.FORMER_BRIDGE_TOKEN)
    return connection.execute(select(Secret.c.updated_at).where(*former)).scalar_one_or_none()


def _seen_at(connection: Connection, onboarding_id: int, since: datetime) -> datetime | None:
    told = (Event.c.onboarding_id == onboarding_id, Event.c.kind == SEEN, Event.c.at >= since)
    return connection.execute(select(Event.c.at).where(*told).order_by(Event.c.id).limit(1)).scalar_one_or_none()


def forget_key(connection: Connection, onboarding_id: int, *, at: datetime) -> None:
    """The former key is revoked."""
    mine = (Resource.c.onboarding_id == onboarding_id, Resource.c.kind == kinds.FORMER_API_KEY)
    connection.execute(delete(Resource).where(*mine))
    text = "the bridge's new key is proved, and the old one revoked"
    append_event(connection, onboarding_id, "credential:rotated", text, at=at, step="verification")


def forget_token(connection: Connection, vault: Vault, onboarding_id: int, *, at: datetime, why: str) -> None:
    """The former token opens nothing any more."""
    vault.forget(connection, onboarding_id, kinds.FORMER_BRIDGE_TOKEN)
    append_event(
        connection, onboarding_id, "credential:rotated", f"AJO's old token opens nothing any more: {why}", at=at
    )


def finish(connection: Connection, vault: Vault, name: str, *, actor: str, at: datetime) -> None:
    """End the former token on a person's word that AJO has the new one.

    :raises NotPossible: there is none, or the new key is not proved yet.
    """
    row = find(connection, name)
    if _former_since(connection, row.id) is None:
        raise NotPossible(f"no token of {name} is being replaced")
    if _keys_in_change(connection, row.id):
        raise NotPossible(f"the new key of {name} is not proved yet; see `onboard explain {name}`")
    forget_token(connection, vault, row.id, at=at, why=f"{actor} said that AJO has the new one")
