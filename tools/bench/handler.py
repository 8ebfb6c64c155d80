"""The minimal HTTP handler that every peer's engine stands behind: takes our requests, answers as we do.

    python -m tools.bench.handler bench.peers.duck:DuckEngine ARGUMENT PORT

A request is parsed by our own parser, asked in a thread, and answered with the records' bytes as they come.
"""

import asyncio
import importlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import uvicorn

from casbah.activity.query import parse
from tools.bench.peers.contract import Engine

_THREADS = 8
_PREFIX = "/api/v1/activities/"


class Handler:
    """The ASGI application."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(_THREADS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        loop = asyncio.get_running_loop()
        try:
            status, answer = 200, await loop.run_in_executor(self._threads, self._answer, scope["path"], body)
        except Exception as error:  # noqa: BLE001  whatever goes wrong is told to the bench
            status, answer = 500, str(error).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, path: str, body: bytes) -> bytes:
        identity = path.removeprefix(_PREFIX).rstrip("/")
        if identity:
            return self._engine.fetch(identity) or b"null"
        query = parse(orjson.loads(body), now=time.time_ns() // 1_000_000)
        records, total = self._engine.find(query)
        more = b"true" if query.skip + len(records) < total and records else b"false"
        return b'{"data":[%b],"hasNext":%b,"total":%d}' % (b",".join(records), more, total)


def main() -> None:
    """Run from the command line."""
    place, argument, port = sys.argv[1:]
    module, _, name = place.partition(":")
    engine = getattr(importlib.import_module(module), name)(argument)
    uvicorn.run(
        Handler(engine),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
    )


if __name__ == "__main__":
    main()
