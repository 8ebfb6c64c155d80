"""Rereads events that `casbah ingest` refused from its rejects file."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

from casbah.ingest.contract import Event, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.formats import ReadContext, events
from casbah.ingest.line_reader import LineReader

_KEYS = {"origin", "line", "reason", "event"}
_CUT = "cut"
_MAX_KEYS = len(_KEYS) + 1


def unwrap_rejects(
    items: Iterator[Event | Refusal], context: ReadContext, limits: InputLimits
) -> Iterator[Event | Refusal]:
    """The items, with each line of a rejects file replaced by the event that it holds."""
    for item in items:
        if isinstance(item, Event) and _is_reject(item.parsed) and not context.recognized(item.parsed):
            yield from _event_in(item, context, limits)
        else:
            yield item


def _is_reject(parsed: Mapping[str, Any]) -> bool:
    if len(parsed) > _MAX_KEYS or parsed.keys() - {_CUT} != _KEYS:
        return False
    whole = type(parsed["event"]) is type(parsed["origin"]) is str
    return whole and type(parsed["line"]) is type(parsed.get(_CUT, 0)) is int


def _event_in(line: Event, context: ReadContext, limits: InputLimits) -> Iterator[Event | Refusal]:
    """The refused event, with its line in the rejects file. A truncated one is refused again."""
    refused_at = line.parsed["origin"], line.parsed["line"]
    raw, cut = line.parsed["event"].encode("utf-8", "surrogatepass"), line.parsed.get(_CUT, 0)
    if cut or not raw:
        reason = "the rejects file does not hold all of this event; ingest the original file"
        yield Refusal(line.origin, line.line, reason, raw, cut, refused_at)
        return
    for item in events(LineReader(BytesIO(raw), max_line=limits.line), context):
        if isinstance(item, Refusal):
            yield replace(item, line=line.line, raw=item.raw or raw, refused_at=refused_at)
        else:
            yield replace(item, line=line.line, refused_at=refused_at)
