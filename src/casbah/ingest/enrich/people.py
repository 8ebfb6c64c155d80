"""Looks up users' groups and organizational units in a file supplied by the operator.

The file is CSV with the columns user, groups (separated by `;`) and orgUnit, or SCIM 2.0 JSON
(https://www.rfc-editor.org/rfc/rfc7643): a list of users, or an object with that list under `Resources` or `Users`. Users are
looked up by name, in JSON also by any e-mail address, ignoring case. A file with bad rows is refused; the error names them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casbah.base import jsontext
from casbah.errors import BadSettingError

_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_COLUMNS = ("user", "groups", "orgunit")
_HOLDERS = ("Resources", "Users", "users")
_MAX_NAMED = 5
_EXPECTED = "a CSV file with the columns user, groups, orgUnit, or a JSON file of SCIM users"


@dataclass(frozen=True, slots=True)
class Person:
    """The ids of a user's groups, for `user.userTags`, and the organizational unit, for `user.orgUnit`."""

    groups: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of either file: its position, the user's names, and the person."""

    place: str
    names: tuple[str, ...]
    person: Person


class _BadRowError(ValueError):
    """The row cannot be used. The message says why."""


class People:
    """The users of one file, by name."""

    def __init__(self, path: Path | str, *, setting: str = "people") -> None:
        self.origin = Path(path).name
        """The name of this source in a record's notes."""
        self._by_name: dict[str, Person] = {}
        try:
            bad = [reason for row in _rows(Path(path)) if (reason := self._take(row))]
        except (OSError, ValueError, csv.Error) as error:
            raise BadSettingError(setting, str(path), f"{_EXPECTED}: {error}") from None
        if bad:
            more = f" and {len(bad) - _MAX_NAMED} more" if len(bad) > _MAX_NAMED else ""
            raise BadSettingError(setting, str(path), f"{_EXPECTED}: {'; '.join(bad[:_MAX_NAMED])}{more}")

    def __len__(self) -> int:
        return len(self._by_name)

    def of(self, name: str) -> Person | None:
        """The user with that name, or None."""
        return self._by_name.get(name.strip().casefold())

    def _take(self, row: _Row | str) -> str:
        """Add a row; returns the reason if it is bad, else "". A user's groups may span rows; units must not differ."""
        if isinstance(row, str):
            return row
        for name in row.names:
            known = self._by_name.get(name.casefold(), Person())
            if known.unit and row.person.unit and known.unit != row.person.unit:
                return f"{row.place}: {name} is in {known.unit!r} already, and cannot be in {row.person.unit!r} too"
            groups = tuple(dict.fromkeys(known.groups + row.person.groups))
            self._by_name[name.casefold()] = Person(groups, known.unit or row.person.unit)
        return ""


def _rows(path: Path) -> Iterator[_Row | str]:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if path.suffix.lower() == ".json" or content.lstrip()[:1] in (b"[", b"{"):
        return _of_json(content)
    return _of_csv(content.decode())


def _of_csv(text: str) -> Iterator[_Row | str]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = {name.strip().lower(): number for number, name in enumerate(next(rows, []))}
    if "user" not in columns or not columns.keys() & {"groups", "orgunit"}:
        raise ValueError(f"line 1: the columns are {', '.join(columns) or 'missing'}")
    following = rows.line_num + 1
    for row in rows:
        place, following = f"line {following}", rows.line_num + 1
        if not any(row):
            continue
        if len(row) != len(columns):
            yield f"{place}: {len(row)} values for {len(columns)} columns"
            continue
        user, groups, unit = (row[columns[name]].strip() if name in columns else "" for name in _COLUMNS)
        names = (name.strip() for name in groups.split(";"))
        person = Person(tuple(dict.fromkeys(name for name in names if name)), unit)
        yield _Row(place, (user,), person) if user else f"{place}: the user is empty"


def _of_json(content: bytes) -> Iterator[_Row | str]:
    parsed = jsontext.parse(content)
    held = next((parsed[key] for key in _HOLDERS if key in parsed), None) if isinstance(parsed, dict) else parsed
    if not isinstance(held, list):
        raise ValueError(f"no list of users under {', '.join(_HOLDERS)}")
    holders: dict[str, str] = {}
    for number, user in enumerate(held, start=1):
        place = f"user {number}"
        try:
            row = _of_user(user, place)
        except _BadRowError as error:
            yield f"{place}: {error}"
            continue
        taken = [name for name in row.names if holders.setdefault(name.casefold(), place) != place]
        yield f"{place}: {taken[0]} is {holders[taken[0].casefold()]} already" if taken else row


def _of_user(user: Any, place: str) -> _Row:
    if not isinstance(user, dict):
        raise _BadRowError("it is not an object")
    emails = _values(user.get("emails"), ("value",), "emails")
    names = (_text(user.get("userName"), "userName"), *emails)
    groups = _values(user.get("groups"), ("value", "display"), "groups")
    enterprise = user.get(_ENTERPRISE)
    department = enterprise.get("department") if isinstance(enterprise, Mapping) else None
    unit = _text(user.get("orgUnit"), "orgUnit") or _text(department, "department")
    distinct = tuple(dict.fromkeys(name for name in names if name))
    if not distinct:
        raise _BadRowError("it has neither a userName nor an e-mail address")
    return _Row(place, distinct, Person(tuple(dict.fromkeys(groups)), unit))


def _values(listed: Any, keys: Iterable[str], name: str) -> list[str]:
    """The texts in a list of strings or of objects with one of the keys; an absent list is empty."""
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise _BadRowError(f"{name} is not a list")
    texts = []
    for item in listed:
        value = next((item[key] for key in keys if item.get(key)), None) if isinstance(item, Mapping) else item
        text = _text(value, name)
        if text:
            texts.append(text)
    return texts


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadRowError(f"{name} is {value!r:.40}, not a text")
    return value.strip()
