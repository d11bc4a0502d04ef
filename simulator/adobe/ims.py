"""Adobe's sign-in and the headers that every Adobe call carries."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Token
from simulator.web import ProblemError, one, read_form, world_of

_TOKEN_SECONDS = 86399
_ERRORS = "https://ns.adobe.com/aep/errors"
_NEEDED_SCOPE = "additional_info.projectedProductContext"
"""Without it the token says nothing of the organization's products (inference)."""


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
    scopes = [scope.strip() for scope in (one(form, "scope") or "").split(",") if scope.strip()]
    unknown = [scope for scope in scopes if scope not in organization.scopes]
    if not scopes or unknown:
        return _refuse(400, "invalid_scope", f"invalid scope: {', '.join(unknown) or 'none given'}")
    token = world.new_secret()
    world.tokens[token] = Token(organization.organization_id, scopes, world.clock.elapsed() + _TOKEN_SECONDS)
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": _TOKEN_SECONDS})


def token_of(request: Request) -> Token | None:
    """The access token that a call carries; None when it is missing, unknown or expired."""
    world = world_of(request)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = world.tokens.get(text)
    return token if scheme.lower() == "bearer" and token and token.expires_at > world.clock.elapsed() else None


def enter_sandbox(request: Request) -> tuple[str, str]:
    """The organization and sandbox that a call is about, if its headers allow it.

    :raises ProblemError: 400, 401, 403 or 404, in Adobe's shape.
    """
    world = world_of(request)
    headers = request.headers
    token = token_of(request)
    if token is None:
        raise ProblemError(401, "The access token is missing, unknown or expired", f"{_ERRORS}/401")
    organization = world.organizations[token.organization_id]
    if headers.get("x-api-key") != organization.client_id:
        raise ProblemError(403, "x-api-key is missing or is not the token's client", f"{_ERRORS}/403")
    if headers.get("x-gw-ims-org-id") != organization.organization_id:
        raise ProblemError(403, "x-gw-ims-org-id is missing or is not the token's organization", f"{_ERRORS}/403")
    if _NEEDED_SCOPE not in token.scopes:
        raise ProblemError(403, f"The access token lacks the scope {_NEEDED_SCOPE}", f"{_ERRORS}/403")
    sandbox = headers.get("x-sandbox-name")
    if not sandbox:
        raise ProblemError(400, "x-sandbox-name is missing", f"{_ERRORS}/400")
    if sandbox not in organization.sandboxes:
        raise ProblemError(404, f"The sandbox {sandbox} does not exist", f"{_ERRORS}/404")
    return organization.organization_id, sandbox


ROUTES = [Route("/ims-na1.adobelogin.com/ims/token/v3", issue_token, methods=["POST"])]
