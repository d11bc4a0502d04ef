from __future__ import annotations

import asyncio
import threading

from gateway.look import OneLook


def test_a_burst_looks_once_and_who_comes_later_looks_again():
    look, looks, go_on = OneLook(), [], threading.Event()

    def at(key):
        looks.append(key)
        assert go_on.wait(10)
        return f"{key} {len(looks)}"

    async def burst():
        waiting = [asyncio.ensure_future(look("a", lambda: at("a"))) for _ in range(32)]
        given_up = asyncio.ensure_future(look("a", lambda: at("a")))
        await asyncio.sleep(0)
        given_up.cancel()
        go_on.set()
        return await asyncio.gather(*waiting), await look("a", lambda: at("a"))

    assert asyncio.run(burst()) == (["a 1"] * 32, "a 2")


def test_an_error_is_everybodys_and_not_kept():
    look = OneLook()

    def fail():
        raise ZeroDivisionError

    async def burst():
        errors = await asyncio.gather(*(look("a", fail) for _ in range(3)), return_exceptions=True)
        return errors, await look("a", lambda: "found")

    errors, found = asyncio.run(burst())
    assert [type(error) for error in errors] == [ZeroDivisionError] * 3
    assert found == "found"


def test_each_question_has_a_look_of_its_own():
    look = OneLook()

    async def both():
        return await asyncio.gather(look("one", lambda: 1), look("other", lambda: 2))

    assert asyncio.run(both()) == [1, 2]
