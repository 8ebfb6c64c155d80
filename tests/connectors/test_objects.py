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
    pytest.param("cloudtrail", {**AWS, "eventName": "X"}, [], id="none"),
]


@pytest.mark.parametrize(("source", "event", "expected"), SESSIONS)
def test_session(activity, source, event, expected):
    found = activity(source, **event)
    assert [*filter(None, [found.get("session")]), *found.get("sessionIds", [])] == expected
