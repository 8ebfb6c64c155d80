"""What was done to what: the objects of activities by their part, what was changed, and the session."""

import pytest

M365 = {"CreationTime": "2026-03-02T10:00:00Z", "Id": "u", "OrganizationId": "org", "UserId": "pat@x.com"}
AWS = {
    "eventTime": "2026-03-02T10:00:00Z",
    "recipientAccountId": "1",
    "eventID": "e",
    "managementEvent": True,
    "readOnly": False,
}
DIRECTORY = [
    {"ID": "User_8f3e", "Type": 2},
    {"ID": "8f3e", "Type": 2},
    {"ID": "User", "Type": 2},
    {"ID": "sam@x.com", "Type": 5},
    {"ID": "10032", "Type": 3},
]
GOOGLE = {
    "id": {"time": "2026-03-02T10:00:00Z", "customerId": "c", "uniqueQualifier": "1"},
    "actor": {"email": "pat@x.com"},
}
OKTA = {"uuid": "u", "published": "2026-03-02T10:00:00Z", "actor": {"id": "a", "alternateId": "pat@x.com"}}
ENTRA = {
    "id": "i",
    "activityDateTime": "2026-03-02T10:00:00Z",
    "initiatedBy": {"user": {"userPrincipalName": "pat@x.com"}},
}
ROLE = [
    {"displayName": "Role.ObjectID", "oldValue": None, "newValue": '"62e9"'},
    {"displayName": "Role.DisplayName", "oldValue": None, "newValue": '"Global Administrator"'},
    {"displayName": "Included Updated Properties", "oldValue": None, "newValue": '"Role"'},
]
BINDING = {"action": "ADD", "role": "roles/owner", "member": "user:sam@x.com"}


def google(application, name, **parameters):
    events = [{"name": name, "parameters": [{"name": key, "value": value} for key, value in parameters.items()]}]
    return {**GOOGLE, "id": {**GOOGLE["id"], "applicationName": application}, "events": events}


ITEM = {
    "Id": "i1",
    "InternetMessageId": "<m1@x>",
    "Subject": "Invoice",
    "ParentFolder": {"Id": "f1", "Path": "\\Inbox"},
}
GRANTED = "[] => [[Id: a, ClientId: b, Scope: Mail.Read offline_access, CreatedDateTime: c]]; "

# source, event, and (part, id or name, name or value) of each object that is neither the actor nor a parameter
OBJECTS = [
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Send", "Item": ITEM},
        [("mail", "<m1@x>", "Invoice"), ("folder", "f1", "\\Inbox")],
        id="a mail that was sent, and its folder",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "SoftDelete", "AffectedItems": [ITEM], "Folder": {"Id": "f1", "Path": "\\Inbox"}, "DestFolder": {"Id": "f2", "Path": "\\Deleted Items"}},
        [("mail", "<m1@x>", "Invoice"), ("folder", "f1", "\\Inbox"), ("folder", "f2", "\\Deleted Items")],
        id="mail that was moved, with a folder once",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "MailItemsAccessed", "Folders": [{"Id": "f1", "Path": "\\Inbox", "FolderItems": [{"InternetMessageId": "<m2@x>"}]}]},
        [("mail", "<m2@x>", "<m2@x>"), ("folder", "f1", "\\Inbox")],
        id="mail that was read, without a subject",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "MemberAdded", "TeamName": "Sales", "TeamGuid": "19:t", "Members": [{"UPN": "sam@x.com", "DisplayName": "Sam", "Role": 1}]},
        [("group", "19:t", "Sales"), ("target", "sam@x.com", "sam@x.com")],
        id="a member of a team",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "CopilotInteraction", "CopilotEventData": {"AccessedResources": [{"ID": "r1", "Name": "plan.docx", "SiteUrl": "https://x/plan.docx", "Type": "docx"}]}},
        [("file", "r1", "plan.docx")],
        id="a file that Copilot read",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "FileMalwareDetected", "FileData": {"DocumentId": "d1", "FileName": "bad.exe"}},
        [("file", "d1", "bad.exe")],
        id="a file that Defender found",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Add member to role.", "ObjectId": "sam@x.com", "Target": DIRECTORY, "ModifiedProperties": [
            {"Name": "Role.ObjectID", "NewValue": "62e9", "OldValue": ""},
            {"Name": "Role.DisplayName", "NewValue": "Global Administrator", "OldValue": ""},
        ]},
        [("target", "sam@x.com", "sam@x.com"), ("target", "8f3e", "sam@x.com"), ("role", "62e9", "Global Administrator")],
        id="a member of a role: its account by address and by id, and the role",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Consent to application.", "Target": [{"ID": "ServicePrincipal_5a", "Type": 2}, {"ID": "5a", "Type": 2}, {"ID": "ServicePrincipal", "Type": 2}, {"ID": "Mailer", "Type": 1}], "ModifiedProperties": [
            {"Name": "ConsentAction.Permissions", "NewValue": GRANTED, "OldValue": ""},
        ]},
        [("application", "5a", "Mailer"), ("permission", "Mail.Read", "Mail.Read"), ("permission", "offline_access", "offline_access")],
        id="an app and the permissions that it got",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "New-InboxRule", "Parameters": [
            {"Name": "Name", "Value": "."}, {"Name": "ForwardTo", "Value": "smtp:out@y.com;out2@y.com"}, {"Name": "DeleteMessage", "Value": "True"},
        ]},
        [("rule", ".", "."), ("address", "out@y.com", "out@y.com"), ("address", "out2@y.com", "out2@y.com")],
        id="a rule, and where it forwards to",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Add-MailboxPermission", "Parameters": [
            {"Name": "Identity", "Value": "board"}, {"Name": "User", "Value": "sam"}, {"Name": "AccessRights", "Value": "FullAccess"},
        ]},
        [("target", "board", "board"), ("target", "sam", "sam"), ("permission", "FullAccess", "FullAccess")],
        id="who got which permission of a mailbox",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "AddedToGroup", "TargetUserOrGroupName": "urn:spo:guest#eve@y.com", "TargetUserOrGroupType": "Guest", "EventData": "<Group>Owners</Group><Permissions granted>Edit</Permissions granted>"},
        [("target", "eve@y.com", "eve@y.com"), ("group", "Owners", "Owners"), ("permission", "Edit", "Edit")],
        id="a guest, the group and the permission",
    ),
    pytest.param(
        "cloudtrail",
        {**AWS, "eventName": "AttachUserPolicy", "requestParameters": {"userName": "sam", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
        [("target", "sam", "sam"), ("permission", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/AdministratorAccess")],
        id="a policy of a user",
    ),
    pytest.param(
        "cloudtrail",
        {**AWS, "eventName": "AssumeRole", "resources": [{"ARN": "arn:aws:iam::1:role/Admin", "type": "AWS::IAM::Role"}], "requestParameters": {"roleArn": "arn:aws:iam::1:role/Admin"}},
        [("role", "arn:aws:iam::1:role/Admin", "Admin")],
        id="a role, named twice",
    ),
    pytest.param(
        "cloudtrail",
        {**AWS, "eventName": "CreateAccessKey", "requestParameters": {"userName": "sam"}, "responseElements": {"accessKey": {"accessKeyId": "AKIA2"}}},
        [("target", "sam", "sam"), ("target", "AKIA2", "AKIA2")],
        id="an access key that was made",
    ),
    pytest.param(
        "google_workspace",
        google("calendar", "create_event", calendar_id="cal@x.com", event_id="ev1", event_title="Board"),
        [("target", "cal@x.com", "cal@x.com"), ("target", "ev1", "Board")],
        id="an event of a calendar",
    ),
    pytest.param(
        "google_workspace",
        google("chat", "attachment_upload", room_id="r1", room_name="Deals", attachment_hash="h", attachment_name="plan.pdf"),
        [("target", "r1", "Deals"), ("file", "h", "plan.pdf")],
        id="a file in a room of Chat",
    ),
    pytest.param(
        "google_workspace",
        google("groups_enterprise", "add_member", group_id="g@x.com", member_id="sam@x.com", member_role="owner"),
        [("target", "sam@x.com", "sam@x.com"), ("group", "g@x.com", "g@x.com"), ("role", "owner", "owner")],
        id="a member of a group",
    ),
    pytest.param(
        "google_workspace",
        google("meet", "call_ended", identifier="sam@x.com", display_name="Sam", meeting_code="abc"),
        [("target", "sam@x.com", "Sam"), ("target", "abc", "abc")],
        id="a call",
    ),
    pytest.param(
        "google_workspace",
        google("rules", "rule_match", rule_name="Credit cards"),
        [("rule", "Credit cards", "Credit cards")],
        id="a rule of which only the name is known",
    ),
    pytest.param(
        "onepassword",
        {
            "uuid": "u", "timestamp": "2026-03-02T10:00:00Z", "actor_uuid": "a", "object_type": "gm", "action": "join", "object_uuid": "g1",
            "aux_uuid": "m1", "aux_details": {"uuid": "m1", "name": "Sam", "email": "sam@x.com"}, "aux_info": "R",
        },
        [("group", "g1", "g1"), ("target", "m1", "sam@x.com")],
        id="who joined a group of 1Password",
    ),
    pytest.param(
        "okta",
        {**OKTA, "eventType": "user.lifecycle.suspend", "target": [{"id": "00u1", "type": "User", "alternateId": "sam@x.com", "displayName": "Sam"}]},
        [("target", "00u1", "Sam"), ("target", "sam@x.com", "sam@x.com")],
        id="the name that a user of Okta signs in with",
    ),
    pytest.param(
        "okta",
        {**OKTA, "eventType": "user.account.privilege.grant", "debugContext": {"debugData": {"privilegeGranted": "Super administrator"}}},
        [("role", "Super administrator", "Super administrator")],
        id="a privilege of Okta",
    ),
    pytest.param(
        "entra_audit",
        {**ENTRA, "activityDisplayName": "Add member to role", "targetResources": [{"type": "User", "id": "8f3e", "userPrincipalName": "sam@x.com", "modifiedProperties": ROLE}]},
        [("target", "8f3e", "sam@x.com"), ("role", "Global Administrator", "Global Administrator")],
        id="a role of Entra",
    ),
    pytest.param(
        "gcp",
        {"insertId": "i", "timestamp": "2026-03-02T10:00:00Z", "protoPayload": {"methodName": "SetIamPolicy", "serviceData": {"policyDelta": {"bindingDeltas": [BINDING]}}}},
        [("target", "user:sam@x.com", "user:sam@x.com"), ("role", "roles/owner", "roles/owner")],
        id="a role of Google Cloud",
    ),
    pytest.param(
        "github",
        {"_document_id": "d", "@timestamp": 1_750_000_000_000, "action": "team.add_repository", "repo": "o/r", "team": "o/t", "permission": "admin"},
        [("target", "o/r", "o/r"), ("group", "o/t", "o/t"), ("permission", "admin", "admin")],
        id="a team of GitHub and its permission",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "event", "expected"), OBJECTS)
def test_objects(activity, source, event, expected):
    found = activity(source, **event)["mainInfo"]["eventObjects"]
    assert all(each["name"] for each in found)
    named = [(each["part"], each["id"], each["name"]) for each in found if each.get("part", "actor") != "actor"]
    assert named == expected
    assert len({(each["objType"], each.get("id"), each["name"], each.get("value")) for each in found}) == len(found)


def test_a_mail_has_the_folder_that_it_is_in(activity):
    mail, *_ = activity("microsoft365", **M365, Operation="Send", Item=ITEM)["mainInfo"]["eventObjects"]
    assert (mail["part"], mail["value"]) == ("mail", "\\Inbox")


CHANGES = [
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Update user.", "ModifiedProperties": [
            {"Name": "AccountEnabled", "OldValue": "[\r\n  true\r\n]", "NewValue": "[\r\n  false\r\n]"},
            {"Name": "DisplayName", "OldValue": '[\r\n  "Sam"\r\n]', "NewValue": '"Sam B"'},
            {"Name": "Included Updated Properties", "OldValue": "", "NewValue": "AccountEnabled, DisplayName"},
            {"Name": "Same", "OldValue": "1", "NewValue": "1"},
        ]},
        [{"name": "AccountEnabled", "old": "true", "new": "false"}, {"name": "DisplayName", "old": "Sam", "new": "Sam B"}],
        id="properties of a user",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "Set-InboxRule", "Parameters": '[{"Name": "Identity", "Value": "r"}, {"Name": "DeleteMessage", "Value": "True"}]'},
        [{"name": "DeleteMessage", "new": "True"}],
        id="parameters, as Sentinel writes them",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "UpdateInboxRules", "OperationProperties": [{"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleName", "Value": "."}]},
        [{"name": "RuleOperation", "new": "AddMailboxRule"}, {"name": "RuleName", "new": "."}],
        id="a rule made in Outlook",
    ),
    pytest.param(
        "cloudtrail",
        {**AWS, "eventName": "AuthorizeSecurityGroupIngress", "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [{"fromPort": 22}]}}},
        [{"name": "groupId", "new": "sg-1"}, {"name": "ipPermissions", "new": '{"items":[{"fromPort":22}]}'}],
        id="parameters of a request",
    ),
    pytest.param(
        "entra_audit",
        {**ENTRA, "activityDisplayName": "Add member to role", "targetResources": [{"id": "8f3e", "modifiedProperties": ROLE}]},
        [{"name": "Role.ObjectID", "new": "62e9"}, {"name": "Role.DisplayName", "new": "Global Administrator"}],
        id="properties in Entra's own log, without their quotes",
    ),
    pytest.param(
        "google_workspace",
        google("admin", "CHANGE_APPLICATION_SETTING", SETTING_NAME="Sharing", OLD_VALUE="OFF", NEW_VALUE="ON"),
        [{"name": "Sharing", "old": "OFF", "new": "ON"}],
        id="a setting of Google",
    ),
    pytest.param(
        "google_workspace",
        google("drive", "change_user_access", old_value="none", new_value="can_edit", old_visibility="private", visibility="shared_externally"),
        [{"name": "change_user_access", "old": "none", "new": "can_edit"}, {"name": "visibility", "old": "private", "new": "shared_externally"}],
        id="who may see a document",
    ),
    pytest.param(
        "okta",
        {**OKTA, "eventType": "policy.rule.update", "target": [{"id": "r1", "type": "PolicyRule", "displayName": "Default", "changeDetails": {"from": {"rank": 1}, "to": {"rank": 2}}}]},
        [{"name": "Default", "old": '{"rank":1}', "new": '{"rank":2}'}],
        id="a rule of Okta",
    ),
    pytest.param(
        "gcp",
        {"insertId": "i", "timestamp": "2026-03-02T10:00:00Z", "protoPayload": {"methodName": "SetIamPolicy", "serviceData": {"policyDelta": {"bindingDeltas": [BINDING, {**BINDING, "action": "REMOVE"}]}}}},
        [{"name": "roles/owner", "new": "user:sam@x.com"}, {"name": "roles/owner", "old": "user:sam@x.com"}],
        id="who got a role of Google Cloud, and who lost it",
    ),
    pytest.param("cloudtrail", {**AWS, "eventName": "GetUser", "readOnly": True, "requestParameters": {"userName": "sam"}}, None, id="nothing is set by reading"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "event", "expected"), CHANGES)
def test_changes(activity, source, event, expected):
    assert activity(source, **event).get("changes") == expected


SESSIONS = [
    pytest.param("microsoft365", {**M365, "Operation": "Send", "SessionId": "s1"}, ["s1"], id="Exchange"),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "FileAccessed", "AppAccessContext": {"AADSessionId": "s1", "UniqueTokenId": "t1"}},
        ["s1", "t1"],
        id="the session and the token",
    ),
    pytest.param(
        "microsoft365",
        {**M365, "Operation": "UserLoggedIn", "DeviceProperties": [{"Name": "SessionId", "Value": "s1"}]},
        ["s1"],
        id="a sign-in in the unified audit log",
    ),
    pytest.param(
        "cloudtrail",
        {**AWS, "eventName": "X", "userIdentity": {"type": "IAMUser", "principalId": "AIDA", "accessKeyId": "AKIA1"}},
        ["AKIA1"],
        id="an access key",
    ),
    pytest.param(
        "cloudtrail",
        {
            **AWS,
            "eventName": "X",
            "userIdentity": {"type": "AssumedRole", "principalId": "AROA:pat", "accessKeyId": "ASIA1"},
        },
        ["ASIA1", "AROA:pat"],
        id="the session of a role",
    ),
    pytest.param(
        "cloudtrail",
        {
            **AWS,
            "eventName": "AssumeRole",
            "userIdentity": {"type": "IAMUser", "accessKeyId": "AKIA1"},
            "responseElements": {
                "credentials": {"accessKeyId": "ASIA1"},
                "assumedRoleUser": {"assumedRoleId": "AROA:pat"},
            },
        },
        ["AKIA1", "ASIA1", "AROA:pat"],
        id="the session that a request begins",
    ),
    pytest.param(
        "okta",
        {**OKTA, "eventType": "x", "authenticationContext": {"externalSessionId": "e1", "rootSessionId": "r1"}},
        ["e1", "r1"],
        id="Okta",
    ),
    pytest.param("cloudtrail", {**AWS, "eventName": "X"}, [], id="none"),
]


@pytest.mark.parametrize(("source", "event", "expected"), SESSIONS)
def test_session(activity, source, event, expected):
    found = activity(source, **event)
    assert [*filter(None, [found.get("session")]), *found.get("sessionIds", [])] == expected
