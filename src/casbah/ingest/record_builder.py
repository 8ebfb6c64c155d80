"""Builds records in MDCA's layout from the parts that connectors read out of an event. Keys without a value are left out.

`activity.fields` has which filter reads which key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

APP_CONNECTOR = 2
UNSPECIFIED = "EVENT_CATEGORY_UNSPECIFIED"
LOGIN = "EVENT_CATEGORY_LOGIN"
FAILED_LOGIN = "EVENT_CATEGORY_FAILED_LOGIN"
CLOUD_PROVIDER = {"category": 5, "categoryValue": "CLOUD_PROXY_NETWORK_IP"}

TARGET, DIRECTORY_USER, FILE, FOLDER, APPLICATION, PARAMETER, NAMED_ACCOUNT, ACCOUNT = (
    1,
    2,
    3,
    4,
    6,
    7,
    21,
    23,
)
ROLE_APPLICATION, ROLE_LOGIN_ACTOR, ROLE_CONTEXT, ROLE_ACTOR, ROLE_ACTED_ON = 1, 2, 3, 4, 5
MAX_OBJECTS = MAX_CHANGES = 100
MAX_TEXT = 4_000
"""Characters of a changed value; `rawDataJson` has all of it."""

# What an object was to the activity, where MDCA's type of it does not say so.
GROUP, ROLE, RULE, PERMISSION, ADDRESS, MAIL = "group", "role", "rule", "permission", "address", "mail"
_ACTOR, _TARGET = "actor", "target"
_ACTOR_ROLES = (ROLE_LOGIN_ACTOR, ROLE_ACTOR)
_PARTS = {FILE: "file", FOLDER: "folder", APPLICATION: "application", PARAMETER: ""}
"""By type; every other type is a target, unless its role is that of an actor."""


@dataclass(frozen=True, slots=True)
class ActivityKind:
    """The names that a record uses for a kind of activity, besides its category."""

    type: str
    generic: str
    description: str
    actor_role: int = ROLE_ACTOR


_BASIC = ActivityKind("basic", "ENUM_ACTIVITY_GENERIC_TYPE_BASIC", "EVENT_DESCRIPTION_BASIC_EVENT")
_KINDS: Mapping[str, ActivityKind] = {
    LOGIN: ActivityKind("login", "ENUM_ACTIVITY_GENERIC_TYPE_LOGIN", "EVENT_DESCRIPTION_LOGIN", ROLE_LOGIN_ACTOR),
    FAILED_LOGIN: ActivityKind(
        "failedLogin",
        "ENUM_ACTIVITY_GENERIC_TYPE_FAILED_LOGIN",
        "EVENT_DESCRIPTION_FAILED_LOGIN",
        ROLE_LOGIN_ACTOR,
    ),
}


@dataclass(frozen=True, slots=True)
class CatalogApp:
    """An app of MDCA's catalog, and the app whose connector delivers its events."""

    id: int
    name: str
    connector: int


class Instance(NamedTuple):
    """The source's tenant, account or customer: its name, and the same as a number if it is one."""

    name: str
    number: int = 0


class Actor(NamedTuple):
    """Who did it: the name shown to people, and the id in the directory."""

    name: str
    id: str
    saas: int


class Outcome(NamedTuple):
    """Whether it succeeded, and the source's message."""

    success: bool
    message: str = ""


class Target(NamedTuple):
    """An object of the activity, for `mainInfo.eventObjects`. `part` is needed only if the type does not say it."""

    type: int
    role: int
    id: str = ""
    name: str = ""
    value: str = ""
    service_type: str = ""
    labels: tuple[str, ...] = ()
    part: str = ""


class PropertyChange(NamedTuple):
    """A property that the activity set or changed: "" if the source does not say what it was before, or after."""

    name: str
    old: str = ""
    new: str = ""


class RecordParts(NamedTuple):
    """The parts of one activity's record, a tuple as those of its parts that every event has: a frozen dataclass takes twice
    the time to make.
    """

    app: CatalogApp
    instance: Instance
    actor: Actor
    operation: str
    category: str
    event_type: str
    targets: Iterable[Target]
    subject: str
    addresses: tuple[str, ...]
    agent: str
    admin: bool
    impersonated: bool = False
    outcome: Outcome | None = None
    location: Mapping[str, Any] | None = None
    directory: str = ""
    title: str = ""
    """The operation in plain words, if the source has them."""

    sentence: str = ""
    """The source's own description of what happened."""

    sessions: Iterable[str] = ()
    """Ids of the session, of its token or access key: first the one that joins most activities. Empty ones are left out."""

    changes: Iterable[PropertyChange] = ()


def by_id(candidates: Iterable[Target]) -> list[Target]:
    """The first target of each id, for sources whose ids mean one thing wherever they occur."""
    first: dict[tuple[str, ...], Target] = {}
    for target in candidates:
        first.setdefault((target.id,) if target.id else ("", target.name, target.value), target)
    return list(first.values())


def keys(parts: RecordParts) -> dict[str, Any]:
    """The record's own keys, in order. A failed sign-in counts as a failure, whatever outcome the source reports."""
    if parts.category == FAILED_LOGIN and (parts.outcome is None or parts.outcome.success):
        parts = parts._replace(outcome=Outcome(success=False))
    kind = _KINDS.get(parts.category, _BASIC)
    return {
        **({"aadTenantId": parts.directory} if parts.directory else {}),
        "appId": parts.app.id,
        "saasId": parts.app.id,
        "srcAppId": parts.app.connector,
        "appName": parts.app.name,
        "instanceId": parts.instance.number,
        **({"instanceName": parts.instance.name} if parts.instance.name else {}),
        "eventTypeName": parts.category,
        "eventTypeValue": parts.event_type,
        "genericEventType": kind.generic,
        **_description(parts, kind),
        "mainInfo": _main_info(parts, kind),
        **_origin(parts),
        **_people(parts, kind),
        "isAdminOperation": parts.admin,
        **({"isImpersonated": True} if parts.impersonated else {}),
        "source": APP_CONNECTOR,
        "severity": "INFO",
        **_session(parts.sessions),
        **_changes(parts.changes),
    }


def _session(ids: Iterable[str]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(filter(None, ids)))
    if not distinct:
        return {}
    return {"session": distinct[0], **({"sessionIds": distinct[1:]} if len(distinct) > 1 else {})}


def _changes(changes: Iterable[PropertyChange]) -> dict[str, Any]:
    """Distinct changes that say something, at most MAX_CHANGES."""
    distinct = dict.fromkeys(change for change in changes if change.name and change.old != change.new)
    rows = [
        {
            "name": change.name,
            **({"old": change.old[:MAX_TEXT]} if change.old else {}),
            **({"new": change.new[:MAX_TEXT]} if change.new else {}),
        }
        for change in islice(distinct, MAX_CHANGES)
    ]
    return {"changes": rows} if rows else {}


def _description(parts: RecordParts, kind: ActivityKind) -> dict[str, str]:
    failure = parts.outcome.message if parts.outcome and not parts.outcome.success else ""
    sentence = HEADINGS.get(parts.category) or parts.sentence
    if not sentence:
        title = parts.title or parts.operation
        sentence = f"{title}: {parts.subject}" if parts.subject else title
    if failure:
        sentence = f"{sentence} (Failure message: {failure})"
    return {"description": sentence, "description_id": kind.description}


def _main_info(parts: RecordParts, kind: ActivityKind) -> dict[str, Any]:
    info: dict[str, Any] = {
        "type": kind.type,
        "rawOperationName": parts.operation,
        "prettyOperationName": parts.title or parts.operation,
        "eventObjects": [*map(_event_object, _bounded(parts.targets)), *_actor_objects(parts, kind)],
    }
    if parts.outcome:
        message = {"message": parts.outcome.message} if parts.outcome.message else {}
        info["activityResult"] = {"isSuccess": parts.outcome.success, **message}
    return info


def _bounded(targets: Iterable[Target]) -> Iterable[Target]:
    """Distinct targets, at most MAX_OBJECTS; `rawDataJson` holds all of them. Of those with one id, the first."""
    first: dict[Any, Target] = {}
    for target in targets:
        same = (target.id, target.type, target.part, target.service_type, target.value)
        first.setdefault(same if target.id else target, target)
    return islice(first.values(), MAX_OBJECTS)


def _event_object(target: Target) -> dict[str, Any]:
    built: dict[str, Any] = {"objType": target.type, "role": target.role}
    part = target.part or (_ACTOR if target.role in _ACTOR_ROLES else _PARTS.get(target.type, _TARGET))
    if part:
        built["part"] = part
    if target.id:
        built["id"] = target.id
    if target.name or target.id:
        built["name"] = target.name or target.id
    if target.value:
        built["value"] = target.value
    if target.service_type:
        built["serviceObjectType"] = target.service_type
    if target.labels:
        built["labels"] = list(target.labels)
    built["tags"] = []
    return built


def _actor_objects(parts: RecordParts, kind: ActivityKind) -> list[dict[str, Any]]:
    actor = parts.actor
    shared = {
        "part": _ACTOR,
        "name": actor.name or actor.id,
        "role": kind.actor_role,
        "saasId": actor.saas,
        "instanceId": parts.instance.number,
        "resolved": False,
        "tags": [],
    }
    rows = ((NAMED_ACCOUNT, actor.name), (ACCOUNT, actor.id))
    return [{"objType": kind_of, "id": identity, **shared} for kind_of, identity in rows if identity]


def _origin(parts: RecordParts) -> dict[str, Any]:
    """The origin: addresses, user agent, location."""
    location = parts.location or {}
    country = location.get("countryCode")
    device = {
        **({"clientIP": parts.addresses[0]} if parts.addresses else {}),
        **({"userAgent": parts.agent} if parts.agent else {}),
        **({"countryCode": country} if country else {}),
    }
    return {
        **({"device": device} if device else {}),
        **({"location": location} if location else {}),
        **({"internals": {"otherIPs": list(parts.addresses[1:])}} if len(parts.addresses) > 1 else {}),
    }


def _people(parts: RecordParts, kind: ActivityKind) -> dict[str, Any]:
    """A failed sign-in has no user, only the name that was tried, as in MDCA's own records."""
    actor = parts.actor
    if not (actor.name or actor.id):
        return {"entityData": {}}
    name = actor.name or actor.id
    holder = "failedUserData" if parts.category == FAILED_LOGIN else "user"
    return {
        **({holder: {"userName": actor.name}} if actor.name else {}),
        "resolvedActor": {
            "id": actor.id or actor.name,
            "saasId": str(actor.saas),
            "instanceId": str(parts.instance.number),
            "objType": str(ACCOUNT if actor.id else NAMED_ACCOUNT),
            "role": str(kind.actor_role),
            "name": name,
            "resolved": False,
            "tags": [],
        },
        "entityData": {
            "0": _entity(parts, actor.name),
            "1": None,
            "2": _entity(parts, actor.id),
        },
    }


def _entity(parts: RecordParts, identity: str) -> dict[str, Any] | None:
    if not identity:
        return None
    return {
        "displayName": parts.actor.name or parts.actor.id,
        "id": {"id": identity, "saas": parts.actor.saas, "inst": parts.instance.number},
        "resolved": False,
    }


HEADINGS: Mapping[str, str] = {LOGIN: "Log on", FAILED_LOGIN: "Failed log on"}
