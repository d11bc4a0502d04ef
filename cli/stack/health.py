"""The checks of ``onboard doctor`` that read the database: whether work goes on, and what holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.stack.result import Result
from cli.words import span
from engine.clock import now

if TYPE_CHECKING:
    from engine.reading import Source
    from engine.signs import Signs
    from settings import Settings


def _source(settings: Settings) -> Source:
    from engine.reading import open_source

    return open_source(settings.resolved_database_url)


def _signs(settings: Settings) -> Signs:
    from engine.pulse import read_signs
    from models.db import make_engine, reader
    from tasks.names import QUEUES

    engine = make_engine(settings.resolved_database_url)
    try:
        with reader(engine).begin() as connection:
            return read_signs(connection, queues=QUEUES, sweep_seconds=settings.sweep_seconds, at=now())
    finally:
        engine.dispose()


def beat(settings: Settings) -> Result:
    signs = _signs(settings)
    cure = "onboard up" if settings.is_embedded_broker else "onboard beat, on one machine"
    if signs.beat is None:
        return Result("beat", "fail", "has never ticked: nothing is polled or tried again", cure)
    if not signs.is_ticking:
        found = f"last ticked {span(signs.beat)} ago: nothing is polled or tried again"
        return Result("beat", "fail", found, cure)
    if len(signs.beats) > 1:
        found = f"{len(signs.beats)} tick: {', '.join(signs.beats)}"
        return Result("beat", "warn", found, "one is enough; another does no harm but sends each tick again")
    return Result("beat", "ok", f"{signs.beats[0]} ticked {span(signs.beat)} ago")


def queues(settings: Settings) -> Result:
    signs = _signs(settings)
    if not signs.stalled:
        oldest = max(age for age in signs.queues.values() if age is not None)
        return Result("queues", "ok", f"{', '.join(signs.queues)}: each consumed from in the last {span(oldest)}")
    said = "; ".join(
        f"{queue}: nothing consumed" + (" yet" if (age := signs.queues[queue]) is None else f" for {span(age)}")
        for queue in signs.stalled
    )
    if not signs.is_ticking:
        # Without canaries a queue may be idle for good reason.
        return Result("queues", "warn", f"{said}, but no beat sends anything through them", "start beat first")
    cure = "is a worker running for it? `onboard worker`; restart one that runs and takes nothing (docs/operations.md)"
    return Result("queues", "fail", said, cure)


def graph(settings: Settings) -> Result:
    from engine.graph import how_to_go_on
    from tasks.steps import CATALOGUE

    count = "SELECT graph_version, count(*) AS n FROM onboarding GROUP BY graph_version ORDER BY graph_version"
    with _source(settings).snapshot() as fetch:
        versions = {row["graph_version"]: row["n"] for row in fetch(count, {})}
    strange = [version for version in versions if version not in CATALOGUE.known]
    if not strange:
        return Result("step graph", "ok", f"version {CATALOGUE.version}, as all {sum(versions.values())} onboardings")
    found = f"version {CATALOGUE.version}; left alone: " + ", ".join(
        f"{versions[version]} onboarding{'s' if versions[version] > 1 else ''} on version {version}"
        for version in strange
    )
    return Result("step graph", "fail", found, "; ".join(how_to_go_on(CATALOGUE, version) for version in strange))


def vendor_limits(settings: Settings) -> Result:
    from engine.limits import account_shown, clock
    from engine.limits_view import read_limits

    at = now()
    with _source(settings).snapshot() as fetch:
        accounts = read_limits(fetch, at)
    resting = [one for one in accounts if one.cooldown_until is not None and one.cooldown_until > at]
    count = sum(one.held_back for one in accounts)
    held = "1 step is held back" if count == 1 else f"{count} steps are held back"
    if not resting:
        return Result("vendor limits", "ok", f"no account rests; {held}")
    worst = max(resting, key=lambda one: one.cooldown_until or at)
    found = f"{account_shown(worst.vendor, worst.account)} {worst.reason} until {clock(worst.cooldown_until or at)}"
    more = f", and {len(resting) - 1} more" if len(resting) > 1 else ""
    return Result("vendor limits", "warn", f"{found}{more}; {held}", "onboard limits")


CHECKS = {"beat": beat, "queues": queues, "step graph": graph, "vendor limits": vendor_limits}
