"""The file formats: JSON text, lines in the Common Event Format, and CSV exports."""

from collections.abc import Iterator
from io import BytesIO

from casbah.ingest.contract import Event, Refusal
from casbah.ingest.csv_events import rows
from casbah.ingest.csv_header import is_before_header, known_header, unknown_header
from casbah.ingest.cursor import MAX_KEPT
from casbah.ingest.event_lists import ReadContext, is_wrapper, parsed_value
from casbah.ingest.json_events import NO_JSON, JsonEventReader
from casbah.ingest.line_reader import LineReader

__all__ = ["ReadContext", "events", "events_inside"]

_UNKNOWN_FORMAT = "the file holds neither JSON, nor a CSV of a known export, nor CEF"
_MAX_HELD = 1000


def events(feed: LineReader, context: ReadContext) -> Iterator[Event | Refusal]:
    """The events of one text. If reading fails, the last item is a refusal with the reason."""
    reached = 0
    for item in _detected(feed, context):
        reached = item.line
        yield item
    if feed.error:
        yield Refusal(context.origin, reached + 1, f"cannot be read: {feed.error}")


def events_inside(text: bytes, context: ReadContext, *, max_line: int) -> Iterator[Event | Refusal]:
    """The events of a text that is itself part of an object: JSON in any form."""
    parsed = parsed_value(text)
    if type(parsed) is dict and not is_wrapper(parsed, context):
        return iter((Event(text, parsed, context.origin, 1),))
    return JsonEventReader(LineReader(BytesIO(text), max_line=max_line), context).items()


def _detected(feed: LineReader, context: ReadContext) -> Iterator[Event | Refusal]:
    first = feed.first_line(skip=is_before_header)
    header = known_header(first, context.csv_forms)
    if header is None:
        header = unknown_header(feed.from_first_line(skip=is_before_header), context.csv_forms)
    if header is not None:
        return rows(feed, header, origin=context.origin, max_kept=MAX_KEPT, zone=context.zone)
    return _unless_unknown(JsonEventReader(feed, context).items(), context.origin)


def _unless_unknown(items: Iterator[Event | Refusal], origin: str) -> Iterator[Event | Refusal]:
    """The items; but a single refusal without bytes if there are no events and some items are not objects.

    To bound memory, refusals beyond `_MAX_HELD` before the first event are replaced by one that counts them.
    """
    held: list[Refusal] = []
    more, only_objects = 0, True
    for item in items:
        if isinstance(item, Event):
            yield from _released(held, more)
            yield item
            break
        if len(held) < _MAX_HELD:
            held.append(item)
            only_objects = only_objects and item.raw.startswith(b"{")
        elif only_objects:
            yield from held
            yield item
            break
        else:
            more += 1
    else:
        if only_objects:
            yield from held
        elif held:
            yield Refusal(
                origin, 1, _UNKNOWN_FORMAT if held[0].reason.endswith(NO_JSON) else f"no event: {held[0].reason}"
            )
        return
    yield from items


def _released(held: list[Refusal], more: int) -> Iterator[Refusal]:
    yield from held
    if more:
        yield Refusal(held[-1].origin, held[-1].line, f"{more} more unreadable spans before the first event")
