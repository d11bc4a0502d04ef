"""A look at both vendors and at the database that can change neither."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.context import Workshop
    from engine.plan import Plan, PlanContext
    from models.spec.onboarding import AnySpec

# What to call once an onboarding is mended: of no use for a file that was not started.
NEXT_COMMAND = re.compile(r"[,;:]? (then|and) (run )?`onboard .*", re.DOTALL)


@contextmanager
def looking() -> Iterator[Workshop]:
    """What a plan is made with. Where nothing was started yet there need be no database, and none is made.

    :raises Exit: this would look for the simulator's onboardings at the real vendors.
    """
    from cli.stack.simulated import settings_for_vendors
    from cli.state import open_readable
    from engine.clock import now
    from engine.context import Workshop
    from engine.reading import NoDatabase, open_source
    from engine.vault import Vault, load_keys, new_key
    from models.db import make_engine
    from models.tables import metadata
    from tasks.steps import CATALOGUE
    from tasks.vendors import make_readers

    settings = settings_for_vendors()
    try:
        open_source(settings.resolved_database_url).close()
    except NoDatabase:
        db = make_engine("sqlite://")
        metadata.create_all(db)
        vault = Vault([new_key()])
    else:
        with open_readable():
            db = make_engine(settings.resolved_database_url, is_read_only=True)
        vault = Vault(load_keys(settings))
    try:
        yield Workshop(
            db=db,
            vault=vault,
            settings=settings,
            catalogue=CATALOGUE,
            make_vendors=make_readers,
            now=now,
            worker="nobody",
        )
    finally:
        db.dispose()


def require_known(shop: Workshop, names: Sequence[str]) -> None:
    """:raises Exit: there is no onboarding of one of these names."""
    from cli.state import reading, unknown_name
    from engine.plan import find_row

    strange = [name for name in names if find_row(shop, name) is None]
    if strange:
        with reading() as fetch:
            raise unknown_name(fetch, strange)


def context_of(
    shop: Workshop, name: str, spec: AnySpec | None = None, secrets: Mapping[str, str] | None = None
) -> PlanContext:
    """A removed onboarding counts as not started where there is a spec: ``start`` begins anew under its name.

    :raises Exit: there is neither a spec nor an onboarding of this name.
    """
    from engine.plan import PlanContext, find_row
    from models.states import OnboardingState

    if spec is None:
        require_known(shop, [name])
    row = find_row(shop, name)
    if row is not None and spec is not None and row.status is OnboardingState.REMOVED:
        row = None
    return PlanContext(shop, row, spec, secrets)


def plan_or_problem(ctx: PlanContext) -> Plan | str:
    """The plan, or in a sentence why one cannot look."""
    from engine.commands import NotPossible
    from engine.plan import make_plan
    from providers.errors import Misconfigured, NeedsPerson, OnboardingError, Refused

    try:
        return make_plan(ctx)
    except (NeedsPerson, Refused) as error:
        cure = error.cure if ctx.row is not None else NEXT_COMMAND.sub("", error.cure)
        return f"{error.message}: {cure}"
    except OnboardingError as error:
        return error.message
    except (Misconfigured, NotPossible) as error:
        return str(error)
