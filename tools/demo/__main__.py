"""`make demo-data`: generates the events that the package ships."""

import calendar
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
import zstandard

from casbah.demo.load import COUNT, DAYS, END, GENERATED, STORY, DemoEvent
from tools.demo.generate import made_up
from tools.demo.story import story

_LEVEL = 19


def lines(events: Iterable[DemoEvent]) -> Iterator[bytes]:
    """One line per event, as `casbah.demo.load` reads them."""
    for demo in events:
        row = {"source": demo.source, "event": orjson.Fragment(demo.event), "extra": demo.extra}
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    until = calendar.timegm(END.timetuple()) * 1_000
    for file, events in ((GENERATED, made_up(COUNT, until_ms=until, days=DAYS)), (STORY, story())):
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(rows := list(lines(events))))
        Path(str(file)).write_bytes(packed)
        sys.stdout.write(f"{len(rows):,} events, {len(packed) / 1e6:.2f} MB: {file}\n")
