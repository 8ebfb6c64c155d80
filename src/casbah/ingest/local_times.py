"""Times without a zone, which some CSV exports write: they are read in the zone that the caller names, and in no other."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from casbah.ingest import times
from casbah.ingest.contract import UnusableEventError

ZONED = "Time with zone"
"""The key of a row for its time with the offset of the zone. The cell stays as it is."""

_MAX_SHOWN = 60


def zoned(row: Mapping[str, str], column: str, zone: tzinfo | None) -> dict[str, str]:
    """The key that a row gets: none if its time has a zone of its own. Raises UnusableEventError."""
    text = row.get(column, "")
    local = times.local(text)
    if local is None:
        if times.any_form(text) is None:
            raise UnusableEventError(f"no usable time: {column} is {text[:_MAX_SHOWN]!r}")
        return {}
    if zone is None:
        raise UnusableEventError(f"no usable time: {column} has no zone; name it with --zone, over HTTP with ?zone=")
    return {ZONED: _placed(local, zone, f"no usable time: {column} is {text!r}").isoformat()}


def _placed(local: datetime, zone: tzinfo, shown: str) -> datetime:
    """The time in a zone. Raises UnusableEventError where clocks change, if it is there twice or not at all."""
    earlier, later = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise UnusableEventError(f"{shown}, which does not exist in {zone}, where clocks go forward: name another zone")
    raise UnusableEventError(
        f"{shown}, which is there twice in {zone}, where clocks go back: name an offset, such as --zone +01:00"
    )
