"""Queries that many event streams share: one query answers all streams that ask at the same time, and a
later stream causes a new one.
"""

import asyncio
import threading

from api.answers.looks import Looks
from tests.support.patience import patient


def test_all_who_ask_at_once_are_told_what_one_look_has_found():
    looks, went, go_on = Looks(), [], threading.Event()

    def look():
        went.append(1)
        assert go_on.wait(patient(20))
        return len(went)

    async def ask():
        asked = [asyncio.create_task(looks.at("a", look, fresh_s=60)) for _ in range(50)]
        await asyncio.sleep(0.05)
        asked[0].cancel()  # one that goes takes nobody with it
        go_on.set()
        return await asyncio.gather(*asked[1:])

    assert set(asyncio.run(ask())) == {1}
    assert len(went) == 1


def test_what_is_not_fresh_any_more_is_looked_at_again_and_other_things_are_other_looks():
    looks, went = Looks(), []

    async def ask():
        for what, fresh_s in (("a", 60), ("a", 60), ("a", 0), ("b", 60)):
            await looks.at(what, lambda what=what: went.append(what), fresh_s=fresh_s)

    asyncio.run(ask())
    assert went == ["a", "a", "b"]


def test_an_error_is_told_to_all_and_not_kept_longer_than_an_answer():
    looks, wrong = Looks(), [True]

    def look():
        if wrong[0]:
            raise ValueError("away")
        return "here"

    async def ask():
        first = await asyncio.gather(
            *(looks.at("a", look, fresh_s=0) for _ in range(3)), return_exceptions=True
        )
        wrong[0] = False
        return first, await looks.at("a", look, fresh_s=0)

    first, second = asyncio.run(ask())
    assert [str(error) for error in first] == ["away"] * 3
    assert second == "here"


def test_what_was_looked_at_long_ago_is_forgotten():
    looks = Looks()

    async def ask():
        for n in range(1000):
            await looks.at(n, lambda n=n: n, fresh_s=0)

    asyncio.run(ask())
    assert looks.kept < 200
