"""The catalogue: the five steps in their order. Adding one is a file here, a line below, and the next version.

The version is stored with each onboarding (docs/adr/0017-pinned-step-graph.md): raise it when a step is added, removed, moved, or
means something else than before. Name in ``carries_on`` the older versions whose runs may go on with these steps as they are.
"""

from engine.contract import Catalogue
from tasks.steps.channel import Channel
from tasks.steps.credential import Credential
from tasks.steps.registration import Registration
from tasks.steps.verification import Verification
from tasks.steps.webhook import Webhook

CATALOGUE = Catalogue((Registration(), Webhook(), Credential(), Channel(), Verification()), version=1)
