"""How Journey Optimizer proves itself to a custom provider, by the credential's `auth`.

The names of the fields are Adobe's. What they do on the wire is inference, because Adobe publishes none of it: the API
key as a header of its name, a JWT as bearer signed with HS256 and the API token as key, OAuth's answer as RFC 6749 has it.
The switch for mTLS does nothing here: there is no certificate of Adobe's to show. Times are real, not simulated: the provider is a real one.
"""

import time

import httpx
import jwt

from simulator.state import Json
from simulator.world import World

_TIMEOUT_SECONDS = 20.0
_RENEWED_EARLY_SECONDS = 10


class CannotSignIn(Exception):
    """There is no token to be had; the text says why."""


async def auth_headers(world: World, auth: Json) -> dict[str, str]:
    """The headers that the credential's `auth` adds to a request.

    :raises CannotSignIn: the token endpoint refused or was not there.
    """
    match auth["type"]:
        case "api_key":
            return {auth["name"]: auth["token"]}
        case "basic":
            request = httpx.Request("POST", "http://provider")
            next(httpx.BasicAuth(auth["user"], auth["password"]).auth_flow(request))
            return {"Authorization": request.headers["Authorization"]}
        case "bearer":
            return {"Authorization": f"Bearer {auth['token']}"}
        case "jwt":
            return {"Authorization": f"Bearer {_signed(auth)}"}
        case "oauth":
            return {"Authorization": f"Bearer {await _access_token(world, auth)}"}
    return {}


def _signed(auth: Json) -> str:
    issued = int(time.time())
    claims = {"iss": auth["issuer"], "sub": auth["subject"], "aud": auth["audience"]}
    return jwt.encode(claims | {"iat": issued, "exp": issued + auth["expiry_seconds"]}, auth["token"], "HS256")


async def _access_token(world: World, auth: Json) -> str:
    """Kept until it expires, as Adobe's page says; the credential's own secret is part of what it is kept under."""
    place = (auth["url"], auth["client_id"], auth["client_secret"])
    until, token = world.provider_tokens.get(place, (0.0, ""))
    if time.monotonic() < until:
        return token
    body = {"grant_type": "client_credentials", "client_id": auth["client_id"], "client_secret": auth["client_secret"]}
    try:
        response = await world.http_client().post(auth["url"], json=body, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotSignIn(f"The OAuth URL could not be called: {type(error).__name__} {error}".rstrip()) from None
    if response.status_code != 200:
        raise CannotSignIn(f"The OAuth URL answered {response.status_code}: {response.text[:200]}")
    try:
        answer = response.json()
        token, lasts = str(answer["access_token"]), float(answer["expires_in"])
    except (ValueError, KeyError, TypeError):
        raise CannotSignIn("The OAuth URL's answer has no access_token and expires_in") from None
    world.provider_tokens[place] = (time.monotonic() + lasts - _RENEWED_EARLY_SECONDS, token)
    return token
