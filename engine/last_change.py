"""Who changed what drifted, as far as Twilio's Monitor tells.

That Monitor logs numbers is published; that it logs messaging services, RCS senders and keys, and by which names their
properties go, is not (docs/vendors.md). So nothing is made of its silence, and a property that it does not name leaves
"last changed by". AJO shows nobody's name.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from engine.desired import EXISTS, subject_of
from models.states import VerificationState
from models.tables import Resource, Verification
from providers.errors import NotFound, OnboardingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from engine.contract import Finding
    from engine.memory import View
    from providers.twilio.types import MonitorEvent

log = logging.getLogger(__name__)

# What Twilio keeps where no paid edition was bought.
LOG_IS_KEPT = timedelta(days=30)
# A look takes a while, and the vendor's clock is not ours.
MARGIN = timedelta(minutes=10)
PLACES = {"web": " in the Console", "api": " over the API"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """:param actor_type: Twilio's word: ``user``, ``account``, ``twilio-admin`` or another.
    :param names_it: the log names the very property that differs; else this is the object's newest change.
    :param may_be_ours: onboard's own calls look the same.
    """

    at: datetime
    action: str
    actor_type: str
    actor: str
    source: str
    address: str
    names_it: bool
    may_be_ours: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}


def ask(
    ctx: View,
    found: Sequence[Finding],
    known: Collection[str],
    *,
    before_a_call: Callable[[], object] = lambda: None,
) -> list[Finding]:
    """The findings, those that are new with their last change where it is known. One call for each object that differs anew.

    Whatever comes of it, the findings stay what they are: an object that the log does not know leaves its own without,
    and any other failure ends the asking.

    :param known: keys of the differences that are remembered: nobody asks again.
    """
    new = {finding.key: finding for finding in found if finding.key and finding.key not in known}
    sids = _sids(ctx, list(new.values()))
    if not sids:
        return list(found)
    since = _since(ctx)
    events: dict[str, list[MonitorEvent]] = {}
    for sid in dict.fromkeys(sids.values()):
        before_a_call()
        try:
            events[sid] = ctx.vendors.twilio.list_events(resource_sid=sid, since=since)
        except NotFound:
            continue
        except OnboardingError as error:
            log.info("nobody knows who changed %s: %s", sid, error.message)
            break
    account = ctx.spec.twilio.account_sid
    changes = {key: choose(events.get(sid, ()), key.partition("/")[2], account) for key, sid in sids.items()}
    return [replace(one, last_change=changes.get(one.key)) for one in found]


def choose(events: Collection[MonitorEvent], field: str, account_sid: str) -> LastChange | None:
    """The newest event that names this field, else the newest; None where there is none but of the object's making."""
    changes = [event for event in events if _action(event) != "created"]
    naming = [event for event in changes if _names(event, field)]
    newest = max(naming or changes, key=lambda event: event.at, default=None)
    if newest is None:
        return None
    return LastChange(
        at=newest.at,
        action=_action(newest),
        actor_type=newest.actor_type,
        actor=newest.actor_sid,
        source=newest.source,
        address=newest.source_address,
        names_it=bool(naming),
        may_be_ours=newest.source == "api" and newest.actor_sid in {"", account_sid},
    )


def told(change: Mapping[str, Any], at: str, *, shows_address: bool = True) -> str:
    """``last changed by user US… in the Console at AT from 203.0.113.7``.

    :param change: as :meth:`LastChange.as_json` gives it.
    :param at: its moment, as it shall be shown.
    """
    verb = "last changed"
    if change["names_it"]:
        verb = "deleted" if change["action"] == "deleted" else "changed"
    where = PLACES.get(change["source"], "")
    actor = " ".join(part for part in (change["actor_type"], change["actor"]) if part)
    if change["actor_type"] == "user" or not where:
        how = f" by {actor or 'Twilio'}{where}"
    else:
        ours = "as which onboard calls too" if change["may_be_ours"] else ""
        aside = ", ".join(part for part in (actor, ours) if part)
        how = f"{where} ({aside})" if aside else where
    address = f" from {change['address']}" if shows_address and change["address"] else ""
    return f"{verb}{how} at {at}{address}"


def _action(event: MonitorEvent) -> str:
    return event.event_type.rpartition(".")[2]


def _names(event: MonitorEvent, field: str) -> bool:
    return _action(event) == "deleted" if field == EXISTS else field in event.changed


def _sids(ctx: View, new: Sequence[Finding]) -> dict[str, str]:
    """The SID at Twilio of each finding's object, by the finding's key; of one that is gone the one we remember."""
    gone = [finding for finding in new if not finding.sid and finding.key.endswith(f"/{EXISTS}")]
    mine = select(Resource.c.kind, Resource.c.external_id).where(
        Resource.c.onboarding_id == ctx.onboarding_id, Resource.c.vendor == "twilio"
    )
    recorded = {subject_of(row.kind): row.external_id for row in ctx.read(mine)} if gone else {}
    sids = {finding.key: finding.sid or recorded.get(finding.key.partition("/")[0]) for finding in new}
    return {key: sid for key, sid in sids.items() if sid}


def _since(ctx: View) -> datetime:
    """When the last look began that passed: what is new to us was still right then."""
    passed = select(func.max(Verification.c.started_at).label("at")).where(
        Verification.c.onboarding_id == ctx.onboarding_id, Verification.c.state == VerificationState.PASSED
    )
    at = ctx.read(passed)[0].at
    oldest = ctx.now() - LOG_IS_KEPT
    return oldest if at is None else max(oldest, at - MARGIN)
