"""Reads the two sides that `casbah reconcile` compares: exports, or a store."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from casbah.activity.forms import form_of
from casbah.activity.matching import matches
from casbah.activity.predicate import Predicate
from casbah.activity.record import identifier, integer
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record
from casbah.cli import ingest_report
from casbah.cli.answer import ChangePage
from casbah.cli.connection import Api
from casbah.cli.ingest_report import FileReport
from casbah.cli.progress import progress_of
from casbah.cli.reading import pieces_of_files
from casbah.ingest import wire_encoding
from casbah.ingest.apps import CASBAH
from casbah.ingest.contract import Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.read_ahead import Encoded, FilePiece
from casbah.ingest.stored_record import source_id
from casbah.operations.comparison import MS_PER_HOUR, Comparison, SideActivity
from casbah.settings import Settings

_CHANGES, _COUNT = "/api/ext/v1/changes", "/api/v1/activities/count/"
_PAGE = 2_000
_HOURS_PER_DAY, _CONTENT_BYTES = 24, 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RECORDS = "mdca"
"""The source of a record whose event no other source recognizes."""


@dataclass(slots=True)
class Side:
    """What was read of one side: `number` is A or B. `apps` has None for an activity without an app."""

    number: int
    name: str
    files: list[FileReport] = field(default_factory=list)
    apps: set[int | None] = field(default_factory=set)

    @property
    def read(self) -> int:
        """The number of activities compared, repeated ones included."""
        return ingest_report.total(self.files).stored

    @property
    def refused(self) -> int:
        """The number of events that could not be read."""
        return ingest_report.total(self.files).refused


@dataclass(frozen=True, slots=True)
class SideReader:
    """Adds activities of a side to a comparison: those that match the predicate, or all without one. `zone` is that of times
    in CSV exports that have none.
    """

    comparison: Comparison
    settings: Settings
    detector: Detector
    source: str | None
    zone: tzinfo | None
    predicate: Predicate | None

    def add_files(self, side: Side, path: str) -> None:
        """Add the events of a file, a folder or stdin. Raises UnknownSourceError."""
        with closing(pieces_of_files([path], self.settings, self.source, zone=self.zone, reserved=True)) as pieces:
            for piece in pieces:
                if piece.begins:
                    side.files.append(FileReport(piece.origin, skipped=piece.skipped))
                self.comparison.add(side.number, self._of_piece(piece, side))

    def add_stored(self, side: Side, api: Api, filters: Mapping[str, Any]) -> None:
        """Add the stored activities that match filters."""
        side.files.append(FileReport(side.name))
        total = api.ask("POST", _COUNT, json={"filters": filters}).json()["total"]
        with progress_of(side.name) as progress:
            for records in _pages_of_records(api, filters):
                self.comparison.add(side.number, self._of_records(records, side))
                progress(side.read, total)

    def _of_piece(self, piece: FilePiece, side: Side) -> Iterator[SideActivity]:
        for _, item in piece.items:
            if isinstance(item, Refusal):
                side.files[-1].refuse(item.reason)
            elif isinstance(item, Encoded):
                new = wire_encoding.unpack(item.line)
                yield from self._compared(side, new.id, new.timestamp, new.activity, new.digest)
            else:
                raise AssertionError("prepared for a store, though none was named")

    def _of_records(self, records: Iterable[bytes], side: Side) -> Iterator[SideActivity]:
        for record in records:
            activity = jsontext.parse_object(record)
            activity_id, timestamp = identifier(activity.get("_id")), integer(activity.get("timestamp"))
            if activity_id is None or timestamp is None:
                raise AssertionError("a stored record without _id or timestamp")
            yield from self._compared(side, activity_id, timestamp, activity, None)

    def _compared(
        self, side: Side, activity_id: str, timestamp: int, activity: Mapping[str, Any], digest: str | None
    ) -> Iterator[SideActivity]:
        """The activity as it is compared; `digest` is that of its event, if known.

        Acts of Casbah itself are left out: no export of a source has them.
        """
        app = integer(activity.get("appId"))
        if app == CASBAH:
            return
        if self.predicate is not None and not matches(self.predicate, {"_id": activity_id, **activity}):
            return
        side.apps.add(app)
        side.files[-1].tally.stored += 1
        digest = digest or digest_of_record(activity)
        source = self._source_of(activity)
        content = None if form_of(activity) else bytes.fromhex(digest or "")[:_CONTENT_BYTES]
        yield SideActivity(source_id(activity_id, digest), content, source, timestamp // MS_PER_HOUR)

    def _source_of(self, activity: Mapping[str, Any]) -> str:
        """The source of the event in a record, so that all forms of an event have the same."""
        event = activity.get("rawDataJson")
        recognized = self.detector.connectors_of(event) if type(event) is dict else []
        return recognized[0].name if len(recognized) == 1 else self.source or _RECORDS


def same_period(comparison: Comparison, side: Side) -> Mapping[str, Any] | None:
    """Filters for the days (UTC) and apps of a side, which are also printed; None if it has no activities."""
    hours = comparison.hours(side.number)
    if hours is None:
        return None
    first, last = (hour // _HOURS_PER_DAY for hour in hours)
    per_day = _HOURS_PER_DAY * MS_PER_HOUR
    apps = [] if None in side.apps else sorted(app for app in side.apps if app is not None)
    period = f"from {_day(first)} to {_day(last)} (UTC)" + (f", apps {', '.join(map(str, apps))}" if apps else "")
    sys.stderr.write(f"casbah: compared with stored activities {period}; --filter chooses others\n")
    date = {"date": {"gte": first * per_day, "lte": (last + 1) * per_day - 1}}
    return date | ({"service": {"eq": apps}} if apps else {})


def _pages_of_records(api: Api, filters: Mapping[str, Any]) -> Iterator[list[bytes]]:
    query: dict[str, Any] = {"filters": filters, "limit": _PAGE}
    while True:
        page = jsontext.decode(api.ask("POST", _CHANGES, json=query).content, ChangePage)
        yield page.records()
        if not page.hasNext:
            return
        query["cursor"] = page.cursor


def _day(number: int) -> str:
    return f"{_EPOCH + timedelta(days=number):%Y-%m-%d}"
