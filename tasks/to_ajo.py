"""One stored event, translated by the mapping of its onboarding's spec and posted to AJO's webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.db import reader
from models.spec.onboarding import spec_from_json
from providers.ajo.mapping import Kind, Ours, ajo_event
from providers.ajo.webhook import post_event
from providers.errors import Retryable

if TYPE_CHECKING:
    from sqlalchemy import Row

    from engine.context import Workshop


def post_to_ajo(shop: Workshop, row: Row[Any], stored_spec: dict[str, Any], *, url: str, reference: str) -> None:
    """:raises Retryable: AJO cannot take it now, or no token is to be had.
    :raises providers.errors.OnboardingError: AJO will not take it.
    """

    def secret(name: str) -> str:
        with reader(shop.db).begin() as connection:
            value = shop.vault.read(connection, row.onboarding_id, name)
        if value is None:
            msg = f"the secret {name} is not stored: run `onboard start FILE --update` where it can be read"
            raise Retryable(msg)
        return value

    spec = spec_from_json(stored_spec)
    webhooks = spec.ajo.webhooks
    assert webhooks is not None  # noqa: S101  the spec demands them for RCS, and only RCS forwards
    ours = Ours(client_reference=reference, received_at=row.received_at, sender=spec.sender)
    kind: Kind = "inbound" if row.kind == "inbound" else "feedback"
    event = ajo_event(kind, webhooks.mapping, row.payload, ours)
    asks_for_token = webhooks.authentication == "ims"
    tokens = shop.make_vendors(shop.settings, spec, secret).ajo.tokens if asks_for_token else None
    post_event(url, event, shop.settings, tokens)
