"""The head of a response goes out with what follows it at once, and alone if nothing does."""

import asyncio
from typing import Any

from casbah.serving.http1 import _JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorded:
    """A transport that records its calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.calls.append("close")
        self.closing = True


def calls(*steps: str | bytes) -> list[Any]:
    """The calls that the transport below gets: of bytes that are written, `close`, `lost`, and steps of the event loop."""

    async def play() -> list[Any]:
        below = Recorded()
        transport = _JoiningTransport(below, asyncio.get_running_loop())  # type: ignore[arg-type]
        for step in steps:
            if step == "step":
                await asyncio.sleep(0)
            elif step == "close":
                transport.close()
            elif step == "lost":
                below.closing = True
            else:
                transport.write(step)  # type: ignore[arg-type]
        return below.calls

    return asyncio.run(play())


def test_a_head_goes_out_with_its_body() -> None:
    assert calls(HEAD, b"body", b"more", "step", "step") == [HEAD + b"body", b"more"]


def test_a_head_alone_waits_for_one_step_only() -> None:
    assert calls(HEAD, "step", "step", b"later") == [HEAD, b"later"]
    assert calls(HEAD, "close", "step") == [HEAD, "close"]


def test_the_order_of_two_responses_stays() -> None:
    assert calls(HEAD, b"", HEAD, b"second", "step") == [HEAD, HEAD + b"second"]
    assert calls(HEAD, HEAD, b"second", "step") == [HEAD + HEAD, b"second"]


def test_a_head_for_a_lost_connection_is_dropped() -> None:
    """uvloop raises for a write to it, in a step of the event loop where nobody handles that."""
    assert calls(HEAD, "lost", "step", "step") == []


def test_an_empty_body_leaves_nothing_to_send() -> None:
    """Here with asyncio's own transport, which would not close."""

    async def play() -> bytes:
        def answering() -> asyncio.Protocol:
            return Answering(asyncio.get_running_loop())

        server = await asyncio.get_running_loop().create_server(answering, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"?")
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            return answer

    assert asyncio.run(play()) == HEAD


class Answering(asyncio.Protocol):
    """Answers with a head and an empty body, and closes the connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = _JoiningTransport(transport, self.loop)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        for part in (HEAD, data[:0]):
            self.transport.write(part)
        self.transport.close()
