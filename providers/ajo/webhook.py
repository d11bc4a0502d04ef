"""Posting an event to an AJO webhook URL. AJO takes JSON only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.ajo.errors import classify
from providers.http import Http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from settings import Settings


def post_event(url: str, body: Mapping[str, Any], settings: Settings) -> None:
    """:raises providers.errors.Retryable: try again later. Any other OnboardingError: AJO refuses this event."""
    http = Http("AJO's webhook", url, timeout_seconds=settings.http_timeout_seconds, classify=classify)
    http.request("POST", url, json=dict(body), operation="take an event")
