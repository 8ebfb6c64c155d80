"""The header of a CSV export: what its rows are, judged by the columns alone, in any order."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from casbah.ingest.contract import CsvForm
from casbah.ingest.mapping.paths import fold, plain
from casbah.ingest.recovery import MARK

JSON_COLUMNS = (
    CsvForm(
        "Microsoft 365's unified audit log, from the portal or `Search-UnifiedAuditLog`",
        ("AuditData",),
        "https://learn.microsoft.com/purview/audit-log-export-records",
        seen=True,
    ),
    CsvForm(
        "CloudTrail's event history, by `Find-CTEvent` of AWS Tools for PowerShell",
        ("CloudTrailEvent",),
        "https://docs.aws.amazon.com/powershell/v5/reference/items/Find-CTEvent.html",
        seen=False,
    ),
    CsvForm(
        "results of a Splunk search",
        ("_raw",),
        "https://docs.splunk.com/Documentation/Splunk/latest/Search/Exportsearchresults",
        seen=False,
    ),
    CsvForm(
        "results of CloudWatch Logs Insights",
        ("@message",),
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_Insights-ExportQueryResults.html",
        seen=False,
    ),
)
"""Exports with a column that holds the source's own event as JSON, whatever the source."""

_DELIMITERS = (",", ";", "\t", "|")
_EVENT = re.compile(rb"^[{\[]|CEF:\d", re.MULTILINE)
_MAX_SHOWN = 40
_MIN_NAMES, _MAX_NAME, _MAX_COLUMNS = 3, 100, 2_000
_MAX_ROWS_BYTES = 1 << 16
"""Bytes in which the first two rows of a CSV of no known export must be."""

_NO_NAME = frozenset("{}<>=")
_JOINED = ": "
_CUSTOM = "_CL"


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A header row: its columns, and what the rows below it are.

    `column` is the position of the column with each row's event as JSON; None if the row itself is the event. `lossy` rows
    carry less than the source's event. `local` is the column of times that may have no zone, if any. With a `refusal`, the
    columns are of no known export, and that is the reason.
    """

    names: tuple[str, ...]
    delimiter: str
    column: int | None = None
    lossy: bool = False
    local: str = ""
    refusal: str = ""


def is_before_header(line: bytes) -> bool:
    """Whether a line only says how to read the rest: `#TYPE` of Windows PowerShell's Export-Csv, `sep=` of Excel."""
    return line.removeprefix(MARK).lstrip(b'"').lower().startswith((b"#type ", b"sep="))


def known_header(line: bytes, forms: Sequence[tuple[str, CsvForm]]) -> HeaderRow | None:
    """The header in a line; None if the line is not the header of a known export. `forms` are with the name of their source."""
    if line.startswith((b"{", b"[")):
        return None
    return next(filter(None, (_known(line, delimiter, forms) for delimiter in _DELIMITERS)), None)


def unknown_header(head: bytes, forms: Sequence[tuple[str, CsvForm]]) -> HeaderRow | None:
    """The header of a text that is CSV of no known export; None if it does not look like CSV.

    It does if the first row has at least three names and the second as many values, and no line could be an event.
    """
    if _EVENT.search(head):
        return None
    start = head[:_MAX_ROWS_BYTES]
    for delimiter in _DELIMITERS:
        rows = list(islice(_rows(start, delimiter), 2))
        if len(rows) > 1 and _MIN_NAMES <= len(rows[0]) == len(rows[1]) <= _MAX_COLUMNS and _are_names(rows[0]):
            names = _distinct(rows[0])
            return HeaderRow(names, delimiter, refusal=_why_unknown(names, forms))
    return None


def _known(line: bytes, delimiter: str, forms: Sequence[tuple[str, CsvForm]]) -> HeaderRow | None:
    row = next(_rows(line, delimiter), [])
    if len(row) > _MAX_COLUMNS:
        return None
    names = _distinct(row)
    columns = [plain(name) for name in names]
    column = next((columns.index(name) for form in JSON_COLUMNS for name in _plain(form) if name in columns), None)
    if column is not None:
        return HeaderRow(names, delimiter, column)
    keys = _keys(names)
    form = next((form for _, form in forms if _plain(form) <= keys), None)
    if form is None:
        return None
    local = next((name for name in names if plain(name) == plain(form.local)), "")
    return HeaderRow(names, delimiter, lossy=not form.complete, local=local)


def _rows(text: bytes, delimiter: str) -> Iterator[list[str]]:
    decoded = io.StringIO(text.decode("utf-8", "replace"), newline="")
    try:
        yield from csv.reader(decoded, delimiter=delimiter)
    except csv.Error:
        return


def _distinct(row: Sequence[str]) -> tuple[str, ...]:
    """The names of columns: one that is repeated gets a number, one that is empty its position."""
    counts = Counter[str]()
    names: list[str] = []
    for position, cell in enumerate(row, 1):
        name = cell.strip() or f"column {position}"
        counts[name] += 1
        names.append(f"{name} (#{counts[name]})" if counts[name] > 1 else name)
    return tuple(names)


def _keys(names: Sequence[str]) -> set[str]:
    """The keys that a row has, as paths of mappings see it: also those of custom tables of Log Analytics, which have a Type."""
    row = dict.fromkeys(names, "")
    keys = set(fold(row))
    return keys | fold({**row, "type": _CUSTOM, **dict.fromkeys(names, _CUSTOM)}).keys() if "type" in keys else keys


def _plain(form: CsvForm) -> frozenset[str]:
    return frozenset(map(plain, form.columns))


def _are_names(row: Sequence[str]) -> bool:
    names = [cell.strip() for cell in row]
    return len(set(names)) == len(names) and all(map(_is_name, names))


def _is_name(name: str) -> bool:
    letter = name.lstrip('@#_$"')[:1]
    return letter.isalpha() and len(name) <= _MAX_NAME and _JOINED not in name and _NO_NAME.isdisjoint(name)


def _why_unknown(names: Sequence[str], forms: Sequence[tuple[str, CsvForm]]) -> str:
    shown = ", ".join(names[:_MAX_SHOWN]) + (f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else "")
    return f"a CSV of no known export, with the columns {shown}{_nearest(names, forms)}"


def _nearest(names: Sequence[str], forms: Sequence[tuple[str, CsvForm]]) -> str:
    """The known export that has most in common with the columns, if that is half of what it needs."""
    columns = _keys(names)
    shares = [(len(columns & _plain(form)) / len(form.columns), source, form) for source, form in forms]
    share, source, form = max(shares, key=lambda row: row[0], default=(0, "", None))
    if form is None or share < 1 / 2:
        return ""
    lacking = ", ".join(column for column in form.columns if plain(column) not in columns)
    return f"; the nearest is {source}, {form.title}, which also has {lacking}"
