"""One look at the database for all requests that wait for what it finds: a burst would otherwise ask in forty threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class OneLook(Generic[T]):
    """Looks in a thread; who asks for the same meanwhile gets the same, if it is an error too."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def __call__(self, key: Hashable, look: Callable[[], T]) -> T:
        looking = self._under_way.get(key)
        if looking is None:
            looking = asyncio.ensure_future(run_in_threadpool(look))
            self._under_way[key] = looking
            looking.add_done_callback(lambda _: self._under_way.pop(key, None))
        # Who gives up must not end it for the others.
        return await asyncio.shield(looking)
