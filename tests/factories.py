"""Specs and onboardings for tests: the smallest that are valid."""

from __future__ import annotations

from typing import Any

from models.spec.onboarding import SPEC, MmsSpec, RcsSpec, SmsSpec

ACCOUNT_SID = "AC5105a7e0000000000000000000000001"


def spec_data(channel: str = "sms", name: str = "acme", **overrides: Any) -> dict[str, Any]:
    """Plain data of a valid spec; ``overrides`` replace top-level keys."""
    number = {"rcs": "+14155550100", "sms": "+14155550101", "mms": "+14155550102"}[channel]
    identifier = name.replace("-", "_")
    data: dict[str, Any] = {
        "name": name,
        "channel": channel,
        "brand": "Acme Coffee",
        "twilio": {
            "account_sid": ACCOUNT_SID,
            "auth_token": "${env:TEST_TWILIO_AUTH_TOKEN}",
            "messaging_service": {"friendly_name": f"Acme {name}"[:48]},
            "numbers": [number],
            "a2p_10dlc": {"campaign_registered": True, "attested_by": "Jo Doe", "attested_on": "2026-11-01"},
        },
        "ajo": {
            "organization_id": "5105A7E0C0FFEE@AdobeOrg",
            "sandbox": "prod",
            "driver": "automation",
            "client_id": "onboard-simulator",
            "client_secret": "${env:TEST_AJO_CLIENT_SECRET}",
            "credential": {"name": f"{name} credential"},
            "channel_configuration": {"name": f"{identifier}_config", "message_type": "transactional"},
        },
        "verification": {"to": ["+12125550123"], "message": f"Hello from {name}", "within": "2m"},
    }
    if channel == "mms":
        data["verification"]["media_url"] = "https://www.example.com/cup.png"
    if channel == "rcs":
        data["rcs"] = rcs_part(identifier)
        data["ajo"]["webhooks"] = {"inbound_name": f"{name} inbound", "feedback_name": f"{name} feedback"}
    return data | overrides


def rcs_part(identifier: str = "acme", countries: tuple[str, ...] = ("US",)) -> dict[str, Any]:
    site = "https://www.example.com"
    return {
        "sender_id": f"rcs:{identifier}_agent",
        "profile": {
            "display_name": "Acme Coffee",
            "description": "Coffee and cake since 1999",
            "logo_url": f"{site}/logo.png",
            "banner_url": f"{site}/banner.png",
            "accent_color": "#0b3d91",
            "email": {"email": "care@example.com"},
            "website": {"website": site},
            "privacy_url": f"{site}/privacy",
            "terms_url": f"{site}/terms",
        },
        "countries": list(countries),
        "registration": {
            "google": {
                "friendly_name": "Acme Google",
                "representative": {
                    "first_name": "Jo",
                    "last_name": "Doe",
                    "email": "jo@example.com",
                    "business_title": "Head of CRM",
                    "business_website": site,
                },
                "access_instructions": "Open the shop page and sign up",
                "opt_in_description": "Check-out form",
                "opt_in_image_url": f"{site}/opt-in.png",
                "opt_out_message": "You will get no more messages",
                "message_triggers": "An order is placed",
                "use_case_description": "Order updates",
                "video_url": f"{site}/video.mp4",
                "notification_email": "rcs@example.com",
            },
            "us": {
                "friendly_name": "Acme US",
                "legal_name": "Acme Coffee Inc",
                "company_type": "Private corporation",
                "issuing_country": "US",
                "registration_number": "12-3456789",
                "industry": "Retail",
                "contact_phone": "+14155550199",
                "address": "1 Main St, San Francisco, CA",
                "monthly_web_traffic": 10000,
                "existing_monthly_volume": 1000,
                "expected_monthly_volume": 100000,
                "campaign_description": "Order updates",
                "message_flow": "Check-out form",
                "help_sample": "Reply STOP to end",
                "stop_sample": "You will get no more messages",
                "service_type": "Account notification",
                "attests_privacy_policy": True,
                "attests_terms": True,
                "attests_ctia_handbook": True,
            },
        },
    }


def make_spec(channel: str = "sms", name: str = "acme", **overrides: Any) -> RcsSpec | SmsSpec | MmsSpec:
    return SPEC.validate_python(spec_data(channel, name, **overrides))
