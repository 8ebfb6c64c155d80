"""First rows of a cold server: the ten investigations of docs/pages.md, with a server started anew before each.

    python -m tools.bench.cold --scale 10m --rounds 3

The server is `casbah serve` on the store that `make bench` loads (it is loaded if it is not there yet). Before each question the
server is ended, the kernel is asked to forget the pages of the store's files (`posix_fadvise`), and the server is started. Cold is
the time of the first request of the page that answers the question, 100 rows or the groups; warm is that of the same request again.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tools.bench import data, machine
from tools.bench.__main__ import about_the_data
from tools.bench.data import UNTIL, read
from tools.bench.peers.casbah import Casbah
from tools.bench.peers.contract import ready
from tools.bench.sample import Sample

SEARCH = "/api/ext/v1/search"
GROUPS = f"{SEARCH}/groups"
AIM_MS = 300
_DAYS = 30
_SAMPLED = 500
_WIDTH = 160
_DAY = 86_400_000
_RECENT = "date:{since}..{until}"
_LIST = {"limit": 100}
_GROUPED = {"limit": 100, "spans": 24, "previous": True}


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest activities of the store, and when the last of them happened, or a little later."""

    lines: Callable[[], Iterable[bytes]]
    until: int
    seed: int

    def of_verb(self, verb: str) -> Sample:
        """Some of those that have the verb; of all, if it is empty."""
        text = f'"verb":"{verb}"'.encode() if verb else b""
        return Sample(islice((line for line in self.lines() if text in line), _SAMPLED), seed=self.seed)


@dataclass(frozen=True, slots=True)
class Question:
    """What an analyst asks. `search` has slots for values of fields in a new record; of a verb, if one is named."""

    name: str
    search: str
    values: tuple[str, ...] = ()
    verb: str = ""
    path: str = SEARCH
    more: Mapping[str, Any] = field(default_factory=lambda: _LIST)

    def body(self, newest: Newest, n: int) -> dict[str, Any]:
        """The request, the n-th time."""
        found = newest.of_verb(self.verb).of_record(n, *self.values) if self.values else []
        quoted = (json.dumps(str(value), ensure_ascii=False) for value in found)
        return {"q": self.search.format(*quoted, since=newest.until - _DAYS * _DAY, until=newest.until), **self.more}


# fmt: off
QUESTIONS = (
    Question("Who downloaded a file?",                        f"file:{{}} verb:download {_RECENT}", ("file_selector",), "download"),
    Question("How did a user sign in from a country?",        f"user:{{}} country:{{}} verb:sign-in {_RECENT}", ("user_name", "country"), "sign-in"),
    Question("What did an account do, in the order of time?", "user:{}", ("user_name",), more={**_LIST, "sortDirection": "asc"}),
    Question("Who was in two countries at once?",             f"by:user distinct:ip,country {_RECENT}", path=GROUPS, more=_GROUPED),
    Question("Which roles were granted?",                     f"verb:grant {_RECENT}"),
    Question("Which apps got consent?",                       f"verb:consent {_RECENT}"),
    Question("Who took many files?",                          f"verb:download,export by:user distinct:fileId {_RECENT}", path=GROUPS, more=_GROUPED),
    Question("Who shared with people outside?",               f"verb:share fabrikam.example {_RECENT}"),
    Question("From which address did sign-ins of many users fail?", f"verb:sign-in-failed by:ip distinct:user {_RECENT}", path=GROUPS, more=_GROUPED),
    Question("What did an address do?",                       f"ip:{{}} {_RECENT}", ("ip",)),
)
# fmt: on
"""The investigations, in the order of docs/pages.md; of the last 30 days, as there, but for the third."""


def all_measured(casbah: Casbah, newest: Newest, *, rounds: int) -> list[dict[str, Any]]:
    """What `measured` says of each question."""
    return [measured(question, newest, casbah, rounds=rounds) for question in QUESTIONS]


def measured(question: Question, newest: Newest, casbah: Casbah, *, rounds: int) -> dict[str, Any]:
    """The medians of ms, and how many activities matched at most; the error if the server refuses the question."""
    cold, warm, total = [], [], 0
    for n in range(rounds):
        forget(casbah.store)
        casbah.start()
        try:
            connection, body = casbah.again(), question.body(newest, n)
            for times in (cold, warm):
                began = time.perf_counter()
                answer = connection.ask(question.path, body)
                times.append((time.perf_counter() - began) * 1_000)
            total = max(total, json.loads(answer)["total"])
        except OSError as error:
            return {"question": question.name, "error": str(error)}
        finally:
            casbah.stop()
    figures = {"cold": round(statistics.median(cold)), "most": round(max(cold)), "warm": round(statistics.median(warm))}
    return {"question": question.name, **figures, "total": total}


def forget(folder: Path) -> None:
    """Ask the kernel to forget the pages of files that no process has open any more."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def show(rows: list[dict[str, Any]], count: int) -> None:
    """The report, for people and for docs/performance.md."""
    print(f"{count:,} activities; {machine.in_words(machine.described())}\n")
    table = Table(box=box.MARKDOWN)
    for name in ("question", "matching, at most", "cold, ms", "slowest, ms", "warm, ms"):
        table.add_column(name, justify="left" if name == "question" else "right")
    for row in rows:
        figures = (
            [f"{row[name]:,}" for name in ("total", "cold", "most", "warm")] if "error" not in row else [row["error"]]
        )
        table.add_row(row["question"], *figures)
    Console(width=_WIDTH).print(table)


def main() -> int:
    """Run from the command line. The status is 1 if a median misses the aim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about_the_data(parser, scale="10m")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    records = data.made(chosen.work, count=chosen.count, seed=chosen.seed)
    casbah, _ = ready(Casbah, chosen.work, records, anew=False, say=print)
    casbah.stop()
    newest = Newest(lambda: read(records.parts[-1]), UNTIL, records.seed)
    rows = all_measured(casbah, newest, rounds=chosen.rounds)
    show(rows, chosen.count)
    if chosen.json:
        report = {"machine": machine.described(), "count": chosen.count, "rows": rows}
        chosen.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.get("cold", AIM_MS + 1) <= AIM_MS for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
