"""Every setting: name, type, default, help. Read once, at the door, from the environment; `docs/settings.md` follows.

A setting `store` is read from `CASBAH_STORE`. Command-line options of the same name win over the environment.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from casbah.errors import BadSettingError

PREFIX = "CASBAH_"
_RATE = re.compile(r"(\d{1,9})\s*/\s*(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MOST_PORT = 65_535
_MOST_DIGITS = 18
_LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` is text, read by `read` like any other; `read` raises ValueError saying what it expected."""

    name: str
    default: str
    read: Callable[[str], Any]
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read; one attribute a row of SETTINGS."""

    store: Path
    host: str
    port: int
    throttle: Rate | None
    max_body: int
    max_ingest_body: int
    max_event: int
    max_filters: int
    max_values: int
    max_value_length: int
    batch: int
    writer_memory: int
    log_level: str


def read(environment: Mapping[str, str], **given: str | None) -> Settings:
    """The settings from `given` (command-line options), then `environment`, then defaults. Raises BadSettingError."""
    return Settings(**{row.name: _read(row, environment, given.get(row.name)) for row in SETTINGS.values()})


def _read(row: Setting, environment: Mapping[str, str], given: str | None) -> Any:
    text = given if given is not None else environment.get(row.variable, row.default)
    try:
        return row.read(text)
    except ValueError as wrong:
        raise BadSettingError(row.variable, text, str(wrong)) from None


def _folder(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "casbah"


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    if not _is_number(digits) or int(digits) == 0:
        raise ValueError("a whole number above 0")
    return int(digits)


def _port(text: str) -> int:
    if not _is_number(text) or int(text) > _MOST_PORT:
        raise ValueError("a port, 0 to 65535 (0: any free one)")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _host(text: str) -> str:
    if not text:
        raise ValueError("an address to listen on")
    return text


def _rate(text: str) -> Rate | None:
    if text.lower() in ("", "off"):
        return None
    found = _RATE.fullmatch(text.strip().lower())
    if not found or int(found.group(1)) == 0:
        raise ValueError("a rate such as 30/minute, or off")
    return Rate(int(found.group(1)), _SECONDS[found.group(2)])


def _level(text: str) -> str:
    if text.lower() not in _LOG_LEVELS:
        raise ValueError(f"one of {', '.join(_LOG_LEVELS)}")
    return text.lower()


def _table(*rows: Setting) -> dict[str, Setting]:
    table = {row.name: row for row in rows}
    if list(table) != [each.name for each in fields(Settings)]:
        raise AssertionError("SETTINGS and Settings name different settings, or in another order")
    return table


# fmt: off
SETTINGS = _table(
    Setting("store",            "",            _folder, "The folder that holds everything; by default the user's data folder"),
    Setting("host",             "127.0.0.1",   _host,   "The address to listen on"),
    Setting("port",             "8765",        _port,   "The port to listen on; 0 takes any free one"),
    Setting("throttle",         "off",         _rate,   "Requests a tenant may make, such as 30/minute (MDCA's own), or off"),
    Setting("max_body",         "1_048_576",   _whole,  "Bytes in the body of a request, ingest apart"),
    Setting("max_ingest_body",  "268_435_456", _whole,  "Bytes in the body of an ingest request, after decompression"),
    Setting("max_event",        "16_777_216",  _whole,  "Bytes in one event; a larger one is refused"),
    Setting("max_filters",      "64",          _whole,  "Filters in one request"),
    Setting("max_values",       "1_000",       _whole,  "Values of one operator"),
    Setting("max_value_length", "4_096",       _whole,  "Characters in one value"),
    Setting("batch",            "5_000",       _whole,  "Activities that ingest commits at a time"),
    Setting("writer_memory",    "64_000_000",  _whole,  "Bytes that each open writer of the store may fill before it writes a segment"),
    Setting("log_level",        "info",        _level,  "How much the server tells: debug, info, warning or error"),
)
# fmt: on
