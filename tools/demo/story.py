"""The story in the demo: one intrusion in five days, from a password spray to the night on which an administrator ends it.

`docs/tutorial.md` finds it. Every event has the form in which its source logs it, and all of them agree: one address, one
session, one application, and the same people and files as in the rest of the demo. Times are in UTC.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

import orjson

from casbah.demo.load import END, DemoEvent
from tools.demo import cloud, cloudtrail, entra, google_workspace, microsoft365
from tools.demo.dice import Dice, dice
from tools.demo.document import Document, shared
from tools.demo.intruder import at_work, nobody, person
from tools.demo.operation import Operation, Row, Scene
from tools.demo.people import DOMAIN, Person, people, staff

VICTIM = f"finance-021@{DOMAIN}"
ADMIN = f"admin-04@{DOMAIN}"
RESPONDER = f"admin-02@{DOMAIN}"
APPLICATION = "Inbox Organizer"
COLLECTOR = "collector@litware.example"
RULE = "Archive"
LINKED = "Quarterly results 188.pdf"

_SEED = 20_251_027
_OFFICE, _AWS, _GOOGLE = microsoft365.NAME, cloudtrail.NAME, google_workspace.NAME
_PRINCIPAL, _APP_ID = "0000ca5b-0000-4000-a000-00000000ba5e", "0000ca5b-0000-4000-a000-00000000feed"
_SCOPES = "Mail.ReadWrite MailboxSettings.ReadWrite Files.Read.All offline_access"
_GLOBAL_ADMIN = ("0000ca5b-0000-4000-a000-00000000ad01", "Global Administrator", "62e90394-69f5-4237-9190-012177145e10")
_LOCKED = (
    50053,
    "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
)
_VIEW = "<Type>View</Type><MembersCanShareApplied>False</MembersCanShareApplied>"
_EVERY, _SPRAYED_IN_GOOGLE = 5, 2
_IN_DRIVE, _IN_S3 = 45, 24

Event = dict[str, Any]
Make = Callable[[Operation, Scene], Event]


@dataclass(frozen=True, slots=True)
class Step:
    """One event: `day` is the number of days before END, `part` to `detail` are those of its operation."""

    day: int
    time: str
    source: str
    person: Person
    part: str
    name: str
    make: Make
    record_type: int = 0
    detail: Any = None

    @property
    def at(self) -> datetime:
        start = datetime.combine(END, datetime.min.time(), UTC) - timedelta(days=self.day)
        hours, minutes, seconds = map(int, self.time.split(":"))
        return start + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def story() -> Iterator[DemoEvent]:
    """The events of the story, in order."""
    chance = dice(_SEED)
    for step in sorted(_steps(), key=lambda step: step.at):
        yield _event(step, chance)


def _event(step: Step, chance: Dice) -> DemoEvent:
    seat = step.person.cloud[0] if step.source == _AWS else step.person.seats[0]
    row = Operation(step.part, step.name, step.make, staff, tuple, record_type=step.record_type, detail=step.detail)
    scene = Scene(step.person, seat, step.at.strftime("%Y-%m-%dT%H:%M:%S"), chance.below(1000), chance, ())
    extra = seat.extras.get(step.source, seat.extras[_OFFICE])
    return DemoEvent(step.source, orjson.dumps(step.make(row, scene)), extra)


def _steps() -> Iterator[Step]:
    victim, admin, responder = person(VICTIM), person(ADMIN), at_work(RESPONDER)
    return chain(_spray(), _mailbox(victim), _files(victim), _rights(admin), _response(responder))


def _spray() -> Iterator[Step]:
    """Two passwords for many accounts, slowly; the second is right for one of them."""
    targets = _targets()
    for number, name in enumerate(targets * 2):
        right = number >= len(targets) and name == VICTIM
        detail = entra.SUCCESS if right else _LOCKED if number % 31 == 30 else entra.WRONG_PASSWORD
        yield Step(
            5, _later("02:03:10", number * 53), entra.SIGN_INS, person(name), "", "Sign-in", _sign_in, detail=detail
        )
    for number, name in enumerate(targets[::_SPRAYED_IN_GOOGLE]):
        yield Step(5, _later("02:11:37", number * 127), _GOOGLE, person(name), "login", "login_failure", _login)


@cache
def _targets() -> tuple[str, ...]:
    """Every fifth account of the company in alphabetical order, among them those that matter."""
    names = sorted(each.name for each in people() if each.name.endswith(f"@{DOMAIN}") and each.kind != "service")
    return tuple(sorted({*names[::_EVERY], VICTIM, ADMIN}))


# fmt: off
def _mailbox(victim: Person) -> Iterator[Step]:
    """They sign in, let an application of their own in, and hide and forward the mail about money."""
    permissions = f"[] => [[Id: {_PRINCIPAL}, ClientId: {_PRINCIPAL}, ConsentType: Principal, Scope: {_SCOPES}]]; "
    grant = entra.program(_PRINCIPAL, APPLICATION, ("DelegatedPermissionGrant.Scope", None, _SCOPES), ("DelegatedPermissionGrant.ConsentType", None, "Principal"))
    consent = entra.program(
        _PRINCIPAL, APPLICATION, ("ConsentContext.IsAdminConsent", None, "False"), ("ConsentContext.OnBehalfOfAll", None, "False"),
        ("ConsentAction.Permissions", None, permissions), ("TargetId.ServicePrincipalNames", None, _APP_ID),
    )
    rule = (("Name", RULE), ("SubjectOrBodyContainsWords", "invoice;payment;password"), ("ForwardTo", COLLECTOR), ("MarkAsRead", "True"), ("StopProcessingRules", "True"))
    yield Step(5, "08:17:42", entra.SIGN_INS, victim, "",  "Sign-in", _sign_in, detail=entra.SUCCESS)
    yield Step(5, "08:24:05", entra.AUDITS,   victim, "ApplicationManagement", "Add service principal", _audit, detail=("Add", entra.program(_PRINCIPAL, APPLICATION)))
    yield Step(5, "08:24:06", entra.AUDITS,   victim, "ApplicationManagement", "Add delegated permission grant", _audit, detail=("Assign", grant))
    yield Step(5, "08:24:07", entra.AUDITS,   victim, "ApplicationManagement", "Consent to application", _audit, detail=("Assign", consent))
    yield Step(5, "08:31:29", _OFFICE,        victim, "Exchange", "New-InboxRule", _cmdlet, 1, (f"{VICTIM}\\{RULE}", rule))
    for number in range(12):
        yield Step(5, _later("08:40:00", number * 47), _OFFICE, victim, "Exchange", "MailItemsAccessed", _mail, 50)


def _files(victim: Person) -> Iterator[Step]:
    """In the next night they take the files of two sites and what is in Drive, and leave a public link behind."""
    for number, document in enumerate((*_of_site("Finance"), *_of_site("Board"))):
        yield Step(4, _later("01:07:00", number * 6), _OFFICE, victim, "SharePoint", "FileSyncDownloadedFull", _file, 6, document)
    for number, document in enumerate(victim.documents):
        yield Step(4, _later("01:26:10", number * 9), _OFFICE, victim, "OneDrive", "FileDownloaded", _file, 6, document)
    yield Step(4, "01:31:18", _GOOGLE, victim, "login", "login_success", _login)
    for number, document in enumerate(_of_site("Legal")[:_IN_DRIVE]):
        yield Step(4, _later("01:33:00", number * 21), _GOOGLE, victim, "drive", "download", _drive, detail=document)
    linked = next(document for document in _of_site("Finance") if document.name == LINKED)
    yield Step(4, "01:58:44", _OFFICE, victim, "SharePoint", "AnonymousLinkCreated", _link, 14, linked)
    yield Step(4, "02:03:12", _GOOGLE, victim, "drive", "change_document_visibility", _public, detail=_of_site("Legal")[0])
    for time in ("02:21:05", "02:21:51", "09:46:33"):
        yield Step(4, time, _OFFICE, nobody(), "SharePoint", "AnonymousLinkUsed", _link, 14, linked)


def _rights(admin: Person) -> Iterator[Step]:
    """With the password of an administrator they make themselves one, and turn the logs off."""
    identity, name, template = _GLOBAL_ADMIN
    granted = entra.account(
        person(VICTIM), ("Role.ObjectID", None, identity), ("Role.DisplayName", None, name),
        ("Role.TemplateId", None, template), ("Role.WellKnownObjectName", None, "TenantAdmins"),
    )
    key = {"userName": "svc-reporting"}
    yield Step(3, "02:44:20", entra.SIGN_INS, admin, "", "Sign-in", _sign_in, detail=entra.SUCCESS)
    yield Step(3, "02:49:03", entra.AUDITS, admin, "RoleManagement", "Add member to role", _audit, detail=("Assign", granted, entra.role(identity, name)))
    yield Step(3, "02:52:36", _GOOGLE, admin, "admin", "ASSIGN_ROLE", _assign)
    yield Step(3, "02:55:41", _OFFICE, admin, "Exchange", "Set-AdminAuditLogConfig", _cmdlet, 1, ("Admin Audit Log Settings", (("UnifiedAuditLogIngestionEnabled", "False"),)))
    yield Step(3, "03:02:08", _AWS, admin, "signin.amazonaws.com", "ConsoleLogin", _console)
    yield Step(3, "03:05:50", _AWS, admin, "iam.amazonaws.com", "AttachUserPolicy", _call, detail={**key, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    yield Step(3, "03:06:31", _AWS, admin, "iam.amazonaws.com", "CreateAccessKey", _call, detail=key)
    for number, document in enumerate(_of_site("Finance")[:_IN_S3]):
        bucket = {"bucketName": "contoso-invoices", "Host": "contoso-invoices.s3.amazonaws.com", "key": document.key}
        yield Step(3, _later("03:08:00", number * 4), _AWS, admin, "s3.amazonaws.com", "GetObject", _call, detail=bucket)
    yield Step(3, "03:12:17", _AWS, admin, "cloudtrail.amazonaws.com", "StopLogging", _call, detail={"name": "contoso-audit"})


def _response(responder: Person) -> Iterator[Step]:
    """Another administrator notices, turns the logs on again, and takes the accounts back."""
    identity, name, _ = _GLOBAL_ADMIN
    victim, admin = person(VICTIM), person(ADMIN)
    revoked = entra.account(victim, ("Role.ObjectID", identity, None), ("Role.DisplayName", name, None))
    yield Step(3, "03:29:44", _AWS, responder, "cloudtrail.amazonaws.com", "StartLogging", _call, detail={"name": "contoso-audit"})
    yield Step(3, "03:31:02", _OFFICE, responder, "Exchange", "Set-AdminAuditLogConfig", _cmdlet, 1, ("Admin Audit Log Settings", (("UnifiedAuditLogIngestionEnabled", "True"),)))
    yield Step(3, "03:34:15", entra.AUDITS, responder, "RoleManagement", "Remove member from role", _audit, detail=("Unassign", revoked, entra.role(identity, name)))
    for time, account in (("03:35:09", victim), ("03:36:20", admin)):
        yield Step(3, time, entra.AUDITS, responder, "UserManagement", "Reset user password", _audit, detail=("Update", entra.account(account)))
    yield Step(3, "03:41:57", _OFFICE, responder, "Exchange", "Remove-InboxRule", _cmdlet, 1, (f"{VICTIM}\\{RULE}", (("Force", "True"),)))
    yield Step(3, "03:44:30", entra.AUDITS, responder, "ApplicationManagement", "Remove service principal", _audit, detail=("Delete", entra.program(_PRINCIPAL, APPLICATION)))
# fmt: on


def _later(time: str, seconds: int) -> str:
    hours, minutes, start = map(int, time.split(":"))
    minutes, second = divmod(hours * 3_600 + minutes * 60 + start + seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"


def _of_site(name: str) -> Sequence[Document]:
    return [document for document in dict.fromkeys(shared()) if document.site.url.endswith(f"/sites/{name}/")]


def _sign_in(row: Operation, scene: Scene) -> Event:
    return entra.sign_in(scene, row.detail)


def _audit(row: Operation, scene: Scene) -> Event:
    operation, *targets = row.detail
    return entra.audit(scene, row.name, category=row.part, operation=operation, targets=targets)


def _cmdlet(row: Operation, scene: Scene) -> Event:
    identity, parameters = row.detail
    named = [{"Name": name, "Value": value} for name, value in parameters]
    event = microsoft365.cmdlet(row, scene, identity, named) | _session(scene)
    # What is made has no identity yet.
    return event | {"Parameters": named} if row.name.startswith("New-") else event


def _mail(row: Operation, scene: Scene) -> Event:
    """Mail read by the application, which acts for the person."""
    number = scene.chance.below(4) + 3
    items: list[Row] = [
        {"InternetMessageId": f"<{scene.chance.digits(32).upper()}@AM0PR07MB3521.eurprd07.prod.outlook.example>"}
        for _ in range(number)
    ]
    event = microsoft365.mailbox(row, scene._replace(padding=items), scene.person)
    return event | {"AppId": _APP_ID, "ClientAppId": _APP_ID, **_session(scene)}


def _file(row: Operation, scene: Scene) -> Event:
    event = microsoft365.with_file(row, scene, row.detail)
    return event | {"UserAgent": scene.seat.file_client, **_session(scene)}


def _link(row: Operation, scene: Scene) -> Event:
    event = microsoft365.with_link(replace(row, detail=_VIEW), scene, row.detail)
    event["UserAgent"] = scene.seat.browser.raw
    return event if row.name == "AnonymousLinkUsed" else event | _session(scene)


def _session(scene: Scene) -> Event:
    """The session of Entra in which something is done in Microsoft 365."""
    context = {"AADSessionId": scene.seat.session, "CorrelationId": scene.chance.uuid()}
    return {"AppAccessContext": context}


def _login(row: Operation, scene: Scene) -> Event:
    parameters: list[Row] = [
        {"name": "login_type", "value": "google_password"},
        {"name": "login_challenge_method", "multiValue": ["password"]},
    ]
    if row.name == "login_failure":
        parameters.append({"name": "login_failure_type", "value": "login_failure_invalid_password"})
    parameters.append({"name": "is_suspicious", "boolValue": False})
    return google_workspace.activity(row, scene, "login", parameters)


def _drive(row: Operation, scene: Scene) -> Event:
    parameters = google_workspace.of_document(scene, row.detail, "shared_internally")
    return google_workspace.activity(row, scene, "access", parameters)


def _public(row: Operation, scene: Scene) -> Event:
    parameters = google_workspace.of_document(scene, row.detail, "people_with_link")
    change: list[Row] = [
        {"name": "visibility_change", "value": "external"},
        {"name": "target_domain", "value": "all"},
        {"name": "old_value", "multiValue": ["private"]},
        {"name": "new_value", "multiValue": ["people_with_link"]},
        {"name": "old_visibility", "value": "private"},
    ]
    return google_workspace.activity(row, scene, "acl_change", [*parameters, *change])


def _assign(row: Operation, scene: Scene) -> Event:
    parameters: list[Row] = [
        {"name": "ROLE_NAME", "value": "_SEED_ADMIN_ROLE"},
        {"name": "USER_EMAIL", "value": VICTIM},
    ]
    return google_workspace.activity(row, scene, "DELEGATED_ADMIN_SETTINGS", parameters)


def _console(row: Operation, scene: Scene) -> Event:
    return cloudtrail.console_login(row, scene, mfa=False)


def _call(row: Operation, scene: Scene) -> Event:
    account = scene.seat.identity["accountId"]
    of_objects = row.part == "s3.amazonaws.com"
    asked = cloudtrail.Call(lambda _: row.detail, reads=of_objects, data=of_objects)
    event = cloudtrail.head(row, scene, cloud.REGIONS[0]) | {"requestParameters": row.detail, "responseElements": None}
    if of_objects:
        event |= cloudtrail.of_s3(row.detail, account, scene.chance)
    return event | cloudtrail.tail(row, asked, account, cloud.REGIONS[0], scene.chance)
