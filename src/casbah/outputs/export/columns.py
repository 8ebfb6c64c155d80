"""The columns of an export, one row each: name, type, and how the value is read from a record.

Texts are spelled as in the source, although filters compare them in lower case. `docs/export.md` is generated from this table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from casbah.activity.fields import app_id, user_name
from casbah.activity.record import Reading, elements, first_string, identifier, integer, part
from casbah.activity.text import sound
from casbah.errors import MalformedBodyError, describe, nearest


class ColumnType(Enum):
    """The type of a column. A moment is an integer, ms since the epoch; a list is of texts."""

    TEXT = "text"
    SEVERAL = "list of texts"
    INTEGER = "integer"
    MOMENT = "moment"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `read` returns None if the record has no value."""

    name: str
    kind: ColumnType
    read: Callable[[Reading], Any]
    help: str


RECORD = "record"
"""The column with the record itself, as the API returns it: the only one not extracted from the record."""


def chosen(names: Any, *, default: Sequence[str]) -> tuple[Column, ...]:
    """The columns with those names, in that order; the `default` ones if `names` is empty. Raises MalformedBodyError."""
    if names in (None, ""):
        names = list(default)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise MalformedBodyError(f"columns: expected a list of columns such as {_EXAMPLE}, got {describe(names)}")
    for name in names:
        if name not in COLUMNS:
            raise MalformedBodyError(f"columns: there is no {name[:80]!r}{nearest(name, tuple(COLUMNS))}")
    if len(set(names)) < len(names):
        raise MalformedBodyError("columns: one is named twice")
    return tuple(COLUMNS[name] for name in names)


def _text(value: Any) -> str | None:
    """A text unchanged, a number as its digits; lone surrogates are replaced."""
    text = identifier(value)
    return None if text is None else sound(text)


def _texts(values: Sequence[Any]) -> list[str]:
    return [text for text in map(_text, values) if text is not None]


def _sentence(r: Reading) -> str | None:
    return first_string(r.record.get("description"), r.main.get("prettyOperationName"), r.main.get("rawOperationName"))


def _system(r: Reading) -> Any:
    system = r.agent.get("operatingSystem")
    return system.get("name") if type(system) is dict else system


def _named(objects: Sequence[dict[str, Any]]) -> list[Any]:
    return [item.get("name") or item.get("id") for item in objects]


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _index(*rows: Column) -> dict[str, Column]:
    table = {row.name: row for row in rows}
    if len(table) != len(rows):
        raise AssertionError("two columns have the same name")
    return table


# fmt: off
COLUMNS = _index(
    Column("id",           ColumnType.TEXT,    lambda r: _text(r.record.get("_id")),             "The activity's `_id`"),
    Column("time",         ColumnType.MOMENT,  lambda r: integer(r.record.get("timestamp")),     "When it happened"),
    Column("stored",       ColumnType.MOMENT,  lambda r: integer(r.record.get("created")),       "When it was stored"),
    Column("user",         ColumnType.TEXT,    lambda r: _text(user_name(r)),                    "The user who did it, or tried to"),
    Column("app",          ColumnType.TEXT,    lambda r: _text(r.record.get("appName")),         "The app's name"),
    Column("app_id",       ColumnType.INTEGER, app_id,                                           "The app's id, as in the filter `service`"),
    Column("instance_id",  ColumnType.INTEGER, lambda r: integer(r.record.get("instanceId")),    "The instance of the app, as in the filter `instance`"),
    Column("activity",     ColumnType.TEXT,    lambda r: _text(_sentence(r)),                    "A description of what happened"),
    Column("operation",    ColumnType.TEXT,    lambda r: _text(r.main.get("rawOperationName")),  "The app's name for the operation"),
    Column("category",     ColumnType.TEXT,    lambda r: _text(r.record.get("eventTypeName")),   "The category of the event, such as `EVENT_CATEGORY_LOGIN`"),
    Column("event_type",   ColumnType.TEXT,    lambda r: _text(r.record.get("eventTypeValue")),  "The type of the event within its category, such as `EVENT_AAD_LOGIN`"),
    Column("succeeded",    ColumnType.FLAG,    lambda r: _flag(part(r.main, "activityResult").get("isSuccess")), "Whether it succeeded, if the app says so"),
    Column("objects",      ColumnType.SEVERAL, lambda r: _texts(_named(r.objects)),              "Names of the objects and people involved, or ids where there is no name"),
    Column("files",        ColumnType.SEVERAL, lambda r: _texts(_named([*r.files, *r.folders])), "Files and folders among them"),
    Column("ip",           ColumnType.TEXT,    lambda r: _text(r.device.get("clientIP")),        "The IP address it came from"),
    Column("country",      ColumnType.TEXT,    lambda r: _text(first_string(r.location.get("countryCode"), r.device.get("countryCode"))), "The country it came from, two letters (ISO 3166)"),
    Column("city",         ColumnType.TEXT,    lambda r: _text(r.location.get("city")),          "The city it came from"),
    Column("isp",          ColumnType.TEXT,    lambda r: _text(r.location.get("organizationSearchable")), "The organization of the network it came from"),
    Column("device_type",  ColumnType.TEXT,    lambda r: _text(r.agent.get("deviceType")),       "The type of device"),
    Column("system",       ColumnType.TEXT,    lambda r: _text(_system(r)),                      "The operating system"),
    Column("browser",      ColumnType.TEXT,    lambda r: _text(r.agent.get("browser") or r.agent.get("name")), "The browser or other program"),
    Column("user_agent",   ColumnType.TEXT,    lambda r: _text(r.device.get("userAgent")),       "The user agent as it was sent"),
    Column("admin",        ColumnType.FLAG,    lambda r: r.record.get("isAdminOperation") is True, "Whether it was done as an administrator"),
    Column("impersonated", ColumnType.FLAG,    lambda r: r.record.get("isImpersonated") is True, "Whether it was done on behalf of somebody else"),
    Column("policies",     ColumnType.SEVERAL, lambda r: _texts(elements(r.record, "policies")), "Policies that it matched"),
    Column("alerts",       ColumnType.SEVERAL, lambda r: _texts(elements(r.record, "alertIds")), "Alerts that it caused"),
    Column(RECORD,         ColumnType.TEXT,    lambda _: None,                                   "The whole record as JSON, as it is stored"),
)
# fmt: on

FLAT = tuple(name for name in COLUMNS if name != RECORD)
_EXAMPLE = '["time", "user", "activity"]'


def values(columns: Sequence[Column], records: Sequence[bytes], parsed: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """The values of each column in `records`, which are also passed in parsed form."""
    readings = [Reading(record) for record in parsed]
    return [
        [record.decode() for record in records]
        if column.name == RECORD
        else [column.read(reading) for reading in readings]
        for column in columns
    ]
