"""An engine behind the handler, in a process of its own."""

from pathlib import Path

from tools.bench import process
from tools.bench.process import Process
from tools.bench.wire import Connection


class Behind:
    """A running handler: `place` is the engine as `module:Class`, `argument` what it is made with."""

    def __init__(self, place: str, argument: str, *, folder: Path) -> None:
        log = folder / "handler.log"
        port = process.free_port()
        self.process: Process = process.python("tools.bench.handler", place, argument, str(port), log=log)
        self._url = f"http://127.0.0.1:{port}"
        process.wait(self.process, lambda: process.answers(port), log=log)

    def connection(self) -> Connection:
        """A connection to it."""
        return Connection(self._url)
