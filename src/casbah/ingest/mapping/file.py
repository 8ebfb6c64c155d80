"""A mapping file: what may stand in it, read strictly, so that a slip of the pen is named and not ignored.

docs/sources.md explains it to those who write one; ours are `connectors/*.toml`.
"""

import tomllib
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from casbah.errors import BadMappingError
from casbah.ingest.mapping.paths import BadPathError

Words = str | list[str]
"""One way to find a value, or several, the first of which counts that finds something."""

When = bool | dict[str, Words]
"""Always or never, or patterns for values."""

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
"""Those of MDCA's event categories that are public, without their EVENT_CATEGORY_."""

CATEGORIES: tuple[str, ...] = get_args(Category)

Type = Literal["target", "user", "file", "folder", "application", "parameter", "account", "account_id"]
Result = Literal["success", "failure", "none"]
Role = Literal["application", "context", "actor", "acted_on"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; keys that it does not know are refused."""


class AppPart(_Part, frozen=True):
    """Which app it happened in: one, or by what a value says."""

    id: int
    name: str = ""
    connector: int | None = None
    by: Words = []
    ids: dict[str, int] = {}


class ActivityPart(_Part, frozen=True):
    """What happened, when, and how it is known again."""

    time: Words
    operation: Words
    id: Words = []
    instance: Words = []
    title: Words = []
    description: Words = []
    event_type: Words = []


class UserPart(_Part, frozen=True):
    """Who did it: the name that people know, and the id that the app knows."""

    name: Words = []
    id: Words = []


class OriginPart(_Part, frozen=True):
    """Where it came from."""

    addresses: Words = []
    agent: Words = []


class LocationPart(_Part, frozen=True):
    """What the source itself says of the place."""

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
    """Whether it succeeded; neither pattern: nothing is said of it. `event_type` is the type of what failed. `operations`
    are those whose name says it, or which never say it; the first that matches counts.
    """

    of: Words
    success: list[str] = []
    failure: list[str] = []
    message: Words = []
    event_type: Words = []
    operations: dict[str, Result] = {}


class FlagsPart(_Part, frozen=True):
    """Whether it is an administrator's work, and whether someone acted as another."""

    admin: When = False
    impersonated: When = False


class ObjectPart(_Part, frozen=True):
    """What it was about."""

    each: str = ""
    type: Type = "target"
    type_of: Words = []
    types: dict[str, Type] = {}
    role: Role | None = None
    id: Words = []
    name: Words = []
    value: Words = []
    kind: Words = []
    labels: Words = []


class MappingFile(_Part, frozen=True):
    """All of it."""

    title: str
    recognise: list[list[str]]
    app: AppPart
    activity: ActivityPart
    documents: list[str] = []
    examples: list[str] = []
    wrapper: str | None = None
    categories: dict[str, Category] = {}
    titles: dict[str, str] = {}
    user: UserPart = UserPart()
    origin: OriginPart = OriginPart()
    location: LocationPart = LocationPart()
    outcome: OutcomePart | None = None
    flags: FlagsPart = FlagsPart()
    objects: list[ObjectPart] = []


def read_file(text: str, origin: str) -> MappingFile:
    """The file, checked. Raises BadMappingError."""
    try:
        found: Mapping[str, object] = tomllib.loads(text)
        return msgspec.convert(found, MappingFile)
    except tomllib.TOMLDecodeError as error:
        raise BadMappingError(f"{origin}: not TOML: {error}") from None
    except (msgspec.ValidationError, BadPathError) as error:
        raise BadMappingError(f"{origin}: {_plain(str(error))}") from None


def _plain(message: str) -> str:
    """The validator's message with the place as the file writes it."""
    said, found, place = message.partition(" - at `$")
    return f"[{place.strip('`').lstrip('.')}] {said}" if found else said
