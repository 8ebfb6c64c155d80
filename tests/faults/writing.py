"""The process under test: stores what a seed says, an act each time it is told to, and answers over the same socket.

    python -m faults.writing --store FOLDER --socket FD --seed 7 [--jumps] [--careless store|log]

It reads `go N` and answers `done N checkpoint` once the store has said so, or `failed N reason`; `stop` ends it. The checkpoint
is the last one of the transparency log, in Base64, or `-` if there is none; a thread adds to the log meanwhile. What act N does follows
from the seed alone (`acts.py`), so that whoever listens knows what must be there. Answers leave by `sendto`, which nothing
else here calls: faults can be put into every other call, and a recording shows where between them an answer lies.
"""

import argparse
import socket
import sys
from base64 import b64encode
from contextlib import closing
from pathlib import Path

from casbah.evidence import log_files
from casbah.evidence.logs import Logs
from casbah.store.embedded import compaction, index_writers, record_codec
from casbah.store.embedded.store import EmbeddedStore
from faults.acts import SCOPE, Jumping, act
from faults.logged import kept

record_codec.SAMPLES = (
    100  # So that records are packed with a dictionary, which is one more file to lose, after a few acts.
)
compaction._AT_ONCE = 10  # So that cleaning the disk takes several commits.


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--jumps", action="store_true")
    parser.add_argument("--careless", choices=["store", "log"], help="leave out the sync after a commit")
    chosen = parser.parse_args()
    if chosen.careless == "store":
        index_writers.sync_folder = lambda _folder: None
    if chosen.careless == "log":
        log_files.os = type("Os", (), {**vars(log_files.os), "fsync": staticmethod(lambda _handle: None)})
    with socket.socket(fileno=chosen.socket) as told, told.makefile("r", encoding="utf-8") as asked:
        with (
            closing(EmbeddedStore(chosen.store, clock=Jumping(chosen.seed, jumps=chosen.jumps))) as store,
            closing(kept(store, chosen.store)) as logs,
        ):
            logs.begin()
            told.send(b"ready\n")
            for line in asked:
                word, _, number = line.strip().partition(" ")
                if word == "stop":
                    break
                told.send(_done(store, logs, chosen.seed, int(number)))
        told.send(b"end\n")
    return 0


def _done(store: EmbeddedStore, logs: Logs, seed: int, number: int) -> bytes:
    try:
        act(seed, number).do(store, SCOPE)
    except Exception as error:  # noqa: BLE001  whatever it is, it is no answer
        return f"failed {number} {type(error).__name__}: {' '.join(str(error).split())}\n".encode()
    return f"done {number} {_checkpoint(logs)}\n".encode()


def _checkpoint(logs: Logs) -> str:
    try:
        return b64encode(logs.of(SCOPE.name).checkpoint.encode()).decode()
    except OSError:  # The disk under a fault.
        return "-"


if __name__ == "__main__":
    sys.exit(main())
