"""The gateway's addresses of one onboarding, as vendors are told them."""

from __future__ import annotations

# Twilio's connection overrides: retry five times on any failure. By default it gives up after the first 5xx.
TWILIO_OVERRIDES = "#rc=5&rp=all"


def inbound_url(public_url: str, token: str) -> str:
    return f"{public_url}/twilio/{token}/inbound{TWILIO_OVERRIDES}"


def status_url(public_url: str, token: str) -> str:
    return f"{public_url}/twilio/{token}/status{TWILIO_OVERRIDES}"


def send_url(public_url: str, token: str) -> str:
    """Where AJO's custom provider posts its messages."""
    return f"{public_url}/ajo/{token}/messages"


def oauth_url(public_url: str, token: str) -> str:
    """Where AJO gets its access token, if it signs in by OAuth."""
    return f"{public_url}/ajo/{token}/oauth/token"
