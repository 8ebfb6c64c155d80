"""Made-up events in the format of Microsoft 365's unified audit log."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tools.demo.dice import dice
from tools.demo.document import Document, shared
from tools.demo.office import APPLICATIONS, LOGON_ERRORS, MAIL_FOLDERS, PARAMETERS, PROPERTIES
from tools.demo.operation import Operation, Row, Scene, Source, source
from tools.demo.people import TENANT, Person, admins, everyone, people, services, staff, systems

NAME = "microsoft365"
_ORGANIZATION = "contoso.onmicrosoft.example"
_SERVERS = ("AM0PR07MB3521 (15.20.9182.013)", "BN8PR12MB4790 (15.20.9160.021)", "LO2P265MB0991 (15.20.9137.017)")
_USER_TYPES: Mapping[str, int] = {"admin": 2, "system": 3, "service": 5}
_DELEGATES = 0.05
_STATUS_FAILED = 0.5
_BY_PROGRAM = 0.3
_GUESTS = 0.3
_FOR_ANOTHER = frozenset({"SendAs", "SendOnBehalf"})


@cache
def events() -> Source:
    return source(NAME, _operations(), lambda person: person.seats)


def head(row: Operation, scene: Scene, status: str | None) -> dict[str, Any]:
    person = scene.person
    event: dict[str, Any] = {
        "CreationTime": scene.second,
        "Id": scene.chance.uuid(),
        "Operation": row.name,
        "OrganizationId": TENANT,
        "RecordType": row.record_type,
    }
    if status is not None:
        event["ResultStatus"] = status
    return event | {
        "UserKey": person.key,
        "UserType": _USER_TYPES.get(person.kind, 0),
        "Version": 1,
        "Workload": row.part,
        "ClientIP": scene.seat.address.text,
        "UserId": scene.seat.name,
    }


def _sign_in(row: Operation, scene: Scene) -> dict[str, Any]:
    """A sign-in. Failures have an error, but in real logs some still have the ResultStatus Success."""
    person, seat, chance = scene.person, scene.seat, scene.chance
    failed = row.name == "UserLoginFailed"
    error, number = chance.pick(LOGON_ERRORS) if failed else ("", "0")
    _, application = chance.pick(APPLICATIONS)
    event = _directory_head(row, scene, "Failed" if failed and chance.random() < _STATUS_FAILED else "Success")
    event |= {
        "ExtendedProperties": [
            {"Name": "ResultStatusDetail", "Value": "UserError" if failed else "Success"},
            {"Name": "UserAgent", "Value": seat.browser.raw},
            {"Name": "UserAuthenticationMethod", "Value": "1"},
            {"Name": "RequestType", "Value": "Login:login" if failed else "OAuth2:Authorize"},
            *scene.padding,
        ],
        "ModifiedProperties": [],
        "Actor": [{"ID": person.object_id, "Type": 0}, {"ID": seat.name, "Type": 5}],
        "Target": [{"ID": application, "Type": 0}],
        "ApplicationId": application,
        "ObjectId": application,
        "DeviceProperties": [
            {"Name": "OS", "Value": seat.browser.system},
            {"Name": "BrowserType", "Value": seat.browser.kind},
            {"Name": "IsCompliantAndManaged", "Value": "False"},
            {"Name": "SessionId", "Value": seat.session},
        ],
        "ErrorNumber": number,
    }
    return event | {"LogonError": error} if failed else event


def _directory_head(row: Operation, scene: Scene, status: str) -> dict[str, Any]:
    correlation = scene.chance.uuid()
    return head(row, scene, status) | {
        "AzureActiveDirectoryEventType": 1,
        "ActorContextId": TENANT,
        "ActorIpAddress": scene.seat.address.text,
        "InterSystemsId": correlation,
        "IntraSystemId": correlation,
        "SupportTicketId": "",
        "TargetContextId": TENANT,
    }


def _directory(row: Operation, scene: Scene) -> dict[str, Any]:
    other = scene.chance.pick(people())
    return _directory_head(row, scene, "Success") | {
        "ObjectId": other.name,
        "ExtendedProperties": [{"Name": "extendedAuditEventCategory", "Value": row.detail}],
        "ModifiedProperties": scene.padding,
        "Actor": [
            {"ID": scene.person.name, "Type": 5},
            {"ID": scene.person.key, "Type": 3},
            {"ID": f"User_{scene.person.object_id}", "Type": 2},
            {"ID": scene.person.object_id, "Type": 2},
            {"ID": "User", "Type": 2},
        ],
        "Target": [
            {"ID": f"User_{other.object_id}", "Type": 2},
            {"ID": other.object_id, "Type": 2},
            {"ID": other.name, "Type": 5},
            {"ID": other.key, "Type": 3},
        ],
    }


def _cmdlet(row: Operation, scene: Scene) -> dict[str, Any]:
    other = scene.chance.pick(people())
    return cmdlet(row, scene, other.name, [*(row.detail or ()), *scene.padding])


def cmdlet(row: Operation, scene: Scene, identity: str, parameters: Sequence[Row]) -> dict[str, Any]:
    """A command of Exchange about the object of that identity."""
    event = head(row, scene, "True") | {
        "ObjectId": identity,
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "ClientAppId": "",
        "ExternalAccess": scene.person.kind == "system",
        "OrganizationName": _ORGANIZATION,
        "OriginatingServer": scene.chance.pick(_SERVERS),
        "Parameters": [{"Name": "Identity", "Value": identity}, *parameters],
    }
    if scene.seat.address.text:
        event["ClientIP"] = _with_port(scene)
    else:
        del event["ClientIP"]
    return event


def _with_port(scene: Scene) -> str:
    """The address with a port, as Exchange writes it."""
    address, port = scene.seat.address.text, scene.chance.below(50_000) + 10_000
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _mailbox(row: Operation, scene: Scene) -> dict[str, Any]:
    """An event in a mailbox, sometimes in that of someone else."""
    person, chance = scene.person, scene.chance
    borrowed = row.name in _FOR_ANOTHER or chance.random() < _DELEGATES
    return mailbox(row, scene, chance.pick(staff()) if borrowed else person)


def mailbox(row: Operation, scene: Scene, owner: Person) -> dict[str, Any]:
    person, chance = scene.person, scene.chance
    event = head(row, scene, "Succeeded")
    del event["ClientIP"]
    event |= {
        "ClientIPAddress": scene.seat.address.text,
        "ClientInfoString": scene.seat.mail_client,
        "ExternalAccess": False,
        "InternalLogonType": 0,
        "LogonType": 0 if owner is person else 2,
        "LogonUserSid": person.sid,
        "MailboxGuid": owner.mailbox,
        "MailboxOwnerSid": owner.sid,
        "MailboxOwnerUPN": owner.name,
        "OrganizationName": _ORGANIZATION,
        "OriginatingServer": chance.pick(_SERVERS),
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "SessionId": scene.seat.session,
    }
    folder = {"Id": f"LgAAAAC{chance.digits(48)}AAAB", "Path": chance.pick(MAIL_FOLDERS)}
    if row.name == "MailItemsAccessed":
        event["OperationProperties"] = [{"Name": "MailAccessType", "Value": "Bind"}]
        event["Folders"] = [{"FolderItems": scene.padding, **folder}]
        event["OperationCount"] = len(scene.padding)
    else:
        document = chance.pick(shared())
        item = {"Id": f"RgAAAAC{chance.digits(64)}AAAJ", "Subject": document.name.rpartition(".")[0]}
        event["Item"] = item | {"ParentFolder": folder, "Attachments": f"{document.name} (18214b)"}
        event["AffectedItems"] = scene.padding
    return event


def _file(row: Operation, scene: Scene) -> dict[str, Any]:
    chance = scene.chance
    document = chance.pick(scene.person.documents if row.part == "OneDrive" else shared())
    event = with_file(row, scene, document)
    if row.detail:
        event["DestinationFileName"] = f"{document.name.rpartition('.')[0]} final.{document.extension}"
        event["DestinationRelativeUrl"] = document.folder
    return event


def with_file(row: Operation, scene: Scene, document: Document) -> dict[str, Any]:
    event = _item(row, scene, document) | {
        "ApplicationId": "ab9b8c07-8f02-4f72-87fa-80105867a763",
        "ItemType": "File",
        "SourceFileExtension": document.extension,
        "SourceFileName": document.name,
        "SourceRelativeUrl": document.folder,
        "HighPriorityMediaProcessing": False,
    }
    if document.label:
        event["SensitivityLabelEventData"] = {"SensitivityLabelId": document.label, "LabelEventType": 2}
        event["SensitivityLabelId"] = document.label
    return event


def _item(row: Operation, scene: Scene, document: Document) -> dict[str, Any]:
    site, seat = document.site, scene.seat
    by_client = scene.chance.random() < _BY_PROGRAM
    return head(row, scene, None) | {
        "ObjectId": document.url,
        "CorrelationId": scene.chance.uuid(),
        "EventSource": "SharePoint",
        "ListId": site.list,
        "ListItemUniqueId": document.id,
        "Site": site.id,
        "UserAgent": seat.file_client if by_client else seat.browser.raw,
        "WebId": site.web,
        "SiteUrl": site.url,
    }


def _folder(row: Operation, scene: Scene) -> dict[str, Any]:
    document = scene.chance.pick(scene.person.documents if row.part == "OneDrive" else shared())
    path, _, name = document.folder.rpartition("/")
    return _item(row, scene, document) | {
        "ObjectId": f"{document.site.url}{document.folder}",
        "ListItemUniqueId": document.site.web,
        "ItemType": "Folder",
        "SourceFileExtension": "",
        "SourceFileName": name,
        "SourceRelativeUrl": path,
    }


def _sharing(row: Operation, scene: Scene) -> dict[str, Any]:
    """Sharing, mostly with colleagues, else with guests at external addresses."""
    chance = scene.chance
    document = chance.pick(scene.person.documents if row.part == "OneDrive" else shared())
    event = with_link(row, scene, document)
    if "Link" not in row.name or row.name == "AddedToSecureLink":
        outside = chance.random() < _GUESTS
        target = f"customer-{chance.below(60) + 1:02d}@adatum.example" if outside else chance.pick(staff()).name
        event["TargetUserOrGroupType"] = "Guest" if outside else "Member"
        event["TargetUserOrGroupName"] = target
    return event


def with_link(row: Operation, scene: Scene, document: Document) -> dict[str, Any]:
    return _item(row, scene, document) | {
        "ItemType": "File",
        "EventData": row.detail,
        "SourceFileExtension": document.extension,
        "SourceFileName": document.name,
        "SourceRelativeUrl": f"{document.folder}/{document.name}",
    }


def _page(row: Operation, scene: Scene) -> dict[str, Any]:
    document = scene.chance.pick(shared())
    return _item(row, scene, document) | {
        "ObjectId": f"{document.site.url}SitePages/Home.aspx",
        "ItemType": "Page" if row.name == "PageViewed" else "List",
    }


def _team(row: Operation, scene: Scene) -> dict[str, Any]:
    team = scene.chance.pick(shared()).site
    name = team.url.rstrip("/").rpartition("/")[2]
    member = scene.chance.pick(staff())
    return head(row, scene, None) | {
        "AADGroupId": team.web,
        "CommunicationType": "Team",
        "ExtraProperties": [{"Key": "UserAgent", "Value": scene.seat.browser.raw}],
        "Members": [{"DisplayName": member.name.partition("@")[0], "Role": 1, "UPN": member.name}],
        "TeamGuid": f"19:{team.list.replace('-', '')}@thread.tacv2",
        "ItemName": name,
        "TeamName": name,
    }


def _nothing() -> Sequence[Row]:
    return ()


@cache
def _parameters() -> Sequence[Row]:
    return [{"Name": name, "Value": value} for name, value in PARAMETERS]


@cache
def _properties() -> Sequence[Row]:
    return [{"Name": name, "NewValue": new, "OldValue": old} for name, new, old in PROPERTIES]


@cache
def _messages() -> Sequence[Row]:
    chance = dice(11)
    return [
        {"InternetMessageId": f"<{chance.digits(32).upper()}@AM0PR07MB3521.eurprd07.prod.outlook.example>"}
        for _ in range(40)
    ]


@cache
def _conditions() -> Sequence[Row]:
    return [
        {"Name": "FlowTokenScenario", "Value": "RemoteConnect"},
        {"Name": "KeepMeSignedIn", "Value": "true"},
        {"Name": "AuthMethodName", "Value": "PasswordHashSync"},
    ]


# fmt: off
_FORWARD = ({"Name": "ForwardingSmtpAddress", "Value": "smtp:archive@adatum.example"},)
_RULE = ({"Name": "Name", "Value": "Tidy"}, {"Name": "SubjectContainsWords", "Value": "invoice"}, {"Name": "DeleteMessage", "Value": "True"})
_FULL = ({"Name": "AccessRights", "Value": "FullAccess"}, {"Name": "InheritanceType", "Value": "All"})
_VIEW = "<Type>View</Type><MembersCanShareApplied>False</MembersCanShareApplied>"
_EDIT = "<Type>Edit</Type><MembersCanShareApplied>False</MembersCanShareApplied>"


def _operations() -> Iterator[Operation]:
    """The operations. The boosts compensate for the profiled tenant, which had few people and mostly system events."""
    yield Operation("AzureActiveDirectory", "UserLoggedIn",    _sign_in, everyone, _conditions, 6.0, record_type=15)
    yield Operation("AzureActiveDirectory", "UserLoggedIn",    _sign_in, services, _conditions, 0.4, record_type=15)
    yield Operation("AzureActiveDirectory", "UserLoginFailed", _sign_in, everyone, _conditions, 2.2, 0.03, 15)
    yield from _directory_rows()
    yield from _exchange_rows()
    yield from _file_rows()
    yield from _sharing_rows()
    for workload, name, kind, boost in (
        ("SharePoint", "PageViewed", 4, 9.0), ("OneDrive", "PageViewed", 4, 3.0), ("SharePoint", "ListViewed", 36, 4.0),
        ("SharePoint", "ListUpdated", 36, 3.0), ("OneDrive", "ListUpdated", 36, 1.0),
    ):
        yield Operation(workload, name, _page, everyone, _nothing, boost, record_type=kind)
    for name, boost in (("MemberAdded", 8.0), ("MemberRemoved", 3.0), ("TeamCreated", 2.0), ("TeamSettingChanged", 2.0), ("ChannelAdded", 3.0)):
        yield Operation("MicrosoftTeams", name, _team, staff, _nothing, boost, record_type=25, like="MicrosoftTeams|25|MemberAdded")


def _directory_rows() -> Iterator[Operation]:
    for name, category, risk in (
        ("Add member to role.", "Role", 0.1), ("Add service principal.", "ServicePrincipal", 0.01), ("Update service principal.", "ServicePrincipal", 0.01),
        ("Update user.", "User", 0.004), ("Update application.", "Application", 0.01), ("Add application.", "Application", 0.02),
        ("Consent to application.", "Application", 0.2), ("Add member to group.", "Group", 0.004), ("Update group.", "Group", 0.004),
        ("Add owner to application.", "Application", 0.05), ("Reset user password.", "User", 0.02), ("Add group.", "Group", 0.004),
    ):
        yield Operation("AzureActiveDirectory", name, _directory, admins, _properties, 0.7, risk, 8, detail=category)
    for name in ("Add user.", "Delete user."):
        yield Operation("AzureActiveDirectory", name, _directory, admins, _properties, 0.8, 0.01, 8, "AzureActiveDirectory|8|Update user.", detail="User")


def _exchange_rows() -> Iterator[Operation]:
    for name, boost in (
        ("Set-Mailbox", 1.0), ("Set-MailboxPlan", 0.4), ("Set-TransportConfig", 0.5), ("Set-User", 0.6), ("Set-OwaMailboxPolicy", 0.4),
        ("Install-DefaultSharingPolicy", 0.3), ("Set-AdminAuditLogConfig", 0.3), ("Set-TenantObjectVersion", 0.3),
    ):
        yield Operation("Exchange", name, _cmdlet, systems, _parameters, boost, record_type=1)
    for name, detail, boost, risk in (
        ("Set-Mailbox", _FORWARD, 0.15, 0.3), ("New-InboxRule", _RULE, 3.0, 0.15), ("Add-MailboxPermission", _FULL, 0.8, 0.05),
        ("New-Mailbox", (), 0.8, 0.004), ("New-TransportRule", (), 2.0, 0.1), ("Add-RecipientPermission", _FULL, 2.0, 0.05),
    ):
        yield Operation("Exchange", name, _cmdlet, admins if name != "New-InboxRule" else staff, _parameters, boost, risk, 1, detail=detail)
    for name, kind, boost, like in (
        ("MailItemsAccessed", 50, 3.0, ""), ("MailItemsAccessed", 2, 2.0, ""), ("Send", 2, 5.0, ""), ("Create", 2, 4.0, ""), ("Update", 2, 3.0, ""),
        ("SendAs", 2, 0.8, "Exchange|2|Send"), ("SendOnBehalf", 2, 0.6, "Exchange|2|Send"), ("MoveToDeletedItems", 3, 5.0, ""),
        ("SoftDelete", 3, 4.0, ""), ("HardDelete", 3, 3.0, ""), ("ModifyFolderPermissions", 2, 0.6, ""),
    ):
        yield Operation("Exchange", name, _mailbox, staff, _messages, boost, record_type=kind, like=like)
    for name, boost in (("Get-DlpCompliancePolicy", 1.0), ("New-DlpCompliancePolicy", 0.5), ("New-DlpComplianceRule", 0.5)):
        yield Operation("SecurityComplianceCenter", name, _cmdlet, admins, _parameters, boost, record_type=18)


def _file_rows() -> Iterator[Operation]:
    for name, boost, risk, like in (
        ("FileAccessed", 11.0, 0.004, ""), ("FilePreviewed", 8.0, 0.004, "OneDrive|6|FilePreviewed"), ("FileModified", 8.0, 0.004, "OneDrive|6|FileModified"),
        ("FileModifiedExtended", 3.0, 0.004, "OneDrive|6|FileModifiedExtended"), ("FileUploaded", 6.0, 0.01, ""), ("FileDownloaded", 16.0, 0.05, "OneDrive|6|FileDownloaded"),
        ("FileDeleted", 8.0, 0.01, "OneDrive|6|FileDownloaded"), ("FileSyncDownloadedFull", 8.0, 0.02, "OneDrive|6|FileDownloaded"),
        ("FileRecycled", 3.0, 0.004, "OneDrive|6|FileDownloaded"), ("FileCheckedOut", 1.0, 0.004, "OneDrive|6|FileDownloaded"),
    ):
        for workload in ("SharePoint", "OneDrive"):
            yield Operation(workload, name, _file, everyone, _nothing, boost, risk, 6, like)
        if name in {"FileAccessed", "FileDownloaded"}:
            yield Operation("SharePoint", name, _file, services, _nothing, boost / 10, risk, 6, like)
    for workload in ("SharePoint", "OneDrive"):
        yield Operation(workload, "FileRenamed", _file, everyone, _nothing, 4.0, 0.004, 6, "OneDrive|6|FileDownloaded", detail=True)
    for name, boost in (("FolderModified", 2.0), ("FolderCreated", 1.0), ("FolderDeleted", 0.6)):
        for workload in ("SharePoint", "OneDrive"):
            yield Operation(workload, name, _folder, everyone, _nothing, boost, 0.004, 6, "OneDrive|6|FolderModified")


def _sharing_rows() -> Iterator[Operation]:
    for name, detail, boost, risk in (
        ("SharingSet", "<Permissions granted>System.LimitedEdit</Permissions granted><MembersCanShareApplied>False</MembersCanShareApplied>", 3.0, 0.05),
        ("AnonymousLinkCreated", _VIEW, 2.5, 0.35), ("AnonymousLinkUsed", _VIEW, 1.5, 0.1), ("AddedToSecureLink", _EDIT, 4.0, 0.1),
        ("CompanyLinkCreated", _EDIT, 2.5, 0.01), ("SharingInvitationCreated", _VIEW, 1.5, 0.1), ("SharingInheritanceBroken", _EDIT, 1.0, 0.004),
    ):
        for workload in ("SharePoint", "OneDrive"):
            yield Operation(workload, name, _sharing, everyone, _nothing, boost, risk, 14, "OneDrive|14|SharingSet", detail=detail)
# fmt: on
