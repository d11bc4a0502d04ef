"""Where the rules come from. Versions and tags as in ``docs/vendors.md``."""

from __future__ import annotations

from engine.lint.rule import Source, Tag

ONBOARDING = Source(Tag.DOC, "Twilio, Get started with branded RCS messaging", "2026-11")
REGIONS = Source(Tag.DOC, "Twilio, RCS regional availability", "2026-11")
SENDERS_API = Source(Tag.SPEC, "Twilio, Senders API as in twilio-python 9.13.0", "2026-11")
US_COMPLIANCE = Source(Tag.DOC, "Twilio Support, RCS compliance onboarding guide (US), 49174994355355", "2026-11")
US_GUIDELINES = Source(Tag.DOC, "Twilio, RCS guidelines: United States", "2026-11")
SKILL = Source(Tag.DOC, "Twilio, agent skill rcs-messaging", "2026-06-29")
INFOBIP = Source(Tag.SPEC, "Infobip, RCS API description", "2026-11")
AWS = Source(Tag.DOC, "AWS End User Messaging, RCS agent profile", "2026-11")
AWS_OPT_IN = Source(Tag.DOC, "AWS End User Messaging, RCS opt-in evidence", "2026-11")
AWS_VIDEO = Source(Tag.DOC, "AWS End User Messaging, RCS launch video", "2026-11")
WEBEX = Source(Tag.DOC, "Webex Connect, RCS agents", "2026-11")
AJO_OPT_OUT = Source(Tag.DOC, "AJO, help/using/mobile/mobile-opt-out.md", "2026-11")
LAUNCH_GUIDE = Source(Tag.COMMUNITY, "Wire2Air, RCS launch guide", "2026-11")
LETTERS = Source(Tag.COMMUNITY, "launch guides of other RCS providers (Sinch, AWS, Google agree)", "2026-11")
TWO_LISTS = Source(
    Tag.INFERENCE, "Twilio's list of countries to send to, less the Console's list to register in", "2026-11"
)
OURS = Source(Tag.INFERENCE, "our own reasoning; no vendor's document says so", "2026-11-25")
