"""A callback as Twilio would send it, to our own public address: proves the way in, from URL to signature check."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from providers.errors import CallContext, NeedsPerson, OnboardingError
from providers.http import Http
from providers.twilio.signature import HEADER, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from settings import Settings


def post_callback(url: str, params: Mapping[str, str], auth_token: str, settings: Settings) -> None:
    """Post a signed callback.

    :param url: may carry Twilio's connection overrides (``#rc=…``), which are no part of the address.
    :raises NeedsPerson: the gateway at ``url`` refused it: another URL was signed than it expects, or it is not ours.
    :raises providers.errors.Retryable: it could not be reached.
    """
    address = urldefrag(url).url

    def refused(response: httpx.Response, context: CallContext) -> OnboardingError:
        return NeedsPerson(
            f"the gateway at {address} answered {response.status_code} to its own signed probe",
            cure="check that ONBOARD_PUBLIC_URL leads to this gateway and that no proxy changes host, path or query",
            context=context,
        )

    http = Http("the gateway", address, timeout_seconds=settings.http_timeout_seconds, classify=refused)
    headers = {HEADER: sign(auth_token, address, params)}
    http.request("POST", address, form=params, headers=headers, operation="take a probe", reads_answer=False)
