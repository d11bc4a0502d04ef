"""Where the stored events of an onboarding go in AJO, and one of them translated and posted there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine.arrivals import AJO_WEBHOOK
from engine.inbox import client_references
from models.db import reader
from models.spec.onboarding import spec_from_json
from models.tables import Onboarding, Resource
from providers.ajo.mapping import Kind, Ours, ajo_event
from providers.ajo.webhook import post_event
from providers.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from engine.context import Workshop
    from engine.contract import AnySpec
    from providers.ajo.ims import ImsTokens


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where the events of one onboarding go, and under which references."""

    name: str
    spec: AnySpec
    urls: dict[str, str]
    references: dict[str, str]


def load_destinations(shop: Workshop, onboarding_id: int, rows: Sequence[Row[Any]]) -> Destinations:
    """Once for all events that were taken together."""
    with reader(shop.db).begin() as connection:
        found = select(Onboarding.c.name, Onboarding.c.spec).where(Onboarding.c.id == onboarding_id)
        onboarding = connection.execute(found).one()
        webhooks = select(Resource.c.kind, Resource.c.details).where(
            Resource.c.onboarding_id == onboarding_id, Resource.c.kind.in_(AJO_WEBHOOK.values())
        )
        urls = {row.kind: row.details.get("url") or "" for row in connection.execute(webhooks).all()}
        references = client_references(connection, {row.message_sid for row in rows})
    return Destinations(onboarding.name, spec_from_json(onboarding.spec), urls, references)


def _tokens(shop: Workshop, onboarding_id: int, spec: AnySpec) -> ImsTokens:
    def secret(name: str) -> str:
        with reader(shop.db).begin() as connection:
            value = shop.vault.read(connection, onboarding_id, name)
        if value is None:
            msg = f"the secret {name} is not stored: run `onboard update FILE` where it can be read"
            raise Retryable(msg)
        return value

    return shop.make_vendors(shop.settings, spec, secret).ajo.tokens


def post_to_ajo(shop: Workshop, row: Row[Any], to: Destinations) -> None:
    """Translate one event and post it.

    :raises Retryable: AJO cannot take it now, its webhook does not exist yet, or no token is to be had.
    :raises providers.errors.OnboardingError: AJO will not take it.
    """
    url = to.urls.get(AJO_WEBHOOK[row.kind])
    if not url:
        raise Retryable("AJO's webhook is not known yet")
    webhooks = to.spec.ajo.webhooks
    assert webhooks is not None  # noqa: S101  the spec demands them for RCS, and only RCS forwards
    ours = Ours(client_reference=to.references[row.message_sid], received_at=row.received_at, sender=to.spec.sender)
    kind: Kind = "inbound" if row.kind == "inbound" else "feedback"
    tokens = _tokens(shop, row.onboarding_id, to.spec) if webhooks.authentication == "ims" else None
    post_event(url, ajo_event(kind, webhooks.mapping, row.payload, ours), shop.settings, tokens)
