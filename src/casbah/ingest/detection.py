"""Detects the source of an event from the event alone, never from its neighbors."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from casbah.ingest.contract import Connector, CsvForm, Event, Recognized, Refusal
from casbah.ingest.mapping.paths import fold
from casbah.ingest.unsupported import reason_for
from casbah.ingest.wrappers import MAX_DEPTH, Inside

_ENOUGH_MARKS = 3
"""Fewer keys are columns of other tables, too."""

Marked = tuple[frozenset[str], Connector]
Open = Callable[[Event, bool], Iterator[Inside] | None]
"""What an object holds, which a connector recognizes or not; None if it is not a wrapper."""


class Detector(Mapping[str, Connector]):
    """The connectors by name; assigns an event to the one connector that recognizes it. An event that none or several
    recognize is refused.
    """

    @classmethod
    def of(cls, connectors: Mapping[str, Connector]) -> "Detector":
        """A detector for these connectors; a Detector is returned unchanged. Building one costs more than reading an event."""
        return connectors if isinstance(connectors, cls) else cls(connectors)

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        self._connectors = dict(connectors)
        self._unmarked = {name: connector for name, connector in connectors.items() if not connector.marks}
        self._by_key = _by_rarest_key(connectors.values())
        self.csv_forms = tuple((name, form) for name, source in connectors.items() for form in _csv_forms(source))

    def __getitem__(self, name: str) -> Connector:
        return self._connectors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._connectors)

    def __len__(self) -> int:
        return len(self._connectors)

    def connectors_of(self, parsed: Mapping[str, Any], named: Connector | None = None) -> list[Connector]:
        """Every connector that recognizes an event, in arbitrary order; if none does, the named one if it accepts it."""
        event = fold(parsed)
        candidates = {
            connector.name: connector
            for key in self._by_key.keys() & event.keys()
            for marks, connector in self._by_key[key]
            if marks <= event.keys()
        }
        candidates |= self._unmarked
        recognizing = [connector for connector in candidates.values() if connector.recognizes(event)]
        if not recognizing and named is not None and named.accepts is not None and named.accepts(event):
            return [named]
        return recognizing

    def judged(
        self, items: Iterable[Event | Refusal], named: Connector | None, inside: Open, *, depth: int = 0
    ) -> Iterator[Recognized | Refusal]:
        """Each item as an event with its connector, or a refusal; `named` is the caller's source.

        An object is opened by `inside` if it is a wrapper, up to MAX_DEPTH around each other.
        The reason of a refusal begins with the place in the wrapper.
        """
        for item in items:
            if isinstance(item, Refusal):
                yield item
                continue
            connectors = self.connectors_of(item.parsed)
            opened = None if depth == MAX_DEPTH else inside(item, bool(connectors))
            if opened is None:
                yield self._verdict(item, connectors or self.connectors_of(item.parsed, named), named)
                continue
            for place, inner in opened:
                for verdict in self.judged((inner,), named, inside, depth=depth + 1):
                    yield verdict if isinstance(verdict, Recognized) else _placed(verdict, place)

    def _verdict(self, event: Event, connectors: list[Connector], named: Connector | None) -> Recognized | Refusal:
        if named is not None and named in connectors:
            return Recognized(event, named)
        if named is None and len(connectors) == 1:
            return Recognized(event, connectors[0])
        return event.refused(self._reason(event.parsed, connectors, named))

    def _reason(self, parsed: Mapping[str, Any], connectors: Iterable[Connector], named: Connector | None) -> str:
        """Why an event is refused, and how to fix it."""
        names = ", ".join(sorted(connector.name for connector in connectors))
        if named is not None and names:
            return f"not an event of {named.name} but of {names}: name that source, or none"
        if names:
            return f"recognized by several sources: {names}; name one with --source, over HTTP with ?source="
        if (unsupported := reason_for(fold(parsed))) is not None:
            return unsupported
        begin = "source not recognized" if named is None else f"not an event of {named.name}, and source not recognized"
        return f"{begin}; known: {', '.join(self)}; describe another in a mapping file (docs/sources.md)"


def _csv_forms(source: Connector) -> Iterator[CsvForm]:
    """The CSV exports of a source, and rows whose columns are the keys that its events are recognized by."""
    yield from source.csv
    for marks in source.marks:
        if len(marks) >= _ENOUGH_MARKS:
            yield CsvForm("a row for each event", tuple(sorted(marks)), "", seen=False)


def _placed(refusal: Refusal, place: str) -> Refusal:
    return replace(refusal, reason=f"{place}: {refusal.reason}") if place else refusal


def _by_rarest_key(connectors: Iterable[Connector]) -> Mapping[str, list[Marked]]:
    """The marks of all connectors, each under its rarest key, so that few need checking."""
    marked = [(marks, connector) for connector in connectors for marks in connector.marks]
    counts = Counter(key for marks, _ in marked for key in marks)
    by_key: defaultdict[str, list[Marked]] = defaultdict(list)
    for marks, connector in marked:
        by_key[min(sorted(marks), key=counts.__getitem__)].append((marks, connector))
    return by_key
