"""What is remembered: one table per file. Importing this package registers all of them on ``metadata``."""

from models.tables.accepted_drift import AcceptedDrift
from models.tables.ajo_proof import AjoProof
from models.tables.attempt import Attempt
from models.tables.base import metadata
from models.tables.bridge_message import BridgeMessage
from models.tables.check_budget import CheckBudget
from models.tables.checklist_item import ChecklistItem
from models.tables.destination import Destination
from models.tables.drift_finding import DriftFinding
from models.tables.event import Event
from models.tables.evidence import Evidence
from models.tables.message import Message
from models.tables.notice import Notice
from models.tables.onboarding import Onboarding
from models.tables.operator_task import OperatorTask
from models.tables.pulse import Pulse
from models.tables.resource import Resource
from models.tables.review_status import ReviewStatus
from models.tables.secret import Secret
from models.tables.step import Step
from models.tables.vendor_limit import VendorLimit
from models.tables.verification import Verification
from models.tables.webhook_event import WebhookEvent

__all__ = [
    "AcceptedDrift",
    "AjoProof",
    "Attempt",
    "BridgeMessage",
    "CheckBudget",
    "ChecklistItem",
    "Destination",
    "DriftFinding",
    "Event",
    "Evidence",
    "Message",
    "Notice",
    "Onboarding",
    "OperatorTask",
    "Pulse",
    "Resource",
    "ReviewStatus",
    "Secret",
    "Step",
    "VendorLimit",
    "Verification",
    "WebhookEvent",
    "metadata",
]
