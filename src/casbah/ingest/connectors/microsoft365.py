"""Microsoft 365's unified audit log: the Management API, the portal's CSV export, and Sentinel's OfficeActivity table.

This module has tables of Microsoft's names; `casbah.ingest.unified_audit_log` reads the objects (files, mailboxes, people).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from casbah.ingest.contract import Connector, CsvForm, Draft, Event, ReadingRule
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.fields import Fields, first_text, folded, text, truth
from casbah.ingest.record_builder import (
    FAILED_LOGIN,
    LOGIN,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    RecordParts,
    keys,
)
from casbah.ingest.rules import ADMIN, IMPERSONATED, NOT_ADMIN, OUTCOME, USER, decided
from casbah.ingest.times import required
from casbah.ingest.unified_audit_log import (
    changes,
    named_new_values,
    named_values,
    person,
    sessions,
    targets,
    with_values,
)

OFFICE = 11161
_DIRECTORY = "AzureActiveDirectory"
_MARKS = frozenset({"recordtype", "workload", "userid", "organizationid", "usertype", "officeworkload", "resultstatus"})
_ENOUGH_MARKS = 2
_CMDLET = re.compile(r"[A-Z][a-z]+-[A-Z]\w+$")
_ADMIN_CONSENT = "consentcontext.isadminconsent"
INTERRUPTS = frozenset({"50140", "50199", "kmsiinterrupt", "cmsiinterrupt"})

# fmt: off
APPS: Mapping[str, CatalogApp] = {
    "exchange":             CatalogApp(20893, "Microsoft Exchange Online",       OFFICE),
    "sharepoint":           CatalogApp(20892, "Microsoft SharePoint Online",     OFFICE),
    "onedrive":             CatalogApp(15600, "Microsoft OneDrive for Business", OFFICE),
    "microsoftteams":       CatalogApp(28375, "Microsoft Teams",                 OFFICE),
    "yammer":               CatalogApp(11522, "Microsoft Yammer",                OFFICE),
    "skypeforbusiness":     CatalogApp(25275, "Microsoft Skype for Business",    OFFICE),
    "powerbi":              CatalogApp(26324, "Microsoft Power BI",              OFFICE),
}
OTHER = CatalogApp(OFFICE, "Office 365", OFFICE)

CATEGORIES: Mapping[str, str] = {
    "Add user.":        "EVENT_CATEGORY_CREATE_USER",
    "Delete user.":     "EVENT_CATEGORY_DELETE_USER",
    "FileDeleted":      "EVENT_CATEGORY_DELETE_OBJECT",
    "FileDownloaded":   "EVENT_CATEGORY_DOWNLOAD_FILE",
    "FileUploaded":     "EVENT_CATEGORY_UPLOAD_FILE",
    "FolderDeleted":    "EVENT_CATEGORY_DELETE_OBJECT",
    "UserLoggedIn":     LOGIN,
    "UserLoginFailed":  FAILED_LOGIN,
    "ViewReport":       "EVENT_CATEGORY_VIEW_REPORT",
}

# The API writes record types and user types as numbers, the portal and Sentinel as names.
ADMIN_RECORDS = frozenset({
    "1",  "exchangeadmin",
    "8",  "azureactivedirectory",
    "10", "datacentersecuritycmdlet",
    "18", "securitycompliancecentereopcmdlet",
    "23", "skypeforbusinesscmdlets",
    "57", "microsoftteamsadmin",
})
MAILBOX_RECORDS = frozenset({
    "2",  "exchangeitem",
    "3",  "exchangeitemgroup",
    "19", "exchangeaggregatedoperation",
    "50", "exchangeitemaggregated",
})
CONTENT_RECORDS = MAILBOX_RECORDS | {
    "6",   "sharepointfileoperation",
    "9",   "azureactivedirectoryaccountlogon",
    "14",  "sharepointsharingoperation",
    "15",  "azureactivedirectorystslogon",
    "261", "copilotinteraction",
}
ADMIN_USERS = frozenset({"2", "admin"})
NOT_THE_OWNER = frozenset({"1", "2", "admin", "delegated"})
ON_BEHALF = frozenset({"SendAs", "SendOnBehalf"})

SUCCESSES: Mapping[str, bool] = {
    "true": True, "success": True, "succeeded": True, "partiallysucceeded": True,
    "false": False, "failed": False, "failure": False,
}

# Sentinel's OfficeActivity renames some columns; the rest are the log's own.
SENTINEL: Mapping[str, str] = {
    "officeworkload":       "workload",
    "officeid":             "id",
    "officeobjectid":       "objectid",
    "site_":                "site",
    "site_url":             "siteurl",
    "event_data":           "eventdata",
    "logon_type":           "logontype",
    "client_ipaddress":     "clientipaddress",
    "timegenerated":        "creationtime",
    "timegenerated [utc]":  "creationtime",
}
# fmt: on


def recognizes(event: Mapping[str, Any]) -> bool:
    """An operation, plus its time and two other keys of the log, or Sentinel's type, or Exchange's parameters."""
    if "operation" not in event:
        return False
    if "creationtime" in event and len(_MARKS & event.keys()) >= _ENOUGH_MARKS:
        return True
    if "timegenerated" in event and "officeworkload" in event:
        return True
    return event.get("type") == "OfficeActivity" or ("timegenerated" in event and "parameters" in event)


def drafts(event: Event) -> Iterator[Draft]:
    """One activity per event."""
    fields = with_values(_renamed(folded(event.parsed)))
    # `_renamed` maps Sentinel's names for the time to this one.
    timestamp = required(fields, "CreationTime")
    app = APPS.get(text(fields.get("workload")).lower(), OTHER)
    organization = text(fields.get("organizationid"))
    scope = f"{organization or 0}_{app.id}_"
    native = text(fields.get("id"))
    yield Draft(
        id=f"{scope}{native}" if native else None,
        timestamp=timestamp,
        keys=keys(_parts(fields, app, organization)),
        scope=scope,
    )


def _renamed(fields: Fields) -> Fields:
    if fields.keys().isdisjoint(SENTINEL):
        return fields
    return {**{SENTINEL[key]: value for key, value in fields.items() if key in SENTINEL}, **fields}


def _parts(fields: Fields, app: CatalogApp, organization: str) -> RecordParts:
    operation = text(fields.get("operation"))
    interrupted = _is_interrupt(fields)
    category = UNSPECIFIED if interrupted else CATEGORIES.get(operation, UNSPECIFIED)
    extended = named_values(fields.get("extendedproperties"))
    return RecordParts(
        app=app,
        instance=Instance(organization),
        directory=organization,
        actor=Actor(person(text(fields.get("userid"))), _user_key(fields), OFFICE),
        operation=operation,
        category=category,
        event_type=_event_type(fields, category),
        targets=targets(fields),
        subject=text(fields.get("sourcefilename")) or text(fields.get("objectid")),
        addresses=distinct(fields.get(key) for key in ("clientip", "clientipaddress", "actoripaddress")),
        agent=_agent(fields, extended),
        admin=decided(ADMIN_RULES, fields, ADMIN),
        impersonated=decided(IMPERSONATED_RULES, fields, IMPERSONATED),
        outcome=None if interrupted else _outcome(fields, category, extended),
        sessions=sessions(fields),
        changes=changes(fields),
    )


def _user_key(fields: Fields) -> str:
    key = text(fields.get("userkey"))
    return "" if key.lower() == "not available" else key


def _kind(fields: Fields, key: str) -> str:
    return text(fields.get(key)).lower()


def _event_type(fields: Fields, category: str) -> str:
    workload = text(fields.get("workload"))
    if workload in ("", _DIRECTORY) and category in (LOGIN, FAILED_LOGIN):
        return "EVENT_AAD_LOGIN" if category == LOGIN else "EVENT_AAD_LOGIN_FAILED"
    return f"EVENT_O365_{workload.upper() or 'UNKNOWN'}_GENERIC"


def _agent(fields: Fields, extended: Fields) -> str:
    """The user agent, from one of four places; the last is composed like Entra's DeviceInfo."""
    agent = text(fields.get("useragent")) or text(extended.get("useragent")) or text(fields.get("clientinfostring"))
    if agent:
        return agent
    device = named_values(fields.get("deviceproperties"))
    system, browser = text(device.get("os")), text(device.get("browsertype"))
    return f";{system};{browser};" if system or browser else ""


def _outcome(fields: Fields, category: str, extended: Fields) -> Outcome | None:
    """The outcome. A failed sign-in is a failure even if its ResultStatus is Success, as in real events."""
    status = text(fields.get("resultstatus"))
    success = SUCCESSES.get(status.lower())
    if success is None and truth(fields.get("resultstatus")) is not None:
        success = truth(fields.get("resultstatus"))
    if category == FAILED_LOGIN:
        success = False
    if success is None:
        return None
    detail = text(extended.get("resultstatusdetail"))
    message = first_text(fields, "logonerror", "resultreason") or (
        detail if SUCCESSES.get(detail.lower()) is None else ""
    )
    return Outcome(success, "" if success else message or status)


def _is_interrupt(fields: Fields) -> bool:
    return not INTERRUPTS.isdisjoint((_kind(fields, "errornumber"), _kind(fields, "logonerror")))


def _consent_of_a_user(fields: Fields) -> bool:
    properties = named_new_values(fields)
    return (
        text(fields.get("operation")) == "Consent to application."
        and properties.get(_ADMIN_CONSENT, "").lower() == "false"
    )


def _is_anothers_mailbox(fields: Fields) -> bool:
    if _kind(fields, "recordtype") not in MAILBOX_RECORDS:
        return False
    owner, user = text(fields.get("mailboxownerupn")).lower(), text(fields.get("userid")).lower()
    return _kind(fields, "logontype") in NOT_THE_OWNER or bool(owner and user and owner != user)


ADMIN_RULES = (
    ReadingRule(
        NOT_ADMIN,
        "the record is of a file, of mail, of sharing, of a sign-in, or of Copilot",
        "that an administrator reads a file or mail is not administration",
        lambda fields: _kind(fields, "recordtype") in CONTENT_RECORDS,
    ),
    ReadingRule(
        NOT_ADMIN,
        "`Change user password.`, or `Consent to application.` without an administrator's consent",
        "users do that themselves",
        lambda fields: text(fields.get("operation")) == "Change user password." or _consent_of_a_user(fields),
    ),
    ReadingRule(
        ADMIN,
        "the record is of the directory, or of cmdlets of Exchange, Skype, Teams, or security and compliance",
        "these records are of changes to the organization's configuration and directory",
        lambda fields: _kind(fields, "recordtype") in ADMIN_RECORDS,
    ),
    ReadingRule(
        ADMIN,
        "`UserType` is 2, `Admin`",
        "Microsoft: an administrator of the organization",
        lambda fields: _kind(fields, "usertype") in ADMIN_USERS,
    ),
    ReadingRule(
        ADMIN,
        "there is no record type, and the operation is a cmdlet, such as `Set-Mailbox`",
        "exports that leave the type out have the cmdlets of Exchange only",
        lambda fields: "recordtype" not in fields and _CMDLET.match(text(fields.get("operation"))) is not None,
    ),
)
IMPERSONATED_RULES = (
    ReadingRule(
        IMPERSONATED,
        "`SendAs` and `SendOnBehalf`",
        "the mail is in another's name",
        lambda fields: text(fields.get("operation")) in ON_BEHALF,
    ),
    ReadingRule(
        IMPERSONATED,
        "mail, if `LogonType` is administrator or delegate, or the owner of the mailbox is not the user",
        "someone else than the owner acted in the mailbox",
        _is_anothers_mailbox,
    ),
)
OUTCOME_RULES = (
    ReadingRule(
        OUTCOME, "by `ResultStatus`; none if it is absent", "some workloads do not say whether an operation succeeded"
    ),
    ReadingRule(
        OUTCOME,
        "failure for `UserLoginFailed`, whatever `ResultStatus` says",
        "in real events it is `Success` for sign-ins that failed",
    ),
    ReadingRule(
        OUTCOME,
        "none, and no failed sign-in, for an error that is an interrupt (50140, 50199)",
        "Entra: an expected part of the sign-in, in which the user is asked something; the result is an event of its own",
    ),
    ReadingRule(USER, "without `urn:spo:guest#`", "SharePoint writes a guest's address behind this prefix"),
)


CONNECTOR = Connector(
    name="microsoft365",
    title="Microsoft 365 unified audit log",
    samples="real logs",
    recognizes=recognizes,
    drafts=drafts,
    examples=(
        "the portal's CSV export",
        "content of the Office 365 Management Activity API",
        "Search-UnifiedAuditLog | ConvertTo-Json",
        "records of a Microsoft Graph audit log query (Get-UALGraph)",
        "one event per line",
    ),
    documents=(
        "https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema",
    ),
    apps=(OFFICE, *(app.id for app in APPS.values())),
    rules=(*ADMIN_RULES, *IMPERSONATED_RULES, *OUTCOME_RULES),
    marks=(frozenset({"operation"}),),
    csv=(
        CsvForm(
            "OfficeActivity of Log Analytics",
            ("TimeGenerated", "Operation", "OfficeWorkload"),
            "https://learn.microsoft.com/azure/azure-monitor/reference/tables/officeactivity",
            seen=True,
        ),
    ),
)
