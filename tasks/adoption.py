"""Finds, by the ids and names of a spec, the objects of a channel that was set up by hand. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.adopt import Found, Look
from engine.contract import Finding
from engine.start import make_mark
from models.spec.onboarding import RcsSpec
from providers.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.context import Vendors
    from engine.contract import AnySpec
    from providers.twilio.types import Service

    Seen = tuple[list[Found], list[Finding]]

RETRY = "`onboard retry {name}`"


def find_objects(vendors: Vendors, spec: AnySpec, *, by: str) -> Look:
    """What is there, and what the spec declares and nobody has or has otherwise.

    :param by: whose word it is that what nothing public shows is there (guided driver).
    :raises providers.errors.OnboardingError: a vendor could not be asked; nothing is known then.
    """
    found, missing = _at_twilio(vendors, spec)
    in_ajo, missing_in_ajo = _in_ajo(vendors, spec, by)
    return Look(found + in_ajo, missing + missing_in_ajo, by)


def _at_twilio(vendors: Vendors, spec: AnySpec) -> Seen:
    cure = RETRY.format(name=spec.name)
    found: list[Found] = []
    missing: list[Finding] = []
    service = _service(vendors, spec)
    if isinstance(service, Finding):
        missing.append(service)
    else:
        found.append(Found("registration", kinds.MESSAGING_SERVICE, service.friendly_name, service.sid))
    if not isinstance(spec, RcsSpec):
        return found, missing
    sender = vendors.twilio.find_sender(spec.rcs.sender_id)
    if sender is None:
        missing.append(Finding(f"RCS sender {spec.rcs.sender_id}", "does not exist", f"{cure} creates it"))
    else:
        details = {"status": sender.status}
        found.append(Found("registration", kinds.RCS_SENDER, spec.rcs.sender_id, sender.sid, details))
    problem = "does not exist: the secret of a key is shown once, so none can be taken over"
    missing.append(Finding("Twilio key of the bridge", problem, f"{cure} mints one"))
    return found, missing


def _service(vendors: Vendors, spec: AnySpec) -> Service | Finding:
    """By its SID; by its name only if a single one has it."""
    declared = spec.twilio.messaging_service
    if declared.sid is not None:
        try:
            return vendors.twilio.fetch_service(declared.sid)
        except NotFound:
            return Finding(f"messaging service {declared.sid}", "does not exist", "correct it in the spec")
    # With our mark it is one of ours that a lost database knew.
    names = (declared.friendly_name, f"{declared.friendly_name} [{make_mark(spec)}]")
    named = [service for service in vendors.twilio.list_services() if service.friendly_name in names]
    if len(named) == 1:
        return named[0]
    subject = f"messaging service {declared.friendly_name}"
    if named:
        return Finding(subject, f"exists {len(named)} times", f"write one of {_sids(named)} as `sid` in the spec")
    return Finding(
        subject, "does not exist", f"{RETRY.format(name=spec.name)} creates it, or write its `sid` in the spec"
    )


def _sids(services: Sequence[Service]) -> str:
    return ", ".join(service.sid for service in services)


def _in_ajo(vendors: Vendors, spec: AnySpec, by: str) -> Seen:
    names = {kinds.CREDENTIAL: spec.ajo.credential.name}
    names[kinds.CHANNEL_CONFIGURATION] = spec.ajo.channel_configuration.name
    if spec.ajo.webhooks is not None:
        names[kinds.INBOUND_WEBHOOK] = spec.ajo.webhooks.inbound_name
        names[kinds.FEEDBACK_WEBHOOK] = spec.ajo.webhooks.feedback_name
    found: list[Found] = []
    missing: list[Finding] = []
    for kind, name in names.items():
        object_ = _find(vendors, spec, kind, name, by)
        if object_ is None:
            subject = f"{kind.replace('_', ' ').replace('ajo', 'AJO')} {name}"
            cure = f"{RETRY.format(name=spec.name)} sees to it, or correct its name in the spec"
            missing.append(Finding(subject, "does not exist", cure))
        else:
            found.append(object_)
            url = object_.details.get("before", {}).get("provider_url")
            if url:
                cure = f"{RETRY.format(name=spec.name)} names what to change in AJO"
                missing.append(Finding(f"AJO credential {name}", f"sends to {url}, not to the gateway", cure))
    return found, missing


STEPS = {
    kinds.CREDENTIAL: ("credential", "credentials"),
    kinds.CHANNEL_CONFIGURATION: ("channel", "channel-configurations"),
    kinds.INBOUND_WEBHOOK: ("webhook", "webhooks"),
    kinds.FEEDBACK_WEBHOOK: ("webhook", "webhooks"),
}


def _find(vendors: Vendors, spec: AnySpec, kind: str, name: str, by: str) -> Found | None:
    step, collection = STEPS[kind]
    if spec.ajo.driver == "automation":
        seen = vendors.ajo.automation.find(collection, name)
        details: dict[str, Any] = {"url": seen["url"]} if seen and seen.get("url") else {}
        if seen and seen.get("provider_url"):
            # A teardown has to know where it led before it led to the gateway.
            details["before"] = {"provider_url": seen["provider_url"]}
        return Found(step, kind, name, seen["id"], details) if seen else None
    if kind == kinds.CHANNEL_CONFIGURATION:
        surface = vendors.ajo.surfaces.find_surface(name)
        return Found(step, kind, name, name) if surface else None
    return Found(step, kind, name, name, declared_by=by)
