"""Whoever changes things at the vendors behind our back: every field of every kind of object that we own.

The fields come from the steps' declarations. One that nobody here knows how to change fails the tests, so that none can
be added without them.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine import kinds
from engine.desired import SECRET, Means, OwnedField, OwnedObject
from engine.plan import Plan, PlanContext, find_row, make_plan
from providers.errors import OnboardingError
from providers.twilio.client import TwilioClient
from tasks.steps import account
from tasks.steps.ajo_objects import AjoObject
from tasks.steps.channel import wanted_configuration
from tasks.steps.credential import wanted_credential
from tasks.steps.webhook import wanted_webhooks
from tasks.vendors import OnboardingVendors
from tests.factories import ACCOUNT_SID
from tests.integration.house import AUTH_TOKEN, House

SPARE_NUMBER = "+14155550102"
# What AJO takes instead, where not every value will do.
OTHER: dict[str, Any] = {
    "authentication": "ims",
    "auth.type": {"type": "bearer", "token": "x"},
    "channel_type": "MMS",
    "credential_id": None,
    "headers": [{"name": "X-Other", "value": "1"}],
    "message_type": "marketing",
    "payload_template": '{"to": "{{toNumber}}", "from": "{{fromNumber}}", "message": "{{message}}", "authOption": "x"}',
    "provider_url": "https://elsewhere.example.com/messages",
    "webhook_ids": [],
}
# AJO's automation does not change these at all; they tell its kinds of objects apart.
FIXED = {"vendor", "type", "channel"}


class Meddler:
    """Acts on one active onboarding of the house, with clients of its own."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name
        self.twilio = TwilioClient(house.settings, account_sid=ACCOUNT_SID, username=ACCOUNT_SID, password=AUTH_TOKEN)

    @property
    def ctx(self) -> PlanContext:
        return PlanContext(self.house.shop, find_row(self.house.shop, self.name))

    @property
    def plan(self) -> Plan:
        return make_plan(self.ctx)

    def fields(self) -> list[tuple[OwnedObject, OwnedField]]:
        """Every declared field that a vendor shows."""
        return [
            (one.owned, field)
            for one in self.plan.planned
            for field in one.owned.fields
            if field.wanted != SECRET and (one.owned.kind, field.name) != (kinds.API_KEY, "secret")
        ]

    def change(self, owned: OwnedObject, field: OwnedField) -> None:
        """Give the field another value, as somebody in a console would."""
        sid = owned.external_id
        assert sid is not None
        match owned.kind:
            case kinds.MESSAGING_SERVICE:
                self._change_service(sid, field)
            case kinds.API_KEY if field.name == "friendly_name":
                self.twilio.update_key(sid, friendly_name="other", permissions=self._permissions(sid))
            case kinds.API_KEY if field.name == "permissions":
                key = self.twilio.fetch_key(sid)
                self.twilio.update_key(sid, friendly_name=key.friendly_name, permissions=field.wanted[:1])
            case kinds.RCS_SENDER if field.means is Means.NEVER:
                pass  # the Console does not offer it after the launch
            case kinds.RCS_SENDER:
                self._change_sender(sid, field, is_restored=False)
            case account.ACCOUNT | account.NUMBER:
                self._change_account(owned, field, is_restored=False)
            case kinds.CHANNEL_CONFIGURATION if field.name == "status":
                self._change_status(sid, "Deactivated")
            case _:
                self._change_ajo(owned, field)

    def restore(self, owned: OwnedObject, field: OwnedField) -> None:
        """Play the person who mends by hand what no API changes."""
        assert owned.external_id is not None
        if owned.kind == kinds.RCS_SENDER:
            self._change_sender(owned.external_id, field, is_restored=True)
        elif owned.kind == kinds.CHANNEL_CONFIGURATION:
            self._change_status(owned.external_id, "Active")
        else:
            self._change_account(owned, field, is_restored=True)

    def _permissions(self, sid: str) -> tuple[str, ...]:
        return self.twilio.fetch_key(sid).permissions or ()

    def _change_service(self, sid: str, field: OwnedField) -> None:
        match field.name:
            case "friendly_name":
                self.twilio.update_service(sid, friendly_name="Somebody's")
            case "numbers":
                spare = self.twilio.find_number(SPARE_NUMBER)
                assert spare is not None
                self.twilio.add_service_number(sid, spare.sid)
            case "senders":
                self.twilio.remove_channel_sender(sid, field.wanted[0])
            case "inbound_request_url" | "status_callback":
                self.twilio.update_service(sid, **{field.name: "https://elsewhere.example.com/"})
            case "inbound_method":
                form = {"InboundMethod": "GET"}
                self.twilio.messaging.request("POST", f"/v1/Services/{sid}", form=form, operation="meddle")
            case "use_inbound_webhook_on_number":
                self.twilio.update_service(sid, use_inbound_webhook_on_number=True)
            case _:
                pytest.fail(f"nobody knows how to change {field.name} of a messaging service")

    def _change_sender(self, sid: str, field: OwnedField, *, is_restored: bool) -> None:
        part, _, name = field.name.partition(".")
        if part == "launch":
            status = "APPROVED" if is_restored else "SUSPENDED"
            self.house.simulator.post(f"senders/{sid}/review", {"status": status, "country": name})
            return
        other: Any = [{"label": "other"}] if isinstance(field.wanted, list) else "https://elsewhere.example.com/"
        if name.endswith("method"):
            other = "PUT"
        self.house.simulator.patch(f"senders/{sid}", {part: {name: field.wanted if is_restored else other}})

    def _change_account(self, owned: OwnedObject, field: OwnedField, *, is_restored: bool) -> None:
        change: dict[str, Any] = {
            "status": {"status": "active" if is_restored else "suspended"},
            "type": {"type": "Full" if is_restored else "Trial"},
            "capabilities": {
                "numbers": [
                    {
                        "phone_number": owned.subject.partition(":")[2],
                        "capabilities": dict.fromkeys(field.wanted, is_restored),
                    }
                ]
            },
        }[field.name]
        self.house.simulator.post("accounts", {"sid": ACCOUNT_SID, **change})

    def _change_status(self, configuration_id: str, status: str) -> None:
        self.house.simulator.patch(f"configurations/{configuration_id}", {"status": status})

    def delete(self, owned: OwnedObject) -> None:
        sid = owned.external_id or ""
        match owned.kind:
            case kinds.MESSAGING_SERVICE:
                self.twilio.delete_service(sid)
            case kinds.API_KEY:
                self.twilio.delete_key(sid)
            case kinds.RCS_SENDER:
                self.house.simulator.delete(f"senders/{sid}")
            case _:
                vendors = OnboardingVendors(self.house.settings, self.ctx.spec, self.ctx.secret)
                vendors.ajo.automation.delete(self._wanted(owned.kind).collection, sid)

    def _change_ajo(self, owned: OwnedObject, field: OwnedField) -> None:
        wanted = self._wanted(owned.kind)
        automation = OnboardingVendors(self.house.settings, self.ctx.spec, self.ctx.secret).ajo.automation
        found = automation.fetch(wanted.collection, owned.external_id or "")
        body = {
            name: found.get(name, value) for name, value in wanted.body.items() if name not in ("auth", "auth_token")
        }
        if "auth_token" in wanted.body:
            body["auth_token"] = wanted.body["auth_token"]
        if "auth" in wanted.body:
            body["auth"] = {**wanted.body["auth"], **found["auth"]}
        if field.name == "credential_id":
            extra = {**self._wanted(kinds.CREDENTIAL).body, "name": f"{self.name}, another credential"}
            known = automation.find("credentials", extra["name"])
            OTHER["credential_id"] = (known or automation.create("credentials", extra))["id"]
        other = OTHER.get(field.name, _other(field.wanted))
        if field.name == "auth.type":
            body["auth"] = other
            body["payload_template"] = OTHER["payload_template"]
        elif "." in field.name:
            whole, _, part = field.name.partition(".")
            body[whole] = {**body[whole], part: other}
        else:
            body[field.name] = other
        if field.means is Means.NEVER or field.name in FIXED:
            with pytest.raises(OnboardingError):
                automation.update(wanted.collection, owned.external_id or "", body)
            return
        automation.update(wanted.collection, owned.external_id or "", body)

    def _wanted(self, kind: str) -> AjoObject:
        ctx = self.ctx
        webhooks = wanted_webhooks(ctx) if ctx.spec.channel == "rcs" else []
        return next(one for one in (*webhooks, wanted_credential(ctx), wanted_configuration(ctx)) if one.kind == kind)


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case list():
            return [*value, "OTHER"]
    return f"{value or ''}x"
