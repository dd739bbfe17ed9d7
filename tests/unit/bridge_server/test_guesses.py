"""Who guesses the token waits; who knows it does not."""

import asyncio

from support.clock import Clock
from taskworker_classifyimage.bridge_server.guesses import MOST_WAITING, Guesses


def delays(guesses: Guesses, address: str, count: int) -> list[float]:
    return [guesses.note_wrong(address) for _ in range(count)]


def test_the_first_wrong_tokens_cost_nothing_and_the_next_ever_more() -> None:
    found = delays(Guesses(clock=Clock()), "10.0.0.1", 20)
    assert found[:5] == [0] * 5
    assert found[5:8] == [0.25, 0.5, 1.0]
    assert found[-1] == 5.0
    assert found == sorted(found)


def test_another_address_does_not_wait_for_a_guesser() -> None:
    guesses = Guesses(clock=Clock())
    delays(guesses, "10.0.0.1", 50)
    assert guesses.note_wrong("10.0.0.2") == 0


def test_many_addresses_are_slowed_down_together_and_take_no_memory() -> None:
    guesses = Guesses(clock=Clock())
    for number in range(10_000):
        guesses.note_wrong(f"10.0.{number // 256}.{number % 256}")
    assert guesses.note_wrong("10.1.0.0") == 5.0
    assert len(guesses._by_address) <= 1000


def test_the_right_token_ends_the_waiting() -> None:
    guesses = Guesses(clock=Clock())
    delays(guesses, "10.0.0.1", 50)
    guesses.note_right("10.0.0.1")
    assert guesses.note_wrong("10.0.0.1") == 0


def test_wrong_tokens_are_forgotten_in_time() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    delays(guesses, "10.0.0.1", 50)
    for _ in range(10):
        clock.now_s += 60
        guesses.note_wrong("10.0.0.2")
    assert guesses.note_wrong("10.0.0.1") == 0


def test_guesses_at_the_same_time_are_not_all_answered() -> None:
    async def run() -> list[bool]:
        guesses = Guesses(clock=Clock())
        delays(guesses, "10.0.0.1", 50)
        tasks = [asyncio.create_task(guesses.wait("10.0.0.1")) for _ in range(MOST_WAITING + 5)]
        await asyncio.sleep(0)
        done = [task.result() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        return done

    assert asyncio.run(run()) == [False] * 5
