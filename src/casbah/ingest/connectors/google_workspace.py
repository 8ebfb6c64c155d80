"""Google Workspace activities from the Reports API: one record for each of an activity's `events[]`.

Also reads the flattened form of some pipelines, with `name`, `type` and `parameters` on the activity itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from casbah.ingest.contract import Connector, Draft, Event, ReadingRule
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.fields import Fields, first_text, folded, listed, objects, plain, text
from casbah.ingest.record_builder import (
    APPLICATION,
    DIRECTORY_USER,
    FAILED_LOGIN,
    FILE,
    FOLDER,
    GROUP,
    LOGIN,
    NAMED_ACCOUNT,
    PERMISSION,
    ROLE,
    ROLE_ACTED_ON,
    ROLE_APPLICATION,
    ROLE_CONTEXT,
    RULE,
    TARGET,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    PropertyChange,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.rules import ADMIN, OUTCOME
from casbah.ingest.times import required

APP = CatalogApp(11770, "Google Workspace", 11770)
_KIND = "admin#reports#activity"
_SINGLE_VALUES = (
    "value",
    "intvalue",
    "boolvalue",
    "multivalue",
    "multiintvalue",
    "messagevalue",
    "multimessagevalue",
)

CATEGORIES: Mapping[tuple[str, str], str] = {
    ("admin", "CREATE_USER"): "EVENT_CATEGORY_CREATE_USER",
    ("admin", "DELETE_USER"): "EVENT_CATEGORY_DELETE_USER",
    ("chrome", "CHROME_OS_LOGIN_FAILURE_EVENT"): FAILED_LOGIN,
    ("drive", "delete"): "EVENT_CATEGORY_DELETE_OBJECT",
    ("drive", "download"): "EVENT_CATEGORY_DOWNLOAD_FILE",
    ("drive", "upload"): "EVENT_CATEGORY_UPLOAD_FILE",
    ("login", "login_failure"): FAILED_LOGIN,
    ("login", "login_success"): LOGIN,
    ("login", "logout"): "EVENT_CATEGORY_LOGOUT",
    ("saml", "login_failure"): FAILED_LOGIN,
    ("saml", "login_success"): "EVENT_CATEGORY_SSO_LOGIN",
}


@dataclass(frozen=True, slots=True)
class NamedParameter:
    """A parameter with the id of an object, and the parameter with its title, which may be all that the event has."""

    parameter: str
    type: int
    role: int
    title: str = ""
    part: str = ""


NAMED = (
    NamedParameter("destination_folder_id", FOLDER, ROLE_CONTEXT, "destination_folder_title"),
    NamedParameter("source_folder_id", FOLDER, ROLE_CONTEXT, "source_folder_title"),
    NamedParameter("shared_drive_id", FOLDER, ROLE_CONTEXT),
    NamedParameter("team_drive_id", FOLDER, ROLE_CONTEXT),
    NamedParameter("user_email", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("target_user", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("affected_email_address", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("email_forwarding_destination_address", DIRECTORY_USER, ROLE_ACTED_ON),
    NamedParameter("grantee_email", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("event_guest", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("new_owner", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("member_id", NAMED_ACCOUNT, ROLE_ACTED_ON),
    NamedParameter("identifier", NAMED_ACCOUNT, ROLE_ACTED_ON, "display_name"),
    NamedParameter("calendar_id", TARGET, ROLE_CONTEXT, "calendar_title"),
    NamedParameter("target_calendar_id", TARGET, ROLE_ACTED_ON),
    NamedParameter("event_id", TARGET, ROLE_CONTEXT, "event_title"),
    NamedParameter("room_id", TARGET, ROLE_CONTEXT, "room_name"),
    NamedParameter("message_id", TARGET, ROLE_CONTEXT),
    NamedParameter("attachment_hash", FILE, ROLE_CONTEXT, "attachment_name"),
    NamedParameter("conference_id", TARGET, ROLE_CONTEXT),
    NamedParameter("meeting_code", TARGET, ROLE_CONTEXT),
    NamedParameter("group_email", TARGET, ROLE_ACTED_ON, part=GROUP),
    NamedParameter("group_id", TARGET, ROLE_ACTED_ON, part=GROUP),
    NamedParameter("role_id", TARGET, ROLE_CONTEXT, "role_name", part=ROLE),
    NamedParameter("member_role", TARGET, ROLE_CONTEXT, part=ROLE),
    NamedParameter("access_level", TARGET, ROLE_CONTEXT, part=PERMISSION),
    NamedParameter("scope", TARGET, ROLE_CONTEXT, part=PERMISSION),
    NamedParameter("api_scopes", TARGET, ROLE_CONTEXT, part=PERMISSION),
    NamedParameter("rule_id", TARGET, ROLE_CONTEXT, "rule_name", part=RULE),
    NamedParameter("org_unit_name", TARGET, ROLE_CONTEXT),
    NamedParameter("application_name", TARGET, ROLE_CONTEXT),
    NamedParameter("setting_name", TARGET, ROLE_CONTEXT),
    NamedParameter("resource_id", TARGET, ROLE_CONTEXT, "resource_name"),
    NamedParameter("client_id", APPLICATION, ROLE_APPLICATION, "app_name"),
    NamedParameter("oauth2_app_id", APPLICATION, ROLE_APPLICATION, "oauth2_app_name"),
    NamedParameter("device_id", TARGET, ROLE_CONTEXT, "device_model"),
)


def recognizes(event: Mapping[str, Any]) -> bool:
    """The Reports API's `kind`, or an id with an application name."""
    identity = event.get("id")
    return event.get("kind") == _KIND or (type(identity) is dict and "applicationName" in identity)


def drafts(event: Event) -> Iterator[Draft]:
    """One activity per nested event; without nested events, the activity itself is the event."""
    fields = folded(event.parsed)
    identity = folded(fields.get("id"))
    timestamp = required({"id.time": identity.get("time")}, "id.time")
    scope = f"{text(identity.get('customerid')) or 0}_{APP.id}_"
    inner = list(objects(fields.get("events"))) or [fields]
    for index, nested in enumerate(inner):
        yield Draft(
            id=_native(identity, timestamp, index, nested, scope),
            timestamp=timestamp,
            keys=keys(_parts(fields, identity, nested)),
            part=f"_{index}" if len(inner) > 1 else "",
            scope=scope,
        )


def _native(identity: Fields, timestamp: int, index: int, inner: Fields, scope: str) -> str | None:
    """The id, which includes the nested event's name: real activities may differ in nothing else."""
    qualifier = text(identity.get("uniquequalifier"))
    if not qualifier:
        return None
    application, name = text(identity.get("applicationname")), text(inner.get("name"))
    return f"{scope}{timestamp}_{application}_{qualifier}_{index}_{name}"


def _parts(fields: Fields, identity: Fields, inner: Fields) -> RecordParts:
    application = text(identity.get("applicationname"))
    operation = first_text(inner, "name", "type")
    category = CATEGORIES.get((application, operation), UNSPECIFIED)
    parameters = _parameters(inner.get("parameters"))
    actor = folded(fields.get("actor"))
    targets = list(_targets(fields, inner, parameters))
    region = text(folded(fields.get("networkinfo")).get("regioncode"))
    return RecordParts(
        app=APP,
        instance=Instance(text(identity.get("customerid"))),
        actor=Actor(first_text(actor, "email", "profileid", "key"), text(actor.get("profileid")), APP.id),
        operation=operation,
        category=category,
        event_type=f"EVENT_GOOGLE_{application.upper() or 'UNKNOWN'}_GENERIC",
        targets=targets,
        subject=(targets[0].name or targets[0].id) if targets else "",
        addresses=distinct((fields.get("ipaddress"), parameters.get("ip_address"))),
        agent=first_text(parameters, "user_agent", "useragent"),
        admin=application == "admin",
        outcome=_outcome(operation, category, parameters),
        location={"countryCode": region} if region else None,
        changes=_changes(operation, parameters),
    )


def _parameters(value: Any) -> Fields:
    """Parameters by name in lower case, from the API's list or a plain object."""
    if type(value) is dict:
        return folded(value)
    return {
        text(item.get("name")).lower(): next((item[key] for key in _SINGLE_VALUES if key in item), None)
        for item in objects(value)
    }


def _outcome(operation: str, category: str, parameters: Fields) -> Outcome | None:
    """The outcome. Only sign-in events have one."""
    if category == FAILED_LOGIN or operation == "login_failure":
        reason = first_text(parameters, "login_failure_type", "failure_type", "login_failure_reason")
        return Outcome(success=False, message=reason or operation)
    return Outcome(success=True) if operation == "login_success" else None


def _targets(fields: Fields, inner: Fields, parameters: Fields) -> Iterator[Target]:
    document = text(parameters.get("doc_id"))
    if document:
        kind = text(parameters.get("doc_type"))
        yield Target(
            FOLDER if kind == "folder" else FILE,
            ROLE_CONTEXT,
            document,
            text(parameters.get("doc_title")),
            service_type=kind or "file",
            labels=tuple(_labels(parameters)),
        )
    for row in NAMED:
        if row.parameter not in parameters and row.title not in parameters:
            continue
        title = text(parameters.get(row.title))
        for identity in _texts(parameters.get(row.parameter)) or filter(None, [title]):
            yield Target(row.type, row.role, identity, title or identity, service_type=row.parameter, part=row.part)
    for resource in _texts(inner.get("resourceids") or fields.get("resourceids")):
        if resource != document:
            yield Target(TARGET, ROLE_CONTEXT, resource, service_type="resource")


def _changes(operation: str, parameters: Fields) -> Iterator[PropertyChange]:
    """What was set: a setting by its name, else what the operation is named after; and how visible a document is."""
    name = first_text(parameters, "setting_name", "user_defined_setting_name") or operation
    yield PropertyChange(name, plain(parameters.get("old_value")), plain(parameters.get("new_value")))
    if "old_visibility" in parameters:
        yield PropertyChange("visibility", plain(parameters["old_visibility"]), plain(parameters.get("visibility")))


def _labels(parameters: Fields) -> Iterator[str]:
    for name in ("label_id", "labels", "label_ids"):
        yield from _texts(parameters.get(name))


def _texts(value: Any) -> list[str]:
    """A text, or the texts in a list."""
    return list(filter(None, [text(value), *map(text, listed(value))]))


RULES = (
    ReadingRule(
        ADMIN, "the application is `admin`", "it is the log of the Admin console; other applications have what users do"
    ),
    ReadingRule(
        OUTCOME,
        "failure for `login_failure` and `CHROME_OS_LOGIN_FAILURE_EVENT`, success for `login_success`; else none",
        "only sign-ins have an outcome",
    ),
)
CONNECTOR = Connector(
    name="google_workspace",
    title="Google Workspace (Reports API)",
    samples="real logs",
    recognizes=recognizes,
    drafts=drafts,
    wrapper="items",
    documents=("https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities",),
    apps=(APP.id,),
    marks=(frozenset({"id"}), frozenset({"kind"})),
    rules=RULES,
    examples=("a response of admin.reports.activities.list", "one activity per line"),
)
