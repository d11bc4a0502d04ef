"""``onboard credential``: what AJO and the bridge sign in with: show it, try it, replace it without an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.batch import choose, many_options
from cli.control import command_each, timing
from cli.exits import FAILED, USAGE, Exit
from cli.params import NAME, PhoneNumber, by_option, echo_json, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from engine.desired import OwnedField, OwnedObject
    from engine.plan import PlanContext


@click.group("credential")
def credential_command() -> None:
    """Show, try and replace what AJO and the bridge sign in with.

    To change a credential, change the spec: `onboard update FILE`. To delete it:
    `onboard teardown`, because AJO keeps one that a channel configuration uses.
    """


@credential_command.command("show", short_help="The credential and the key, field by field.")
@NAME
@json_option()
def show_command(name: str, *, as_json: bool) -> None:
    """Show the AJO credential and the bridge's key: each field, and what differs. Secrets are never shown."""
    from cli.looking import context_of, looking
    from providers.errors import OnboardingError

    with looking() as shop:
        ctx = context_of(shop, name)
        try:
            objects = list(shop.catalogue.by_name["credential"].desired(ctx))
        except OnboardingError as error:
            raise Exit(f"{name}: {error.message}", FAILED) from None
        is_rotating = _is_rotating(ctx)
    if as_json:
        echo_json({"name": name, "rotating": is_rotating, "objects": [_as_json(owned) for owned in objects]})
        return
    from cli.render import make_console, print_wrapped

    console = make_console()
    for owned in objects:
        _print(console, owned)
    if is_rotating:
        print_wrapped(console, "Secrets are being replaced: AJO's old token is good until AJO has used the new one.")


@credential_command.command("verify", short_help="Send one message exactly as AJO would.")
@NAME
@click.option(
    "--to", required=True, type=PhoneNumber(), metavar="NUMBER", help="Who gets the message, as +12125550123."
)
@click.option("--message", default="Connection test", show_default=True, help="Its text.")
def verify_command(name: str, *, to: str, message: str) -> int:
    """Send one message exactly as AJO would: by the credential's payload template, headers and way to sign in.

    It goes to the provider URL, so it proves address, proxy and sign-in too; not
    mTLS, for it has no certificate of Adobe's to show. It is a real message, and
    Twilio charges for it.

    \b
    Exit codes: 0 the provider has taken it, 1 it has not, 4 no such onboarding,
                2 the number is none or the template does not fit.
    Example:    onboard credential verify acme-rcs --to +12125550123
    """
    from cli.looking import context_of, looking
    from providers.errors import NeedsPerson, OnboardingError, Refused

    with looking() as shop:
        ctx = context_of(shop, name)
        try:
            return (_verify_custom if ctx.spec.channel == "rcs" else _verify_twilio)(ctx, to, message)
        except OnboardingError as error:
            cure = f": {_cure(error.cure)}" if isinstance(error, NeedsPerson | Refused) else ""
            raise Exit(f"{name}: {error.message}{cure}", FAILED) from None


def _cure(cure: str) -> str:
    """The message is of this command, not of the spec."""
    for field, option in (("verification.to", "--to"), ("verification.message", "--message")):
        if field in cure:
            return f"write another one with {option}"
    return cure


@credential_command.command("rotate", short_help="New secrets while messages go on.")
@many_options
@by_option()
def rotate_command(names: tuple[str, ...], *, as_json: bool, by: str, **how: Any) -> int:
    """Replace the bridge's Twilio key and the token that AJO shows to it, while messages go on.

    Old and new are good side by side: the new key is made, AJO gets the new token
    (under the guided driver an operator task asks for it). A test message proves the
    key, and the old one is revoked; the old token ends once AJO has signed in with the
    new one, or by `onboard credential finish`. RCS only: SMS and MMS use the account's
    auth token, see `onboard update`.

    \b
    Exit codes: 0 asked for, 2 not possible now, 4 no such onboarding.
    Examples:   onboard credential rotate acme-rcs; onboard watch acme-rcs
                onboard credential rotate --where channel=rcs --yes
    """
    from engine import rotation
    from engine.vault import Vault, load_keys
    from settings import get_settings
    from tasks.steps import CATALOGUE

    vault = Vault(load_keys(get_settings()))
    return command_each(
        choose(names, can=rotation.CAN_ROTATE, verb="rotate", **how),
        lambda connection, name: rotation.begin(connection, CATALOGUE, vault, name, actor=by, **timing()),
        "gets new secrets. Follow it: onboard watch {name}",
        as_json=as_json,
    )


@credential_command.command("finish", short_help="End AJO's old token after a rotation.")
@NAME
@by_option()
def finish_command(name: str, *, by: str) -> int:
    """End AJO's old token after a rotation, on your word that AJO has the new one.

    Not needed where AJO sends: the first message that comes with the new token ends the
    old one. What AJO sends with the old one afterwards is refused (401).
    """
    from engine import rotation
    from engine.clock import now
    from engine.vault import Vault, load_keys
    from settings import get_settings

    vault = Vault(load_keys(get_settings()))
    return command_each(
        [name],
        lambda connection, name: rotation.finish(connection, vault, name, actor=by, at=now()),
        "AJO's old token opens nothing any more.",
    )


def _is_rotating(ctx: PlanContext) -> bool:
    from engine.rotation import is_rotating
    from models.db import reader

    with reader(ctx.shop.db).begin() as connection:
        return ctx.onboarding_id is not None and is_rotating(connection, ctx.onboarding_id)


def _verify_custom(ctx: PlanContext, to: str, message: str) -> int:
    from engine import kinds
    from gateway.outbound import BadMessage, read_message
    from providers.ajo.custom_provider import NotReached, hand_over, render
    from tasks.steps.credential import as_ajo_has_it

    _there(ctx, ctx.external_id(kinds.CREDENTIAL), ctx.secret(kinds.BRIDGE_TOKEN))
    credential = as_ajo_has_it(ctx)
    values = {"fromNumber": ctx.spec.sender, "toNumber": to, "message": message, "client_reference": _reference()}
    body = render(credential["payload_template"], values)
    try:
        read_message(body.encode())
    except BadMessage as problem:
        where = "payload template" if problem.field == "body" else f"payload template, field {problem.field}"
        raise Exit(f"{ctx.name}: {where}: {problem}. The template: {credential['payload_template']}", USAGE) from None
    click.echo(f"POST {credential['provider_url']} (signing in by {credential['auth']['type']})")
    try:
        handed = hand_over(credential, body, timeout_seconds=ctx.settings.http_timeout_seconds)
    except NotReached as error:
        raise Exit(f"{ctx.name}: {error}", FAILED) from None
    click.echo(f"{handed.status} {handed.answer}")
    if not 200 <= handed.status < 300:
        return FAILED
    if handed.message_id is None:
        raise Exit(f"{ctx.name}: the answer has no message id at {credential['message_id_path']!r}", FAILED)
    click.echo(f"{ctx.name}: taken as {handed.message_id}. What becomes of it: `onboard inbox list {ctx.name}`.")
    return 0


def _verify_twilio(ctx: PlanContext, to: str, message: str) -> int:
    from engine import kinds
    from providers.twilio.messages import Outgoing
    from tasks.vendors import make_vendors

    # What plans are made with refuses to send.
    twilio = make_vendors(ctx.settings, ctx.spec, ctx.secret).twilio
    service = _there(ctx, ctx.external_id(kinds.MESSAGING_SERVICE))
    click.echo(f"Twilio account {ctx.spec.twilio.account_sid}, messaging service {service}, signing in by auth token")
    sent = twilio.send_message(Outgoing(to=to, service_sid=service, body=message))
    click.echo(
        f"{ctx.name}: taken as {sent.sid} ({sent.status}). What becomes of it: the Twilio Console, Monitor > Logs > Messaging; "
        f"`onboard verify {ctx.name} --send` waits for the delivery of a message of its own."
    )
    return 0


def _there(ctx: PlanContext, *values: str) -> str:
    """The first of these.

    :raises Exit: one of them is not there yet.
    """
    from engine.desired import Later

    if any(isinstance(value, Later) for value in values):
        raise Exit(f"{ctx.name} is not set up as far as this yet; see `onboard explain {ctx.name}`", USAGE)
    return values[0]


def _reference() -> str:
    from uuid import uuid4

    return f"verify-{uuid4().hex[:12]}"


def _print(console: Console, owned: OwnedObject) -> None:
    from rich.text import Text

    from cli.render import print_hanging, print_wrapped
    from engine.desired import shown

    print_wrapped(console, f"{owned.label}: {owned.note or owned.presence.value}")
    width = max((len(field.name) for field in owned.fields), default=0)
    for field in owned.fields:
        differs = f"   (is {shown(field.actual)})" if field.differs else ""
        print_hanging(console, Text(f"  {field.name:<{width}}  "), Text(f"{shown(field.wanted)}{differs}"))


def _as_json(owned: OwnedObject) -> dict[str, Any]:
    return {
        "object": owned.label,
        "id": owned.external_id,
        "presence": owned.presence.value,
        "fields": [_field(field) for field in owned.fields],
    }


def _field(field: OwnedField) -> dict[str, Any]:
    from engine.desired import UNSEEN

    actual = {} if field.actual is UNSEEN else {"actual": field.actual}
    return {"name": field.name, "wanted": field.wanted, "differs": field.differs, **actual}
