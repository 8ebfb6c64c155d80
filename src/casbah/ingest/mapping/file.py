"""The format of a mapping file, read strictly so that typos are reported instead of ignored.

docs/sources.md explains how to write one; ours are `connectors/*.toml`.
"""

import tomllib
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from casbah.errors import BadMappingError
from casbah.ingest.contract import Samples
from casbah.ingest.mapping.paths import BadPathError

Words = str | list[str]
"""One way to find a value, or several; the first that finds something counts."""

When = bool | dict[str, Words]
"""Always, never, or patterns for values."""

Category = Literal[
    "CREATE_USER",
    "DELETE_OBJECT",
    "DELETE_USER",
    "DOWNLOAD_FILE",
    "FAILED_LOGIN",
    "LOGIN",
    "LOGOUT",
    "SSO_LOGIN",
    "UNSPECIFIED",
    "UPLOAD_FILE",
    "VIEW_REPORT",
]
"""MDCA's public event categories, without the prefix EVENT_CATEGORY_."""

CATEGORIES: tuple[str, ...] = get_args(Category)

Type = Literal[
    "target",
    "user",
    "file",
    "folder",
    "application",
    "parameter",
    "account",
    "account_id",
    "address",
    "group",
    "mail",
    "permission",
    "role",
    "rule",
]
Result = Literal["success", "failure", "none"]
Role = Literal["application", "context", "actor", "acted_on"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; unknown keys are refused."""


class AppPart(_Part, frozen=True):
    """Which app it happened in: always the same, or depending on a value."""

    id: int
    name: str = ""
    connector: int | None = None
    by: Words = []
    ids: dict[str, int] = {}


class ActivityPart(_Part, frozen=True):
    """What happened, when, and the id of the event. `session` finds every id of the session, not only the first. The category
    is looked up by `category_by`, by default the operation.
    """

    time: Words
    operation: Words
    id: Words = []
    session: Words = []
    instance: Words = []
    title: Words = []
    description: Words = []
    event_type: Words = []
    category_by: Words = []


class UserPart(_Part, frozen=True):
    """Who did it: the name shown to people, and the id in the app."""

    name: Words = []
    id: Words = []


class OriginPart(_Part, frozen=True):
    """Where it came from."""

    addresses: Words = []
    agent: Words = []


class LocationPart(_Part, frozen=True):
    """The location that the source reports. `place` is city, region and country in one text, separated by commas."""

    place: Words = []
    country: Words = []
    region: Words = []
    city: Words = []
    postal_code: Words = []
    latitude: Words = []
    longitude: Words = []
    carrier: Words = []
    organization: Words = []
    proxy: When = False


class OutcomePart(_Part, frozen=True):
    """Whether it succeeded; unknown if neither pattern matches. `event_type` is the type of failed events. `operations` are
    patterns for operations with a fixed result; the first that matches counts.
    """

    of: Words
    success: list[str] = []
    failure: list[str] = []
    message: Words = []
    event_type: Words = []
    operations: dict[str, Result] = {}


class FlagsPart(_Part, frozen=True):
    """Whether an administrator did it, and whether someone acted as another user. Patterns for `!path` are exceptions."""

    admin: When = False
    impersonated: When = False


class ReasonsPart(_Part, frozen=True):
    """Why the flags, the outcome and the user's name are found as they are, for docs/sources.md."""

    admin: str = ""
    impersonated: str = ""
    outcome: str = ""
    user: str = ""


class ChangePart(_Part, frozen=True):
    """What the activity set, if it is one of the `operations`: a name, and the value before and after.

    `match` is a regular expression: each match in the texts of `each` is an item whose keys are the named groups.
    """

    operations: Words = []
    items: str = msgspec.field(name="each", default="")
    match: str = ""
    name: Words = []
    old: Words = []
    new: Words = []


class ObjectPart(_Part, frozen=True):
    """An object of the activity, if it is one of the `operations` (default: every one). `alias` is the name that an account
    signs in with, which is an object of its own; `match` as in a change.
    """

    operations: Words = []
    items: str = msgspec.field(name="each", default="")
    match: str = ""
    type: Type = "target"
    type_of: Words = []
    types: dict[str, Type] = {}
    role: Role | None = None
    id: Words = []
    alias: Words = []
    name: Words = []
    value: Words = []
    kind: Words = []
    labels: Words = []


class CsvPart(_Part, frozen=True):
    """A CSV export, by the columns that it has at least. See `CsvForm`."""

    title: str
    columns: list[str]
    documents: str = ""
    seen: bool = False
    times: str = "UTC"
    complete: bool = False
    local: str = ""


class MappingFile(_Part, frozen=True):
    """The whole file."""

    title: str
    recognize: list[list[str]]
    app: AppPart
    activity: ActivityPart
    documents: list[str] = []
    examples: list[str] = []
    samples: Samples | None = None
    wrapper: str | None = None
    csv: list[CsvPart] = []
    categories: dict[str, Category] = {}
    verbs: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    user: UserPart = UserPart()
    origin: OriginPart = OriginPart()
    location: LocationPart = LocationPart()
    outcome: OutcomePart | None = None
    flags: FlagsPart = FlagsPart()
    reasons: ReasonsPart = ReasonsPart()
    objects: list[ObjectPart] = []
    changes: list[ChangePart] = []


def read_file(text: str, origin: str) -> MappingFile:
    """The file, checked. Raises BadMappingError."""
    try:
        tables: Mapping[str, object] = tomllib.loads(text)
        return msgspec.convert(tables, MappingFile)
    except tomllib.TOMLDecodeError as error:
        raise BadMappingError(f"{origin}: not TOML: {error}") from None
    except (msgspec.ValidationError, BadPathError) as error:
        raise BadMappingError(f"{origin}: {_plain(str(error))}") from None


def _plain(message: str) -> str:
    """The validator's message with the path as written in the file."""
    reason, separator, place = message.partition(" - at `$")
    return f"[{place.strip('`').lstrip('.')}] {reason}" if separator else reason
