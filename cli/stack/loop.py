"""The demo's last act: Journey Optimizer sends a proof, and each hop of its way is told from what everybody remembers."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from cli.stack.stack import Stack

TIMEOUT_SECONDS = 20.0
TEXT = "Acme Coffee Roasters: your beans are on their way."
# What opens nothing but the simulator.
CLIENT_ID = "onboard-simulator"
ORGANIZATION_ID = "5105A7E0C0FFEE@AdobeOrg"
SCOPES = "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session"


def show_loop(stack: Stack, client_secret: str) -> bool:
    """Send one message from AJO over the bridge and print its hops. False when AJO did not hear how it ended.

    The simulator plays the marketer who made the campaign; the proof is Adobe's own public call.
    """
    import httpx

    name, configuration, handset = _rcs_channel(stack)
    click.echo("")
    click.secho(f"The whole loop, once: Journey Optimizer sends through {name}", bold=True)
    with httpx.Client(base_url=stack.simulator_url or "", timeout=10, trust_env=False) as http:
        _send_proof(http, client_secret, configuration, handset)
        message = _wait(stack, lambda: _heard(http))
    if message is None:
        click.echo("  AJO did not hear of its end in time.")
        return False
    for at, what in sorted(_hops(stack, message)):
        click.echo(f"  {at.astimezone().strftime('%H:%M:%S.%f')[:-3]}  {what}")
    click.echo("  What AJO makes of the feedback inside, nobody outside can see: that it took it is all there is.")
    return True


def _rcs_channel(stack: Stack) -> tuple[str, str, str]:
    """Name, channel configuration and test handset of the demo's RCS brand."""
    from sqlalchemy import select

    from cli.stack.report import reading
    from models.tables import Onboarding

    with reading(stack.settings) as connection:
        row = connection.execute(select(Onboarding).where(Onboarding.c.channel == "rcs")).one()
    return row.name, row.spec["ajo"]["channel_configuration"]["name"], row.spec["verification"]["to"][0]


def _send_proof(http: httpx.Client, client_secret: str, configuration: str, handset: str) -> None:
    body = {"name": "Beans on their way", "channel_configuration": configuration, "text": TEXT}
    campaign = http.post("/_sim/campaigns", json=body).raise_for_status().json()["campaign_id"]
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": client_secret, "scope": SCOPES}
    token = http.post("/ims-na1.adobelogin.com/ims/token/v3", data=form).raise_for_status().json()["access_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "x-api-key": CLIENT_ID,
        "x-gw-ims-org-id": ORGANIZATION_ID,
        "x-sandbox-name": "prod",
    }
    data = [{"channel": "sms", "phoneNumbers": [handset]}]
    recipients = [{"userId": "ann@example.com", "namespace": "Email", "channelsData": data}]
    path = f"/platform.adobe.io/ajo/simulations/campaigns/{campaign}/proofs"
    http.post(path, headers=headers, json={"recipients": recipients}).raise_for_status()


def _heard(http: httpx.Client) -> dict[str, Any] | None:
    """AJO's message, once its feedback says that it was read."""
    sent: list[dict[str, Any]] = http.get("/_sim/ledger").raise_for_status().json()["ajo_messages"]
    return next((one for one in sent if any(word["status"] == "read" for word in one["feedback"])), None)


def _wait(stack: Stack, probe: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (found := probe()) is None and time.monotonic() < deadline:
        stack.supervisor.check()
        stack.supervisor.pause(0.1)
    return found


def _hops(stack: Stack, message: dict[str, Any]) -> list[tuple[datetime, str]]:
    from sqlalchemy import select

    from cli.stack.report import reading
    from models.tables import BridgeMessage, WebhookEvent

    with reading(stack.settings) as connection:
        bridged = connection.execute(
            select(BridgeMessage).where(BridgeMessage.c.client_reference == message["reference"])
        ).one()
        events = connection.execute(
            select(WebhookEvent).where(WebhookEvent.c.message_sid == bridged.sid).order_by(WebhookEvent.c.id)
        ).all()
    hops = [(bridged.created_at, f"AJO -> bridge    reference {message['reference']}")]
    hops.append((bridged.posted_at, f"bridge -> Twilio  {bridged.sid}, answered to AJO as the message's id"))
    for event in events:
        status, sender = event.payload["MessageStatus"], event.payload.get("From", "")
        hops.append((event.received_at, f"Twilio -> bridge  {status} (from {sender})"))
    hops += [
        (datetime.fromisoformat(word["at"]), f"bridge -> AJO     {word['status']}") for word in message["feedback"]
    ]
    return hops
