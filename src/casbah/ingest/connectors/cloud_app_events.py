"""CloudAppEvents, the table of Microsoft Defender XDR's advanced hunting that holds Defender for Cloud Apps' activities.

A row carries less than MDCA's own record of the activity, and names it by `ReportId`. `wrappers` opens what rows come in.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from casbah.activity.forms import CLOUD_APP_EVENTS
from casbah.base import jsontext
from casbah.ingest.apps import APPS
from casbah.ingest.connectors import microsoft365
from casbah.ingest.contract import Connector, CsvForm, Draft, Event, UnusableEventError
from casbah.ingest.enrich import agents, networks, tags
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.fields import Fields, first_text, folded, listed, objects, text, truth
from casbah.ingest.mapping.recognize import Recognition
from casbah.ingest.record_builder import (
    ACCOUNT,
    APPLICATION,
    DIRECTORY_USER,
    FAILED_LOGIN,
    FILE,
    FOLDER,
    LOGIN,
    ROLE_ACTED_ON,
    ROLE_APPLICATION,
    ROLE_CONTEXT,
    TARGET,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    RecordParts,
    Target,
    by_id,
    keys,
)
from casbah.ingest.times import any_form
from casbah.ingest.unified_audit_log import changes, person, sessions, targets, with_values

OFFICE = microsoft365.OFFICE
_OFFICE_APPS = frozenset(microsoft365.CONNECTOR.apps)
_OPENED = ("raweventdata", "activityobjects", "additionalfields", "iptags", "useragenttags")
_TIMES = ("Timestamp", "TimeGenerated")
_MAX_SHOWN = 60
_MAX_DIGITS = 15
_ACTOR = "actor"

RECOGNITION = Recognition(
    [["ReportId", "ActionType", "ApplicationId"], ["ReportId", "ActionType", "RawEventData"], ["Type=CloudAppEvents"]]
)

# fmt: off
CATEGORIES: Mapping[str, str] = {
    "download":     "EVENT_CATEGORY_DOWNLOAD_FILE",
    "failed log on": FAILED_LOGIN,
    "failedlogin":  FAILED_LOGIN,
    "log on":       LOGIN,
    "login":        LOGIN,
    "log out":      "EVENT_CATEGORY_LOGOUT",
    "logout":       "EVENT_CATEGORY_LOGOUT",
    "upload":       "EVENT_CATEGORY_UPLOAD_FILE",
}
"""By `ActivityType`, which is `mainInfo.type` of MDCA's records; else by `ActionType`, as in Microsoft 365's log."""

# The portal's names of MDCA's address categories, in the order of their numbers.
IP_CATEGORIES: Mapping[str, int] = {
    "none": 0, "corporate": 1, "administrative": 2, "risky": 3, "vpn": 4, "cloud provider": 5, "other": 6,
}

TYPES: Mapping[str, tuple[int, int]] = {
    "account":      (ACCOUNT,        ROLE_ACTED_ON),
    "application":  (APPLICATION,    ROLE_APPLICATION),
    "file":         (FILE,           ROLE_CONTEXT),
    "folder":       (FOLDER,         ROLE_CONTEXT),
    "user":         (DIRECTORY_USER, ROLE_ACTED_ON),
}
"""The type and role of an object, by the `Type` that a row gives it. Others are targets."""

# Where the events inside of rows have the name that the user signs in with, and their own id.
NAMES = ("userid", "userprincipalname", "upn", "actor.email", "actor.alternateid", "useridentity.username")
NATIVE_IDS = ("id", "eventid", "uuid", "event_id", "id.uniquequalifier", "requestid")
# fmt: on


def drafts(event: Event) -> Iterator[Draft]:
    """One activity per row."""
    row = _opened(folded(event.parsed))
    source = with_values(folded(row.get("raweventdata")))
    app = _app(row)
    report = text(row.get("reportid"))
    native = _first(source, NATIVE_IDS)
    yield Draft(
        id=report or None,
        timestamp=_timestamp(row),
        keys={
            **_named(keys(_parts(row, source, app)), row),
            **_additions(row),
            **({"sourceId": native} if native else {}),
        },
        scope=f"{text(row.get('appinstanceid')) or 0}_{app.id}_",
        form=CLOUD_APP_EVENTS,
    )


def _opened(row: Fields) -> Fields:
    """The row with its dynamic columns as values: some exports write them as JSON text."""
    return {**row, **{key: _value(row[key]) for key in _OPENED if type(row.get(key)) is str}}


def _value(written: str) -> Any:
    try:
        return jsontext.parse(written.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJsonError:
        return written


def _timestamp(row: Fields) -> int:
    present = [(key, row[key.lower()]) for key in _TIMES if row.get(key.lower()) not in (None, "")]
    if not present:
        raise UnusableEventError("no usable time: Timestamp is absent")
    key, value = present[0]
    moment = any_form(value)
    if moment is None:
        raise UnusableEventError(f"no usable time: {key} is {str(value)[:_MAX_SHOWN]!r}")
    return moment


def _app(row: Fields) -> CatalogApp:
    """The app by its number. Those of Microsoft 365 are delivered by the connector of Office 365."""
    number = _number(row.get("applicationid"))
    name = APPS.get(number) or text(row.get("application"))
    return CatalogApp(number, name, OFFICE if number in _OFFICE_APPS else number)


def _number(value: Any) -> int:
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else 0


def _parts(row: Fields, source: Fields, app: CatalogApp) -> RecordParts:
    operation = text(row.get("actiontype"))
    # The row's own objects come first: they say more than those of its event.
    objects_of_row = by_id(_targets(row, source))
    name = _user_name(row, source)
    directory, account = text(row.get("accountobjectid")), text(row.get("accountid"))
    return RecordParts(
        app=app,
        instance=Instance("", _number(row.get("appinstanceid"))),
        directory=text(source.get("organizationid")),
        actor=Actor(name, directory or (account if account != name else ""), OFFICE if directory else app.id),
        operation=operation,
        category=_category(row, operation),
        event_type=_event_type(source, app),
        targets=objects_of_row,
        subject=objects_of_row[0].name if objects_of_row else "",
        addresses=distinct([row.get("ipaddress")]),
        agent=text(row.get("useragent")),
        admin=truth(row.get("isadminoperation")) is True,
        impersonated=truth(row.get("isimpersonated")) is True,
        outcome=_outcome(source),
        location=_location(row),
        sessions=sessions(source) if "operation" in source else (),
        changes=changes(source) if "operation" in source else (),
    )


def _category(row: Fields, operation: str) -> str:
    by_type = CATEGORIES.get(text(row.get("activitytype")).lower())
    return by_type or microsoft365.CATEGORIES.get(operation, UNSPECIFIED)


def _user_name(row: Fields, source: Fields) -> str:
    """What the user signs in with, if the row or the event in it has it; else the displayed name."""
    account = text(row.get("accountid"))
    name = (account if "@" in account else "") or _first(source, NAMES) or text(row.get("accountdisplayname"))
    return person(name)


def _first(source: Fields, paths: Iterable[str]) -> str:
    """The first text at one of the paths, such as `actor.email`."""
    for path in paths:
        value: Any = source
        for key in path.split("."):
            value = folded(value).get(key)
        if result := text(value):
            return result
    return ""


def _event_type(source: Fields, app: CatalogApp) -> str:
    workload = text(source.get("workload"))
    if app.connector == OFFICE and workload:
        return f"EVENT_O365_{workload.upper()}_GENERIC"
    return f"EVENT_{''.join(char if char.isalnum() else '_' for char in app.name.upper()) or 'UNKNOWN'}_GENERIC"


def _outcome(source: Fields) -> Outcome | None:
    """A row has no outcome; the event of Microsoft 365 in it may have one."""
    success = microsoft365.SUCCESSES.get(text(source.get("resultstatus")).lower())
    return None if success is None else Outcome(success, "" if success else text(source.get("resultstatus")))


def _targets(row: Fields, source: Fields) -> Iterator[Target]:
    """The row's objects besides the actor, and those of an event of Microsoft 365, which have ids that rows lack."""
    for item in objects(row.get("activityobjects")):
        if text(item.get("role")).lower() != _ACTOR and first_text(item, "id", "name"):
            yield _target(item, "type", "id", "name")
    if first_text(row, "objectid", "objectname"):
        yield _target(row, "objecttype", "objectid", "objectname")
    if "operation" in source:
        yield from targets(source)


def _target(fields: Fields, kind_key: str, id_key: str, name_key: str) -> Target:
    kind = text(fields.get(kind_key))
    number, role = TYPES.get(kind.lower(), (TARGET, ROLE_CONTEXT))
    identity = text(fields.get(id_key))
    name = text(fields.get(name_key)) or identity
    return Target(number, role, identity, name, service_type=first_text(fields, "serviceobjecttype") or kind)


def _location(row: Fields) -> dict[str, Any] | None:
    category = IP_CATEGORIES.get(text(row.get("ipcategory")).lower())
    proxy = truth(row.get("isanonymousproxy"))
    location = {
        "countryCode": text(row.get("countrycode")).upper(),
        "city": text(row.get("city")),
        "organizationSearchable": text(row.get("isp")),
        "anonymousProxy": proxy,
        "category": category,
        "categoryValue": None if category is None else networks.CATEGORIES[category],
        "ipTags": _tag_ids(row.get("iptags"), tags.BUILT_IN),
    }
    return {key: value for key, value in location.items() if value not in (None, "", [])} or None


def _tag_ids(names: Any, known: Mapping[str, str]) -> list[str]:
    """Tags by id; a tag that is not built in keeps its name, the only thing that a row says of it."""
    by_name = {name.lower(): tag for tag, name in known.items()}
    return [by_name.get(name.lower(), name) for name in map(text, listed(names)) if name]


def _named(record: dict[str, Any], row: Fields) -> dict[str, Any]:
    """The record with the displayed name where MDCA's records have it."""
    display = text(row.get("accountdisplayname"))
    if not display or "resolvedActor" not in record:
        return record
    entities = {
        key: entity and {**entity, "displayName": display} for key, entity in record.get("entityData", {}).items()
    }
    return {**record, "resolvedActor": {**record["resolvedActor"], "name": display}, "entityData": entities}


def _additions(row: Fields) -> dict[str, Any]:
    """The device, where no user agent says more."""
    device, system = text(row.get("devicetype")), text(row.get("osplatform"))
    agent_tags = _tag_ids(row.get("useragenttags"), agents.TAGS)
    if text(row.get("useragent")) or not (device or system or agent_tags):
        return {}
    return {
        "userAgent": {
            **({"deviceType": device.upper()} if device else {}),
            **({"operatingSystem": {"name": system}} if system else {}),
            **({"tags": agent_tags} if agent_tags else {}),
        }
    }


CONNECTOR = Connector(
    name="cloud_app_events",
    title="CloudAppEvents of Microsoft Defender XDR",
    samples="documentation",
    recognizes=RECOGNITION,
    drafts=drafts,
    examples=(
        "an answer of the advanced hunting API",
        "the streaming category AdvancedHunting-CloudAppEvents",
        "the portal's CSV export of a hunting query",
        "one row per line",
    ),
    documents=(
        "https://learn.microsoft.com/defender-xdr/advanced-hunting-cloudappevents-table",
        "https://learn.microsoft.com/azure/azure-monitor/reference/tables/cloudappevents",
        "https://learn.microsoft.com/graph/api/security-security-runhuntingquery",
        "https://learn.microsoft.com/defender-xdr/streaming-api",
    ),
    marks=RECOGNITION.marks,
    csv=(
        CsvForm(
            "a hunting query exported from the portal",
            ("ReportId", "ActionType", "Timestamp"),
            "https://learn.microsoft.com/defender-xdr/advanced-hunting-query-results",
            seen=False,
        ),
    ),
)
