"""What AJO and the bridge agree on about signing in: the credential step tells AJO, the gateway asks for it."""

from __future__ import annotations

TOKEN_HEADER = "X-Onboard-Token"  # noqa: S105  a header's name
# What AJO is told to let a JWT live. That it signs with HS256 and the API token as key is inference: Adobe publishes neither.
JWT_SECONDS = 300
# How long an access token of our token endpoint is good; AJO keeps it as long.
ACCESS_SECONDS = 900
GRANT_TYPE = "client_credentials"
