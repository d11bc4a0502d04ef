"""Adobe's sign-in and the headers that every Adobe call carries."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.objects import now
from simulator.web import ProblemError, one, read_form, world_of

_TOKEN_SECONDS = 86399
_ERRORS = "https://ns.adobe.com/aep/errors"


def _refuse(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


async def issue_token(request: Request) -> Response:
    """IMS: an access token for an OAuth server-to-server credential."""
    world = world_of(request)
    form = await read_form(request)
    if one(form, "grant_type") != "client_credentials":
        return _refuse(400, "unsupported_grant_type", "grant_type must be client_credentials")
    client_id, secret = one(form, "client_id"), one(form, "client_secret")
    organization = next((o for o in world.organizations.values() if o.client_id == client_id), None)
    if organization is None:
        return _refuse(400, "invalid_client", "invalid client_id parameter")
    if secret != organization.client_secret:
        return _refuse(401, "invalid_client", "invalid client_secret parameter")
    token = world.new_secret()
    world.tokens[token] = (organization.organization_id, now() + timedelta(seconds=_TOKEN_SECONDS))
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": _TOKEN_SECONDS})


def enter_sandbox(request: Request) -> tuple[str, str]:
    """The organization and sandbox that a call is about, if its headers allow it."""
    world = world_of(request)
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    organization_id, expires_at = world.tokens.get(token, ("", now()))
    if scheme.lower() != "bearer" or expires_at <= now():
        raise ProblemError(401, "The access token is missing, unknown or expired", f"{_ERRORS}/401")
    organization = world.organizations[organization_id]
    if headers.get("x-api-key") != organization.client_id:
        raise ProblemError(403, "x-api-key is missing or is not the token's client", f"{_ERRORS}/403")
    if headers.get("x-gw-ims-org-id") != organization_id:
        raise ProblemError(403, "x-gw-ims-org-id is missing or is not the token's organization", f"{_ERRORS}/403")
    sandbox = headers.get("x-sandbox-name")
    if not sandbox:
        raise ProblemError(400, "x-sandbox-name is missing", f"{_ERRORS}/400")
    if sandbox not in organization.sandboxes:
        raise ProblemError(404, f"The sandbox {sandbox} does not exist", f"{_ERRORS}/404")
    return organization_id, sandbox


ROUTES = [Route("/ims-na1.adobelogin.com/ims/token/v3", issue_token, methods=["POST"])]
