"""Twilio's APIs as far as onboarding needs them; one small class per area, all on one :class:`TwilioApi`.

Paths, fields and shapes: Twilio's OpenAPI descriptions (docs/vendors.md); ``tests/contract`` checks each request.
"""

from __future__ import annotations

from providers.twilio.events import Events
from providers.twilio.keys import Keys
from providers.twilio.messages import Messages
from providers.twilio.numbers import Numbers
from providers.twilio.pools import Pools
from providers.twilio.senders import Senders
from providers.twilio.services import Services


class TwilioClient(Numbers, Services, Pools, Senders, Keys, Messages, Events):
    """All of it. ``username`` is the account SID (password: the auth token) or an API key's SID (its secret)."""
