"""The head of a response goes out with what follows it at once, and alone if nothing does."""

import asyncio
from typing import Any

from casbah.serving.http1 import _JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorded:
    """A transport that records its calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.calls.append(tuple(parts))

    def close(self) -> None:
        self.calls.append("close")


def calls(*steps: str | bytes) -> list[Any]:
    """The calls that the transport below gets: of bytes that are written, `close`, and steps of the event loop."""

    async def play() -> list[Any]:
        below = Recorded()
        transport = _JoiningTransport(below, asyncio.get_running_loop())  # type: ignore[arg-type]
        for step in steps:
            if step == "step":
                await asyncio.sleep(0)
            elif step == "close":
                transport.close()
            else:
                transport.write(step)  # type: ignore[arg-type]
        return below.calls

    return asyncio.run(play())


def test_a_head_goes_out_with_its_body() -> None:
    assert calls(HEAD, b"body", b"more", "step", "step") == [(HEAD, b"body"), b"more"]


def test_a_head_alone_waits_for_one_step_only() -> None:
    assert calls(HEAD, "step", "step", b"later") == [HEAD, b"later"]
    assert calls(HEAD, "close", "step") == [HEAD, "close"]


def test_the_order_of_two_responses_stays() -> None:
    assert calls(HEAD, b"", HEAD, b"second", "step") == [(HEAD, b""), (HEAD, b"second")]
    assert calls(HEAD, HEAD, b"second", "step") == [(HEAD, HEAD), b"second"]
