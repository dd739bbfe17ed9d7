"""The ways in which a network fails a call."""

import random
import time
from collections.abc import Callable

from support.proxy import Exchange
from support.raw_http import whole_answer

_HTML = b"<html><body>Bad Gateway</body></html>"


def refuse(exchange: Exchange) -> None:
    exchange.cut()


def cut_request(exchange: Exchange) -> None:
    exchange.forward_part(random.randrange(1, len(exchange.request)))
    exchange.cut()


def cut_answer(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.answer(answer[: random.randrange(len(answer))])
    exchange.cut()


def cut_at(size: int) -> Callable[[Exchange], None]:
    """Gives so many bytes of the answer."""

    def cut(exchange: Exchange) -> None:
        exchange.answer(exchange.forward()[:size])
        exchange.cut()

    return cut


def fail(exchange: Exchange) -> None:
    exchange.answer(whole_answer(500, _HTML, "Content-Type: text/html"))


def bad_gateway_afterwards(exchange: Exchange) -> None:
    exchange.forward()
    exchange.answer(whole_answer(502, _HTML, "Content-Type: text/html"))


def html_instead(exchange: Exchange) -> None:
    if exchange.step in ("file", "complete"):
        # No JSON is expected there, and nothing tells a lie from the truth.
        return fail(exchange)
    exchange.forward()
    exchange.answer(whole_answer(200, _HTML, "Content-Type: text/html"))
    return None


def too_many(exchange: Exchange) -> None:
    exchange.answer(whole_answer(429, b"", "Retry-After: 1"))


def hang(exchange: Exchange) -> None:
    exchange.hang()


def hang_afterwards(exchange: Exchange) -> None:
    exchange.forward()
    exchange.hang()


def drip(exchange: Exchange) -> None:
    for byte in exchange.forward():
        exchange.answer(bytes([byte]))
        time.sleep(1)


def twice(exchange: Exchange) -> None:
    exchange.answer(exchange.forward() * 2)


#: Those that are over at once.
FAST: list[Callable[[Exchange], None]] = [
    refuse,
    cut_request,
    cut_answer,
    fail,
    bad_gateway_afterwards,
    html_instead,
    too_many,
    twice,
]
#: Those that last until the worker gives up.
SLOW: list[Callable[[Exchange], None]] = [hang, hang_afterwards, drip]
