"""Vendor clients of one onboarding, made from its spec and its stored secrets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from engine.kinds import AUTH_TOKEN
from providers.ajo.client import AjoClient
from providers.twilio.client import TwilioClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.contract import AnySpec
    from settings import Settings

CLIENT_SECRET = "ajo.client_secret"  # noqa: S105


class OnboardingVendors:
    """Implements ``engine.context.Vendors``. Cheap to make: connections belong to the thread, not to this object."""

    def __init__(
        self, settings: Settings, spec: AnySpec, secret: Callable[[str], str], *, read_only: bool = False
    ) -> None:
        self._settings = settings
        self._spec = spec
        self._secret = secret
        self._read_only = read_only

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
        )


def make_vendors(settings: Settings, spec: AnySpec, secret: Callable[[str], str]) -> OnboardingVendors:
    return OnboardingVendors(settings, spec, secret)


def make_readers(settings: Settings, spec: AnySpec, secret: Callable[[str], str]) -> OnboardingVendors:
    """Clients that refuse to change anything: for plans, and for looks at what drifted."""
    return OnboardingVendors(settings, spec, secret, read_only=True)
