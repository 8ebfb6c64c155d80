"""Reads values from an untrusted record: a value of the wrong type counts as missing."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

MIN_INT, MAX_INT = -(2**63), 2**63 - 1
MAX_DIGITS = 4_096  # What a value of a request may have; Python itself reads no more than 4,300.


def part(record: Any, key: str) -> dict[str, Any]:
    """The object under `key`; empty if it is missing or not an object."""
    value = record.get(key) if type(record) is dict else None
    return value if type(value) is dict else {}


def elements(record: Mapping[str, Any], key: str) -> list[Any]:
    """The elements of the list under `key`; empty if it is missing or not a list."""
    value = record.get(key)
    return value if type(value) is list else []


def string(value: Any) -> str | None:
    """A non-empty string, or None: an empty string says that there is no value."""
    return value if value and isinstance(value, str) else None


def identifier(value: Any) -> str | None:
    """An id: a non-empty string, or an integer as its decimal string."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int and abs(value) < 10**4000 else string(value)


def integer(value: Any) -> int | None:
    """A signed 64-bit integer from an int, a whole float or a decimal string; booleans do not count."""
    kind = type(value)
    if kind is int:
        return value if MIN_INT <= value <= MAX_INT else None
    if value is None:
        return None
    if kind is float and value.is_integer():
        value = int(value)
    elif isinstance(value, str):
        value = decimal(value)
    return value if type(value) is int and MIN_INT <= value <= MAX_INT else None


def decimal(text: str) -> int | None:
    """The integer of a decimal string with an optional sign."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else None


def folder_path(path: str, name: str) -> str:
    """The path of a file's folder, where an event of SharePoint may have the path of the file itself; "" for the topmost."""
    path = path.strip("/")
    folder, _, last = path.rpartition("/")
    return folder if last.casefold() == name.casefold() else path


def first_string(*candidates: Any) -> str | None:
    """The first candidate that is a non-empty string."""
    for value in candidates:
        if value and isinstance(value, str):
            return value
    return None


def strings(value: Any) -> list[str]:
    """Every string value in a JSON value, keys not included; however deep it is, this does not recurse."""
    texts: list[str] = []
    inner = [value]
    for top in inner:  # It grows meanwhile.
        for each_value in top.values() if type(top) is dict else top:
            kind = type(each_value)
            if kind is str:
                texts.append(each_value)
            elif kind is dict or kind is list:
                inner.append(each_value)
    return texts


class Reading:
    """A record as the fields read it: its parts, each looked up once, and its event objects by kind.

    `performers`: the keys of its performers, which `fields` looks up when they are first needed.

    `files`, `folders`: objects of objType 3 and 4, or whose serviceObjectType says so; `actors`: of role 2 or
    4; `others`: of any other role.
    """

    __slots__ = (
        "actor",
        "actors",
        "agent",
        "device",
        "files",
        "folders",
        "location",
        "main",
        "objects",
        "others",
        "performers",
        "raw",
        "record",
        "user",
    )

    def __init__(self, record: Record) -> None:
        self.record = record
        self.main = part(record, "mainInfo")
        self.device = part(record, "device")
        self.agent = part(record, "userAgent")
        self.location = part(record, "location")
        self.user = part(record, "user")
        self.actor = part(record, "resolvedActor")
        self.raw = part(record, "rawDataJson")
        self.objects = [item for item in elements(self.main, "eventObjects") if type(item) is dict]
        self.files: list[dict[str, Any]] = []
        self.folders: list[dict[str, Any]] = []
        self.actors: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self.performers: Mapping[Any, None] | None = None
        for item in self.objects:
            self._tell_apart(item)

    def file_url(self) -> str | None:
        """The URL of the file that an event of SharePoint names in parts."""
        site, path, name = (string(self.raw.get(key)) for key in ("SiteUrl", "SourceRelativeUrl", "SourceFileName"))
        if site is None or path is None or name is None:
            return None
        # Events of sharing have no slash after the site.
        return "/".join(filter(None, (site.rstrip("/"), folder_path(path, name), name)))

    def _tell_apart(self, item: dict[str, Any]) -> None:
        number, role, kind = item.get("objType"), item.get("role"), item.get("serviceObjectType")
        if type(number) is not int:
            number = integer(number)
        if type(role) is not int:
            role = integer(role)
        name = kind.lower() if type(kind) is str else ""
        if number == _FILE or "file" in name:
            self.files.append(item)
        if number == _FOLDER or "folder" in name:
            self.folders.append(item)
        (self.actors if role in _ACTOR_ROLES else self.others).append(item)


_FILE, _FOLDER = 3, 4
_ACTOR_ROLES = (2, 4)
