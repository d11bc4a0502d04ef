"""New secrets for a channel that carries traffic: the bridge's key at Twilio, and the token that AJO shows to the bridge.

Old and new are good side by side until the new ones are proved: the credential step puts the new ones in place, the
verification step proves them, and then revokes the old ones (``tasks/steps/rotating.py``).
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from engine import kinds
from engine.commands import NotPossible, find, reopen
from engine.transitions import append_event
from engine.verifications import replace_open_runs
from models.states import OnboardingState, Provenance, ResourceState
from models.tables import Resource, Secret

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.contract import Catalogue
    from engine.vault import Vault
    from engine.wake import WakeUp

CAN_ROTATE = frozenset({OnboardingState.ACTIVE, OnboardingState.DEGRADED})
# Gateways believe what they know for five seconds; the last of their calls with the old key has to end.
GATEWAYS_KNOW_AFTER = timedelta(seconds=10)
HOW_BY_HAND = (
    "AJO signs in at Twilio with the account's auth token, which onboard does not make: create a secondary auth token at "
    "Twilio, put it where twilio.auth_token of the spec points, `onboard update FILE`, and promote it once {name} is active"
)


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
    if is_rotating(connection, row.id):
        raise NotPossible(f"the secrets of {name} are being replaced already; see `onboard show {name}`")
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
    replace_open_runs(connection, row.id, at=at, only_silent=False)
    return reopen(connection, catalogue, row, {"credential", "verification"}, at=at, grace_seconds=grace_seconds)


def is_rotating(connection: Connection, onboarding_id: int) -> bool:
    """Whether old secrets are still good beside new ones."""
    rows = select(Resource.c.id).where(
        Resource.c.onboarding_id == onboarding_id, Resource.c.kind.in_((kinds.NEXT_API_KEY, kinds.FORMER_API_KEY))
    )
    tokens = select(Secret.c.id).where(
        Secret.c.onboarding_id == onboarding_id, Secret.c.name == kinds.FORMER_BRIDGE_TOKEN
    )
    return connection.execute(rows.union_all(tokens)).first() is not None


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


def forget_former(connection: Connection, vault: Vault, onboarding_id: int, *, at: datetime) -> None:
    """The old secrets open nothing any more."""
    mine = (Resource.c.onboarding_id == onboarding_id, Resource.c.kind == kinds.FORMER_API_KEY)
    connection.execute(delete(Resource).where(*mine))
    vault.forget(connection, onboarding_id, kinds.FORMER_BRIDGE_TOKEN)
    text = "the new secrets are proved; the old ones open nothing any more"
    append_event(connection, onboarding_id, "credential:rotated", text, at=at, step="verification")
