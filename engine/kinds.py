"""Names that several rooms share, once: the kinds of resources at the vendors, and the stored secrets."""

MESSAGING_SERVICE = "twilio_messaging_service"
RCS_SENDER = "twilio_rcs_sender"
API_KEY = "twilio_api_key"
# While one key takes another's place.
NEXT_API_KEY = "twilio_next_api_key"
FORMER_API_KEY = "twilio_former_api_key"
CREDENTIAL = "ajo_credential"
INBOUND_WEBHOOK = "ajo_inbound_webhook"
FEEDBACK_WEBHOOK = "ajo_feedback_webhook"
CHANNEL_CONFIGURATION = "ajo_channel_configuration"

API_KEY_SECRET = "twilio.api_key_secret"  # noqa: S105  name of a stored secret
BRIDGE_TOKEN = "bridge.token"  # noqa: S105
AUTH_TOKEN = "twilio.auth_token"  # noqa: S105

# While one secret takes another's place, the one that it follows is still believed.
FORMER_AUTH_TOKEN = "twilio.auth_token.former"  # noqa: S105
FORMER_BRIDGE_TOKEN = "bridge.token.former"  # noqa: S105

# In the details of a channel configuration: the number that AJO still names as the sender after the spec has another.
FORMER_SENDER = "former_sender"

# What a person may leave where it is at a teardown, as they write it. The bridge's key goes in any case.
KEEPABLE = (
    "messaging-service",
    "rcs-sender",
    "inbound-webhook",
    "feedback-webhook",
    "credential",
    "channel-configuration",
)
