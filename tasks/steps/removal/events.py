"""Before AJO's webhooks go: what Twilio has told already shall reach them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engine import removal
from engine.contract import Suspend, Wait

if TYPE_CHECKING:
    from engine.context import StepContext

# An older event has been refused again and again; it does not hold up the end.
MINUTES = 10


def drain(ctx: StepContext) -> None:
    """:raises Suspend: while events of the last minutes are on their way."""
    count = removal.events_on_their_way(ctx, since=ctx.now() - ctx.scaled(minutes=MINUTES))
    if count:
        raise Suspend(
            Wait(
                topic="drain",
                reason=f"{count} of Twilio's events are on their way to AJO",
                who="the gateway and AJO",
                look_again=ctx.scaled(seconds=30),
                at_most=timedelta(hours=1),
            )
        )
