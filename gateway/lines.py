"""All that the bridge needs to know to send for one onboarding: loaded once, believed for a few seconds."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import kinds
from engine.endpoints import send_url, status_url
from engine.limits import TWILIO, ceiling_of
from gateway.answers import RETRY_AFTER_SECONDS, Answer, error
from gateway.authentication import ClientCertificate, Gate
from gateway.outbound import region_of
from models.db import snapshot
from models.spec.onboarding import RcsSpec, spec_from_json
from models.states import OnboardingState, ResourceState
from models.tables import Onboarding, Resource
from providers.errors import Misconfigured
from providers.twilio.client import TwilioClient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Row

    from engine.limit_book import LimitBook
    from engine.vault import Vault
    from settings import Settings

log = logging.getLogger(__name__)

# How long what is known of an onboarding is believed.
KNOWN_SECONDS = 5.0
# A proof that does not fit may be that of a token changed since; then what is known is believed for so long only.
DOUBTED_SECONDS = 1.0
# An onboarding that a person ended sends nothing any more.
ENDED = {OnboardingState.CANCELLED, OnboardingState.TEARING_DOWN, OnboardingState.REMOVED}


@dataclass(frozen=True, slots=True)
class Line:
    """All that is needed to send for one onboarding.

    :param address: the token of its path.
    """

    onboarding_id: int
    name: str
    address: str
    gate: Gate
    sender: str
    region: str | None
    aliases: frozenset[str]
    service_sid: str
    status_callback: str
    key_sid: str
    twilio: TwilioClient


class Lines:
    """Finds lines by the token of the address that AJO called. Safe in threads."""

    def __init__(self, db: Engine, vault: Vault, settings: Settings, book: LimitBook) -> None:
        self._db = db
        self._book = book
        self._vault = vault
        self._settings = settings
        self._known: dict[str, tuple[float, Line | Answer]] = {}

    def known(self, token: str, *, is_doubted: bool = False) -> Line | Answer | None:
        """What :meth:`find` said a moment ago; None when it has to be asked."""
        at, known = self._known.get(token, (-math.inf, None))
        return known if time.monotonic() < at + (DOUBTED_SECONDS if is_doubted else KNOWN_SECONDS) else None

    def find(self, token: str, *, is_doubted: bool = False) -> Line | Answer:
        """The line, or the answer that says why there is none. Asks the database, unless another thread just has.

        :param is_doubted: a proof did not fit what is known; that may be older than the proof.
        """
        known = self.known(token, is_doubted=is_doubted)
        if known is not None:
            return known
        asked_at = time.monotonic()
        # At one moment: a key must not be paired with the secret of the next.
        with snapshot(self._db).begin() as connection:
            row = connection.execute(select(Onboarding).where(Onboarding.c.endpoint_token == token)).one_or_none()
            if row is None:
                # Not kept: anybody can make up addresses.
                return error(404, "not_found", "there is nothing here")
            line = self._load(connection, row)
        self._known[token] = (asked_at, line)
        return line

    def _load(self, connection: Connection, row: Row[Any]) -> Line | Answer:
        spec = spec_from_json(row.spec)
        if not isinstance(spec, RcsSpec):
            return error(404, "not_found", f"{row.name} is no RCS channel: AJO speaks to Twilio directly for it")
        # Paused in the middle of its removal it is no more open than before.
        if row.status in ENDED or row.teardown is not None:
            return error(409, "not_active", f"{row.name} is {row.status}")
        there = (Resource.c.onboarding_id == row.id, Resource.c.state == ResourceState.PRESENT)
        found = connection.execute(
            select(Resource.c.kind, Resource.c.external_id, Resource.c.details).where(*there)
        ).all()
        ids = {each.kind: each.external_id for each in found}
        former = next(
            (one.details.get(kinds.FORMER_SENDER) for one in found if one.kind == kinds.CHANNEL_CONFIGURATION), None
        )
        try:
            secrets = {
                name: self._vault.read(connection, row.id, name)
                for name in (kinds.BRIDGE_TOKEN, kinds.FORMER_BRIDGE_TOKEN, kinds.API_KEY_SECRET)
            }
        except Misconfigured as problem:
            log.error("503 for %s: %s", row.name, problem)  # noqa: TRY400  the sentence says it all
            return error(503, "unavailable", "the bridge cannot send now", after=RETRY_AFTER_SECONDS)
        key_sid, service_sid = ids.get(kinds.API_KEY), ids.get(kinds.MESSAGING_SERVICE)
        token, key_secret = secrets[kinds.BRIDGE_TOKEN], secrets[kinds.API_KEY_SECRET]
        if not (token and key_secret and key_sid and service_sid):
            return error(503, "not_ready", f"{row.name} is not set up as far as this yet", after=RETRY_AFTER_SECONDS)
        public_url = self._settings.resolved_public_url
        return Line(
            onboarding_id=row.id,
            name=row.name,
            address=row.endpoint_token,
            gate=Gate(
                way=spec.ajo.credential.sign_in,
                name=row.name,
                token=token,
                issuer=spec.ajo.organization_id,
                audience=send_url(public_url, row.endpoint_token),
                certificate=ClientCertificate.from_settings(self._settings) if spec.ajo.credential.mtls else None,
                former=secrets[kinds.FORMER_BRIDGE_TOKEN],
            ),
            sender=spec.sender,
            region=region_of(spec.sender),
            aliases=aliases_of(spec.sender, spec.rcs.sender_id, service_sid) | numbers_of(former),
            service_sid=service_sid,
            status_callback=status_url(public_url, row.endpoint_token),
            key_sid=key_sid,
            twilio=TwilioClient(
                self._settings,
                account_sid=spec.twilio.account_sid,
                username=key_sid,
                password=key_secret,
                limit=self._book.limit(TWILIO, spec.twilio.account_sid, ceiling_of(self._settings, TWILIO)),
            ),
        )


def aliases_of(sender: str, sender_id: str, service_sid: str) -> frozenset[str]:
    """How AJO may name the sender: the number as in the spec, without its plus, the agent, or the service."""
    return numbers_of(sender) | {sender_id, sender_id.removeprefix("rcs:"), service_sid}


def numbers_of(sender: str | None) -> frozenset[str]:
    return frozenset({sender, sender.removeprefix("+")}) if sender else frozenset()
