"""The record's shape: what the connectors read out of an event goes to the places where MDCA's records have
it.

`records.md` names the keys, `filters.md` says which filter reads which. A key without a value is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
MOST_OBJECTS = 100


@dataclass(frozen=True, slots=True)
class ActivityKind:
    """How the record names a kind of activity, beside its category."""

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
class App:
    """An app of MDCA's catalogue, and the app whose connector delivers its events."""

    id: int
    name: str
    connector: int


@dataclass(frozen=True, slots=True)
class Instance:
    """The tenant, account or customer of the source: its own name, and its number where the name is one."""

    name: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: the name that people know, and the id that the directory knows."""

    name: str
    id: str
    saas: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it succeeded, and what the source says about that."""

    success: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that the activity was about, for `mainInfo.eventObjects`."""

    type: int
    role: int
    id: str = ""
    name: str = ""
    value: str = ""
    service_type: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordParts:
    """One activity, before it is laid out."""

    app: App
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
    """The operation as people say it, where the source has that."""

    sentence: str = ""
    """What happened, in the source's own words."""


def keys(shape: RecordParts) -> dict[str, Any]:
    """The record's own keys, in order. A failed sign-in is a failure, whatever else the source says of it."""
    if shape.category == FAILED_LOGIN and (shape.outcome is None or shape.outcome.success):
        shape = replace(shape, outcome=Outcome(success=False))
    kind = _KINDS.get(shape.category, _BASIC)
    return {
        **({"aadTenantId": shape.directory} if shape.directory else {}),
        "appId": shape.app.id,
        "saasId": shape.app.id,
        "srcAppId": shape.app.connector,
        "appName": shape.app.name,
        "instanceId": shape.instance.number,
        **({"instanceName": shape.instance.name} if shape.instance.name else {}),
        "eventTypeName": shape.category,
        "eventTypeValue": shape.event_type,
        "genericEventType": kind.generic,
        **_description(shape, kind),
        "mainInfo": _main_info(shape, kind),
        **_origin(shape),
        **_people(shape, kind),
        "isAdminOperation": shape.admin,
        **({"isImpersonated": True} if shape.impersonated else {}),
        "source": APP_CONNECTOR,
        "severity": "INFO",
    }


def _description(shape: RecordParts, kind: ActivityKind) -> dict[str, str]:
    failure = shape.outcome.message if shape.outcome and not shape.outcome.success else ""
    sentence = HEADINGS.get(shape.category) or shape.sentence
    if not sentence:
        title = shape.title or shape.operation
        sentence = f"{title}: {shape.subject}" if shape.subject else title
    if failure:
        sentence = f"{sentence} (Failure message: {failure})"
    return {"description": sentence, "description_id": kind.description}


def _main_info(shape: RecordParts, kind: ActivityKind) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind.type,
        "rawOperationName": shape.operation,
        "prettyOperationName": shape.title or shape.operation,
        "eventObjects": [*map(_event_object, _bounded(shape.targets)), *_actor_objects(shape, kind)],
    }
    if shape.outcome:
        message = {"message": shape.outcome.message} if shape.outcome.message else {}
        found["activityResult"] = {"isSuccess": shape.outcome.success, **message}
    return found


def _bounded(targets: Iterable[Target]) -> list[Target]:
    """Each target once, and no more than a reader can bear; all of them stand in `rawDataJson`."""
    return list(dict.fromkeys(targets))[:MOST_OBJECTS]


def _event_object(target: Target) -> dict[str, Any]:
    found: dict[str, Any] = {"objType": target.type, "role": target.role}
    if target.id:
        found["id"] = target.id
    if target.name:
        found["name"] = target.name
    if target.value:
        found["value"] = target.value
    if target.service_type:
        found["serviceObjectType"] = target.service_type
    if target.labels:
        found["labels"] = list(target.labels)
    found["tags"] = []
    return found


def _actor_objects(shape: RecordParts, kind: ActivityKind) -> list[dict[str, Any]]:
    actor = shape.actor
    shared = {
        "name": actor.name or actor.id,
        "role": kind.actor_role,
        "saasId": actor.saas,
        "instanceId": shape.instance.number,
        "resolved": False,
        "tags": [],
    }
    rows = ((NAMED_ACCOUNT, actor.name), (ACCOUNT, actor.id))
    return [{"objType": kind_of, "id": identity, **shared} for kind_of, identity in rows if identity]


def _origin(shape: RecordParts) -> dict[str, Any]:
    """Where it came from: addresses, agent, place."""
    location = shape.location or {}
    country = location.get("countryCode")
    device = {
        **({"clientIP": shape.addresses[0]} if shape.addresses else {}),
        **({"userAgent": shape.agent} if shape.agent else {}),
        **({"countryCode": country} if country else {}),
    }
    return {
        **({"device": device} if device else {}),
        **({"location": location} if location else {}),
        **({"internals": {"otherIPs": list(shape.addresses[1:])}} if len(shape.addresses) > 1 else {}),
    }


def _people(shape: RecordParts, kind: ActivityKind) -> dict[str, Any]:
    """A failed log-on has no user, only the name that was tried, as MDCA's own records have it."""
    actor = shape.actor
    if not (actor.name or actor.id):
        return {"entityData": {}}
    name = actor.name or actor.id
    holder = "failedUserData" if shape.category == FAILED_LOGIN else "user"
    return {
        **({holder: {"userName": actor.name}} if actor.name else {}),
        "resolvedActor": {
            "id": actor.id or actor.name,
            "saasId": str(actor.saas),
            "instanceId": str(shape.instance.number),
            "objType": str(ACCOUNT if actor.id else NAMED_ACCOUNT),
            "role": str(kind.actor_role),
            "name": name,
            "resolved": False,
            "tags": [],
        },
        "entityData": {
            "0": _entity(shape, actor.name),
            "1": None,
            "2": _entity(shape, actor.id),
        },
    }


def _entity(shape: RecordParts, identity: str) -> dict[str, Any] | None:
    if not identity:
        return None
    return {
        "displayName": shape.actor.name or shape.actor.id,
        "id": {"id": identity, "saas": shape.actor.saas, "inst": shape.instance.number},
        "resolved": False,
    }


HEADINGS: Mapping[str, str] = {LOGIN: "Log on", FAILED_LOGIN: "Failed log on"}
