"""The export formats, one row each.

An export writer gets a few thousand records at a time and holds at most one row group of them.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, BinaryIO, Protocol

import zstandard

from casbah.base import jsontext
from casbah.errors import MalformedBodyError, describe
from casbah.ingest.times import iso
from casbah.outputs.export import cef
from casbah.outputs.export.columns import COLUMNS, FLAT, RECORD, Column, ColumnType, values


class ExportWriter(Protocol):
    """Writes one export."""

    def write(self, records: Sequence[bytes], /) -> None:
        """Write records, in order."""
        ...

    def close(self) -> None:
        """Write the end of the format; the file itself stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """An export format: its name, which is also the file suffix, its media type, and its default columns.

    A `compressed` format is compressed internally and cannot be compressed again. The columns of a format with `fixed_columns`
    cannot be chosen.
    """

    name: str
    media_type: str
    default_columns: tuple[str, ...]
    writer: Callable[[BinaryIO, Sequence[Column]], ExportWriter]
    help: str
    compressed: bool = False
    fixed_columns: bool = False


@dataclass(frozen=True, slots=True)
class Compression:
    """The compression of a whole file; `opened` returns a file that compresses what is written to it."""

    name: str
    suffix: str
    media_type: str
    opened: Callable[[BinaryIO], Any]


def format_named(name: Any) -> Format:
    """The format with that name; the first one if none is named. Raises MalformedBodyError."""
    if name in (None, ""):
        return next(iter(FORMATS.values()))
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise MalformedBodyError(f"format: expected one of {', '.join(FORMATS)}, got {describe(name)}")
    return FORMATS[name.lower()]


def compression_named(name: Any, form: Format) -> Compression | None:
    """The requested compression, or None. Raises MalformedBodyError."""
    if name in (None, "") or (isinstance(name, str) and name.lower() == "none"):
        return None
    if not isinstance(name, str) or name.lower() not in COMPRESSIONS:
        raise MalformedBodyError(f"compress: expected one of none, {', '.join(COMPRESSIONS)}, got {describe(name)}")
    if form.compressed:
        raise MalformedBodyError(f"compress: {form.name} is compressed already; leave it out")
    return COMPRESSIONS[name.lower()]


class _Csv:
    """RFC 4180 in UTF-8. Moments are ISO 8601 in UTC, lists are JSON."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns
        self._put([[column.name for column in columns]])

    def write(self, records: Sequence[bytes]) -> None:
        columns = values(self._columns, records, list(map(jsontext.parse_object, records)))
        cells = [
            list(map(_cell_of(column), column_values))
            for column, column_values in zip(self._columns, columns, strict=True)
        ]
        self._put(zip(*cells, strict=True))

    def close(self) -> None:
        """There is nothing at the end."""

    def _put(self, rows: Any) -> None:
        text = StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._file.write(text.getvalue().encode())


class _Lines:
    """One JSON object per line: the record itself, or an object of columns, whose moments are ms."""

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns
        self._whole = [column.name for column in columns] == [RECORD]

    def write(self, records: Sequence[bytes]) -> None:
        lines = map(jsontext.on_one_line, records if self._whole else self._objects(records))
        self._file.write(b"".join(b"%b\n" % line for line in lines))

    def close(self) -> None:
        """There is nothing at the end."""

    def _objects(self, records: Sequence[bytes]) -> list[bytes]:
        parsed = list(map(jsontext.parse_object, records))
        flat = [column for column in self._columns if column.name != RECORD]
        rows = zip(*values(flat, records, parsed), strict=True) if flat else [()] * len(records)
        objects = [dict(zip([column.name for column in flat], row, strict=True)) for row in rows]
        if len(flat) == len(self._columns):
            return list(map(jsontext.dump, objects))
        return [jsontext.joined(keys, last=RECORD, raw=raw) for keys, raw in zip(objects, records, strict=True)]


class _Cef:
    """The lines of MDCA's SIEM agent, which have no columns."""

    def __init__(self, file: BinaryIO, _columns: Sequence[Column]) -> None:
        self._file = file

    def write(self, records: Sequence[bytes]) -> None:
        lines = (cef.line(jsontext.parse_object(record)) for record in records)
        self._file.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """There is nothing at the end."""


class _Arrow:
    """Arrow's table, as a Parquet or an Arrow file: row groups of one call each, compressed with Zstandard."""

    def __init__(self, columns: Sequence[Column], opened: Callable[[Any], Any]) -> None:
        import pyarrow as pa  # noqa: PLC0415  a tenth of a second and 40 MB, paid only by exports in these formats

        kinds = {
            ColumnType.TEXT: pa.string(),
            ColumnType.SEVERAL: pa.list_(pa.string()),
            ColumnType.INTEGER: pa.int64(),
            ColumnType.MOMENT: pa.timestamp("ms", tz="UTC"),
            ColumnType.FLAG: pa.bool_(),
        }
        self._columns = columns
        self._schema = pa.schema([pa.field(column.name, kinds[column.kind]) for column in columns])
        self._array, self._batch = pa.array, pa.RecordBatch.from_arrays
        self._writer = opened(self._schema)

    def write(self, records: Sequence[bytes]) -> None:
        columns = values(self._columns, records, list(map(jsontext.parse_object, records)))
        arrays = [
            self._array(column_values, type=field.type)
            for column_values, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_batch(self._batch(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _parquet(file: BinaryIO, columns: Sequence[Column]) -> ExportWriter:
    from pyarrow import parquet  # noqa: PLC0415  as above

    return _Arrow(columns, lambda schema: parquet.ParquetWriter(file, schema, compression="zstd"))


def _arrow(file: BinaryIO, columns: Sequence[Column]) -> ExportWriter:
    from pyarrow import ipc  # noqa: PLC0415  as above

    options = ipc.IpcWriteOptions(compression="zstd")
    return _Arrow(columns, lambda schema: ipc.new_file(file, schema, options=options))


# What a spreadsheet would read as a formula is prefixed with an apostrophe (OWASP, CSV Injection): at the start of a cell, also after
# blanks and quotation marks, and inside a cell after any separator that starts a cell or line in spreadsheets with separators other
# than commas. Full-width, small, superscript and subscript forms count too: spreadsheets read them as the plain ones.
_SIGN = "[-=+@\uff1d\ufe66\u207c\u208c\uff0b\ufe62\u207a\u208a\uff0d\ufe63\uff20\ufe6b]"
_FORMULA = re.compile(rf"[\t\r]|[\s\ufeff\"]*{_SIGN}")
_INNER_FORMULA = re.compile(rf"([;|\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029][\s\ufeff\"]*)(?={_SIGN})")
_INNER_SIGN = re.compile(rf"([;|][\s\"]*)({_SIGN})")


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    inner = _INNER_FORMULA.sub(r"\1'", value)
    return f"'{inner}" if _FORMULA.match(value) else inner


def _json_cell(text: str) -> str:
    """The same for JSON, which stays equivalent: a separator can only be in a string there, so the sign is escaped."""
    flat = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
    return _INNER_SIGN.sub(lambda match: f"{match[1]}\\u{ord(match[2]):04x}", flat)


_CELL: dict[ColumnType, Callable[[Any], str]] = {
    ColumnType.TEXT: _cell,
    ColumnType.SEVERAL: lambda value: _json_cell(json.dumps(value, ensure_ascii=False)) if value else "",
    ColumnType.INTEGER: lambda value: "" if value is None else str(value),
    ColumnType.MOMENT: lambda value: "" if value is None else iso(value) or str(value),
    ColumnType.FLAG: lambda value: "" if value is None else str(value).lower(),
}


def _cell_of(column: Column) -> Callable[[Any], str]:
    return _json_cell if column.name == RECORD else _CELL[column.kind]


# fmt: off
FORMATS = {row.name: row for row in (
    Format("csv",     "text/csv; charset=utf-8",              FLAT,                  _Csv,     "One line per activity, for spreadsheets"),
    Format("ndjson",  "application/x-ndjson",                 (RECORD,),             _Lines,   "One record per line, as stored; or an object of the columns"),
    Format("cef",     "text/plain; charset=utf-8",            (RECORD,),             _Cef,     "One line per activity, as MDCA's SIEM agent wrote them", fixed_columns=True),
    Format("parquet", "application/vnd.apache.parquet",       tuple(COLUMNS),        _parquet, "Columns, compressed: for DuckDB, pandas, Spark", compressed=True),
    Format("arrow",   "application/vnd.apache.arrow.file",    tuple(COLUMNS),        _arrow,   "Arrow's file format (Feather 2), compressed", compressed=True),
)}
COMPRESSIONS = {row.name: row for row in (
    Compression("gzip", ".gz",  "application/gzip", lambda file: gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0)),
    Compression("zstd", ".zst", "application/zstd", lambda file: zstandard.ZstdCompressor(3, write_checksum=True).stream_writer(file, closefd=False)),
)}
# fmt: on
MEDIA_TYPES = (*(row.media_type for row in FORMATS.values()), *(row.media_type for row in COMPRESSIONS.values()))
