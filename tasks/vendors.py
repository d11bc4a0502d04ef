"""Vendor clients of one onboarding, made from its spec and its stored secrets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from engine.kinds import AUTH_TOKEN
from engine.limits import ADOBE, TWILIO, ceiling_of
from providers.ajo.client import AjoClient
from providers.twilio.client import TwilioClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.contract import AnySpec
    from engine.limit_book import LimitBook
    from providers.limits import Limit
    from settings import Settings

CLIENT_SECRET = "ajo.client_secret"  # noqa: S105


class OnboardingVendors:
    """Implements ``engine.context.Vendors``. Cheap to make: connections belong to the thread, not to this object."""

    def __init__(
        self,
        settings: Settings,
        spec: AnySpec,
        secret: Callable[[str], str],
        *,
        book: LimitBook | None = None,
        read_only: bool = False,
    ) -> None:
        self._settings = settings
        self._spec = spec
        self._secret = secret
        self._read_only = read_only
        self._book = book

    def _limit(self, vendor: str, account: str) -> Limit | None:
        return self._book.limit(vendor, account, ceiling_of(self._settings, vendor)) if self._book else None

    @cached_property
    def twilio(self) -> TwilioClient:
        account_sid = self._spec.twilio.account_sid
        return self.twilio_by_key(account_sid, self._secret(AUTH_TOKEN))

    def twilio_by_key(self, key_sid: str, key_secret: str) -> TwilioClient:
        """A client that signs in with an API key (or with the account itself)."""
        account_sid = self._spec.twilio.account_sid
        return TwilioClient(
            self._settings,
            account_sid=account_sid,
            username=key_sid,
            password=key_secret,
            read_only=self._read_only,
            limit=self._limit(TWILIO, account_sid),
        )

    @cached_property
    def ajo(self) -> AjoClient:
        ajo = self._spec.ajo
        return AjoClient(
            self._settings,
            organization_id=ajo.organization_id,
            sandbox=ajo.sandbox,
            client_id=ajo.client_id,
            client_secret=self._secret(CLIENT_SECRET),
            scopes=ajo.scopes,
            read_only=self._read_only,
            limit=self._limit(ADOBE, ajo.organization_id),
        )


def make_vendors(
    settings: Settings, spec: AnySpec, secret: Callable[[str], str], *, book: LimitBook | None = None
) -> OnboardingVendors:
    """:param book: where all clients of this process ask what an account takes; None lets them call as they like."""
    return OnboardingVendors(settings, spec, secret, book=book)


def make_readers(settings: Settings, spec: AnySpec, secret: Callable[[str], str]) -> OnboardingVendors:
    """Clients that refuse to change anything: for plans, and for looks at what drifted."""
    return OnboardingVendors(settings, spec, secret, read_only=True)
