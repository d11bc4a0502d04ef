"""The product's seams, where a process can be made to die: its writing calls to vendors and its commits.

Nothing else that the product does outlasts it, so two instants between the same two of them leave the same behind. Needs no
hook in the product: calls are caught in ``providers``, commits at the database driver, and what they are called comes from
the code that is running.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import event

import engine.bridge
from models.db import EACH_COMMITS
from providers.http import SAFE_METHODS, Http
from providers.http_async import AsyncHttp

if TYPE_CHECKING:
    from types import FrameType

    from sqlalchemy import Connection, Engine

DEAD = 77
CLAIM, OUTCOME = "claim", "outcome"
# What the test itself does, in a person's place.
ELSEWHERE = "elsewhere"
ROOMS = frozenset({"engine", "tasks", "gateway"})
# They carry out what somebody else asks for.
CARRIERS = frozenset({"write", "work", "<lambda>"})
SID = re.compile(r"([A-Z]{2}|\b)[0-9a-f]{32}")

Moment = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One call or commit of a run.

    :ivar where: the step, or ``forwarder``, ``clock``, ``bridge``.
    :ivar number: from 1, among those of this name in this process.
    """

    where: str
    kind: Literal["call", "commit"]
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die, or to stop until somebody says go on, as a machine does that was put to sleep."""

    effect: Effect
    moment: Moment
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to die.

    :ivar row: what was under way; ``column`` is the name of the instant.
    :ivar deaths: where the first process dies (or stops), the second, and so on.
    """

    where: str
    row: str
    column: str
    deaths: tuple[Point, ...]


class Seams:
    """All effects of this process; ends it at ``deadly``.

    :ivar watch: told of each effect before and after it.
    """

    def __init__(self, deadly: Point | None = None) -> None:
        self.deadly = deadly
        self.effects: list[Effect] = []
        self.watch: Callable[[Effect, Moment], None] = lambda _effect, _moment: None
        self._counts: Counter[tuple[str, str]] = Counter()

    def around(self, where: str, kind: Literal["call", "commit"], name: str) -> Callable[[], None]:
        """An effect begins now; call the answer when it is over."""
        self._counts[where, name] += 1
        effect = Effect(where, kind, name, self._counts[where, name])
        self.effects.append(effect)
        is_deadly = self.deadly is not None and self._is_meant(effect, self.deadly.effect)
        self._pass(effect, "before", is_deadly=is_deadly)
        return lambda: self._pass(effect, "after", is_deadly=is_deadly)

    @staticmethod
    def _is_meant(effect: Effect, deadly: Effect) -> bool:
        """``outcome`` alone means whichever comes first."""
        return effect == deadly or (deadly.name == OUTCOME == effect.name.split()[0] and deadly.where == effect.where)

    def _pass(self, effect: Effect, moment: Moment, *, is_deadly: bool) -> None:
        if is_deadly and self.deadly is not None and moment == self.deadly.moment:
            if self.deadly.stops:
                os.kill(os.getpid(), signal.SIGSTOP)
                return
            # No cleaning up, no flush, no rollback: as after SIGKILL.
            os._exit(DEAD)
        self.watch(effect, moment)

    # -- the seams ----------------------------------------------------------------------------------------------
    def install(self, db: Engine) -> None:
        """In this process, for good."""
        self._catch_commits(db)
        self._catch_statements(db)
        self._catch_calls()
        for name in ("announce", "judge", "ended_unclear", "post_unless_taken", "accepted", "refused", "not_sent"):
            self._name_bridge_write(name)

    def _catch_commits(self, db: Engine) -> None:
        dialect: Any = db.dialect
        do_commit = dialect.do_commit
        names: list[str] = []

        @event.listens_for(db, "begin")
        def _begin(connection: Connection) -> None:
            connection.info.update(has_written=False, bridge=[])

        @event.listens_for(db, "after_cursor_execute")
        def _executed(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
            # What SQLite returned of an INSERT is counted only once it was read.
            if may_write(statement) and (cursor.rowcount or " RETURNING " in statement):
                connection.info["has_written"] = not each_commits(connection)

        @event.listens_for(db, "commit")
        def _commit(connection: Connection) -> None:
            names[:] = connection.info["bridge"]
            if not connection.info["has_written"]:
                names[:] = ["nothing"]

        def commit(dbapi_connection: Any) -> None:
            if names == ["nothing"]:
                do_commit(dbapi_connection)
                return
            over = self._commit_begins(names)
            do_commit(dbapi_connection)
            over()

        dialect.do_commit = commit

    def _catch_statements(self, db: Engine) -> None:
        """Where each commits by itself. (What SQLite returns of one commits when it was read: nothing of the plan does.)"""

        @event.listens_for(db, "before_cursor_execute")
        def _executing(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            if each_commits(connection) and may_write(statement):
                connection.info["over"] = self._commit_begins(connection.info["bridge"])

        @event.listens_for(db, "after_cursor_execute")
        def _executed(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
            if each_commits(connection) and may_write(statement):
                connection.info["over"]()

    def _commit_begins(self, names: list[str]) -> Callable[[], None]:
        where, name = ("bridge", "+".join(names)) if names else place(sys._getframe(2))
        return self.around(where, "commit", name)

    def _catch_calls(self) -> None:
        request, exchange_async = Http.request, AsyncHttp._exchange

        def calling(http: Http, method: str, path: str, *, operation: str, **options: Any) -> Any:
            if method in SAFE_METHODS or http.vendor == "Adobe IMS":
                return request(http, method, path, operation=operation, **options)
            over = self.around(place(sys._getframe(1))[0], "call", SID.sub("SID", operation))
            answer = request(http, method, path, operation=operation, **options)
            over()
            return answer

        async def calling_async(http: AsyncHttp, *arguments: Any) -> Any:
            over = self.around("bridge", "call", "send")
            answer = await exchange_async(http, *arguments)
            over()
            return answer

        Http.request = calling  # type: ignore[method-assign]
        AsyncHttp._exchange = calling_async  # type: ignore[method-assign]

    @staticmethod
    def _name_bridge_write(name: str) -> None:
        """The gateway's writer commits for many: each write says what it was."""
        work = getattr(engine.bridge, name)

        @functools.wraps(work)
        def named(connection: Connection, *arguments: Any, **options: Any) -> Any:
            connection.info["bridge"].append(name)
            return work(connection, *arguments, **options)

        setattr(engine.bridge, name, named)


def may_write(statement: str) -> bool:
    return not statement.lstrip().upper().startswith("SELECT")


def each_commits(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(EACH_COMMITS))


def place(frame: FrameType | None) -> tuple[str, str]:
    """Whose effect it is, and which function of ours causes it."""
    name, where = "", ""
    while frame is not None and not where:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module.partition(".")[0] in ROOMS:
            seen = frame.f_locals
            if not name and function not in CARRIERS:
                name = f"{module.rpartition('.')[2]}.{function}"
                if function in {"intend", "record"} and "kind" in seen:
                    name += f" {seen['kind']}"
                if function == "conclude":
                    name = f"{OUTCOME} {type(seen['outcome']).__name__}"
                elif function == "run_step":
                    name = CLAIM
            if function == "run_step":
                where = seen["name"]
            elif function in {"forward_due", "forward"}:
                where = "forwarder"
            elif function in {"tick", "sweep"}:
                where = "clock"
        frame = frame.f_back
    return where or ELSEWHERE, name or ELSEWHERE
