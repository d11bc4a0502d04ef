"""Who may do what at Twilio: account token, standard keys and restricted keys."""

import base64
import binascii
import hmac

from starlette.requests import Request

from simulator.state import Account
from simulator.web import TwilioError, world_of

# Only ".../messages/read" and ".../update" are in the public contract; that a collection is read with "list" was met
# by others (community); the other names follow the pattern (inference).
MESSAGES = "/twilio/messaging/messages"
SERVICES = "/twilio/messaging/services"
SENDERS = "/twilio/messaging/senders"
NUMBERS = "/twilio/phone-numbers/incoming"
ALERTS = "/twilio/monitor/alerts"
EVENTS = "/twilio/monitor/events"

_VERBS = {"POST": "create", "GET": "read", "HEAD": "read", "DELETE": "delete"}


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise TwilioError(401, 20003, "Authenticate")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TwilioError(401, 20003, "Authenticate") from None
    return user, password


def authorize(request: Request, resource: str | None, *, verb: str | None = None) -> Account:
    """The account that the credentials belong to, if they may do this.

    :param resource: None means that only the account's own token will do: no API key may use accounts and keys.
    :param verb: what a restricted key needs on the resource; by default it follows from the method.
    :raises TwilioError: with Twilio's own code for what is wrong.
    """
    world = world_of(request)
    user, password = _credentials(request)
    account = world.accounts.get(user)
    if account is not None:
        if not hmac.compare_digest(account.auth_token.encode(), password.encode()):
            raise TwilioError(401, 20003, "Authenticate")
        request.state.actor = ("account", account.sid)
    else:
        key = world.keys.get(user)
        if key is None or not hmac.compare_digest(key.secret.encode(), password.encode()):
            raise TwilioError(401, 20003, "Authenticate")
        if resource is None:
            raise TwilioError(401, 20003, "Permission denied: an API key cannot use this resource")
        permission = f"{resource}/{verb or _VERBS[request.method]}"
        if key.policy is not None and permission not in key.policy["allow"]:
            # 401 with 70051: met by others, in no document of Twilio's (community).
            raise TwilioError(401, 70051, f"Authorization failed: the key's policy lacks {permission}")
        account = world.accounts[key.account_sid]
        request.state.actor = ("api-key", key.sid)
    if account.status == "closed":
        raise TwilioError(401, 20003, "Permission denied: the account is closed")
    if account.status == "suspended" and request.method != "GET":
        raise TwilioError(403, 20005, "Account not active")
    named = request.path_params.get("account_sid")
    if named is not None and named != account.sid:
        raise TwilioError(401, 20003, "Permission denied: the account in the path is another one")
    return account
