"""`casbah serve`, with its log on a socket.

    python -m faults.serving --socket FD [--alone] [--plant NAME] -- serve --store FOLDER ...

What is logged leaves by `sendto`; with `--alone` answers do, too, because the event loop is Python's own. So faults can be put
into every call that changes the disk, and none meets an answer or the log. `--plant` puts in one of the bugs of `PLANTS`, for the tests that see whether they are found.
"""

import argparse
import io
import socket
import sqlite3
import sys
from collections.abc import Callable, Mapping

from casbah.outputs.export import exports
from casbah.store.embedded import compaction, record_codec

record_codec.SAMPLES = (
    100  # So that records are packed with a dictionary after a few requests; forked processes have it too.
)
compaction._AT_ONCE = 10  # So that cleaning the disk takes several commits.


class Log(io.TextIOBase):
    """A stream for text that goes to a socket."""

    def __init__(self, to: socket.socket) -> None:
        super().__init__()
        self._to = to

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self._to.sendall(text.encode("utf-8", "replace"))
        return len(text)


def _relaxed() -> None:
    """Databases answer before their log is synced."""

    class Connection(sqlite3.Connection):
        def executescript(self, script: str, /) -> sqlite3.Cursor:
            return super().executescript(script.replace("synchronous = full", "synchronous = off"))

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **options: connect(*args, **{"factory": Connection, **options})


def _early() -> None:
    """Rules are acknowledged before they are stored."""
    from casbah.operations.retention.rules import Rules  # noqa: PLC0415  where it is planted

    Rules.remove = lambda self, rule_id, tenant_id: self.one(rule_id, tenant_id)


def _unsynced() -> None:
    """An export is ready before its file is synced."""
    real = exports.os.fsync
    exports.os = type("Os", (), {"fsync": staticmethod(lambda _: None)})
    assert real is not exports.os.fsync


PLANTS: Mapping[str, Callable[[], None]] = {"relaxed": _relaxed, "early": _early, "unsynced": _unsynced}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--plant", choices=list(PLANTS))
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    if chosen.alone:
        sys.modules["uvloop"] = None  # It answers by `write`.
    sys.stderr = Log(socket.socket(fileno=chosen.socket))
    from casbah import cli  # noqa: PLC0415  the log's stream is chosen when it is imported

    if chosen.plant is not None:
        PLANTS[chosen.plant]()
    sys.argv = ["casbah", *chosen.command]
    cli.main()


if __name__ == "__main__":
    main()
