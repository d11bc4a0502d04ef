"""How Journey Optimizer hands one message to a provider: by the channel configuration and its credential."""

import json
import re
from typing import Any

import httpx

from simulator.adobe.payload import extract_message_id, render
from simulator.adobe.provider_auth import CannotSignIn, auth_headers
from simulator.state import AjoMessage, AjoObject, Campaign, Json
from simulator.twilio.accounts import V2010
from simulator.web import FORM
from simulator.world import World

_CONTEXT = re.compile(r"\{\{ *context\.(\w+) *\}\}")
_TIMEOUT_SECONDS = 20.0
"""How long a provider may take; Adobe publishes no number."""


class CannotSend(Exception):
    """The message did not reach the provider, or was refused there; the text says why."""


def configuration_of(world: World, campaign: Campaign) -> AjoObject | None:
    """The campaign's channel configuration; None when it is gone."""
    return world.ajo.get(campaign.channel_configuration_id)


async def send(
    world: World, campaign: Campaign, *, job_id: str, to: str, base_url: str, context: Json | None = None
) -> AjoMessage:
    """Send the campaign's text to one phone number.

    :param context: what `{{context.name}}` in the text stands for; a name that is not there becomes nothing.
    :param base_url: where this simulator is reached; vendor Twilio is called there.
    :raises CannotSend: what the message's `error` says.
    """
    message = AjoMessage(
        reference=world.new_uuid(),
        organization_id=campaign.organization_id,
        sandbox=campaign.sandbox,
        campaign_id=campaign.id,
        job_id=job_id,
        to=to,
        text=_CONTEXT.sub(lambda place: str((context or {}).get(place[1], "")), campaign.text),
        created_at=world.clock.now(),
    )
    world.ajo_messages[message.reference] = message
    try:
        await _hand_over(world, campaign, message, base_url)
    except CannotSend as error:
        message.error = str(error)
        raise
    return message


async def _hand_over(world: World, campaign: Campaign, message: AjoMessage, base_url: str) -> None:
    configuration = configuration_of(world, campaign)
    if configuration is None or configuration.status != "Active":
        state = configuration.status if configuration else "deleted"
        raise CannotSend(f"The channel configuration is {state}, not Active")
    credential = world.ajo.get(configuration.fields["credential_id"])
    if credential is None:
        raise CannotSend("The API credential of the channel configuration does not exist")
    sender = configuration.fields["sender"]
    try:
        if credential.fields["vendor"] == "twilio":
            request = _to_twilio(world, credential.fields, message, sender, base_url)
        else:
            request = await _to_custom(world, credential.fields, message, sender)
    except (httpx.InvalidURL, ValueError) as error:
        raise CannotSend(f"The provider cannot be called: {error}") from None
    message.request = {"url": str(request.url), "body": request.content.decode()}
    path = "sid" if credential.fields["vendor"] == "twilio" else credential.fields.get("message_id_path") or ""
    message.message_id = await _call(world, request, message, path)


async def _to_custom(world: World, credential: Json, message: AjoMessage, sender: str) -> httpx.Request:
    values = {
        "fromNumber": sender,
        "toNumber": message.to,
        "message": message.text,
        "client_reference": message.reference,
    }
    headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
    headers |= {header["name"]: header["value"] for header in credential.get("headers") or []}
    try:
        headers |= await auth_headers(world, credential.get("auth") or {"type": "none"})
    except CannotSignIn as error:
        raise CannotSend(str(error)) from None
    body = render(credential["payload_template"], values)
    return world.http_client().build_request(
        "POST", credential["provider_url"], content=body, headers=headers, timeout=_TIMEOUT_SECONDS
    )


def _to_twilio(world: World, credential: Json, message: AjoMessage, sender: str, base_url: str) -> httpx.Request:
    """As the native provider would; that "Message SID" is a Messaging Service is an inference."""
    service = credential.get("message_sid") or ""
    origin = {"MessagingServiceSid": service} if service.startswith("MG") else {"From": sender}
    account = credential["account_sid"]
    request = world.http_client().build_request(
        "POST",
        f"{base_url}{V2010}/{account}/Messages.json",
        data={"To": message.to, "Body": message.text, **origin},
        headers={"Content-Type": FORM},
        timeout=_TIMEOUT_SECONDS,
    )
    auth = httpx.BasicAuth(account, credential["auth_token"])
    return next(auth.auth_flow(request))


async def _call(world: World, request: httpx.Request, message: AjoMessage, path: str) -> str | None:
    try:
        response = await world.http_client().send(request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotSend(f"The provider could not be called: {type(error).__name__} {error}".rstrip()) from None
    message.http_status = response.status_code
    if not response.is_success:
        raise CannotSend(f"The provider answered {response.status_code}: {response.text[:200]}")
    if not path:
        return None
    try:
        answer: Any = json.loads(response.content)
    except ValueError:
        raise CannotSend("The provider's answer is not JSON") from None
    message_id = extract_message_id(answer, path)
    if message_id is None:
        raise CannotSend(f"The provider's answer has no message id at {path}")
    return message_id


def take_feedback(world: World, place: tuple[str, str], body: Json, at: str) -> AjoMessage | None:
    """Join feedback to the message it names by AJO's reference or the provider's id; None when it names none."""
    name = str(body["clientReference"])
    for message in world.ajo_messages.values():
        if name in (message.reference, message.message_id) and (message.organization_id, message.sandbox) == place:
            message.feedback += [{"at": at, **status} for status in body["statuses"]]
            return message
    return None
