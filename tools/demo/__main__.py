"""`make demo-data`: generates the events that the package ships."""

import calendar
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import zstandard

from casbah.demo.load import COUNT, DAYS, END, GENERATED
from tools.demo.generate import made_up

_LEVEL = 19


def lines() -> Iterator[bytes]:
    """One line per event, as `casbah.demo.load` reads them."""
    until = calendar.timegm(END.timetuple()) * 1_000
    for demo in made_up(COUNT, until_ms=until, days=DAYS):
        row = {"source": demo.source, "event": orjson.Fragment(demo.event), "extra": demo.extra}
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(lines()))
    Path(str(GENERATED)).write_bytes(packed)
    sys.stdout.write(f"{COUNT:,} events, {len(packed) / 1e6:.1f} MB: {GENERATED}\n")
