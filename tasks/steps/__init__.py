"""The catalogue: the five steps in their order. Adding one is a file here and a line below."""

from engine.contract import Catalogue
from tasks.steps.channel import Channel
from tasks.steps.credential import Credential
from tasks.steps.registration import Registration
from tasks.steps.verification import Verification
from tasks.steps.webhook import Webhook

CATALOGUE = Catalogue((Registration(), Webhook(), Credential(), Channel(), Verification()))
