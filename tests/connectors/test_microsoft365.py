import pytest

from casbah.activity.fields import FIELDS, values
from casbah.activity.record import Reading

EVENT = {"CreationTime": "2022-12-12T15:57:57", "Id": "u", "OrganizationId": "org", "Operation": "FileAccessed"}
SHAREPOINT = {
    "Workload": "SharePoint",
    "ItemType": "File",
    "Site": "site",
    "SiteUrl": "https://x.sharepoint.com/sites/a/",
    "SourceRelativeUrl": "Shared Documents",
    "SourceFileName": "plan.docx",
    "ListItemUniqueId": "item",
    "ObjectId": "https://x.sharepoint.com/sites/a/Shared Documents/plan.docx",
}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0 Safari/537.36"


def test_real_log_ons(golden):
    failed, succeeded = (each.activity for each in golden("microsoft365/panther_aad.ndjson"))
    assert "user" not in failed
    assert failed["failedUserData"] == {"userName": "sample.user@yourorg.onmicrosoft.com"}
    assert failed["eventTypeName"] == "EVENT_CATEGORY_FAILED_LOGIN"
    assert failed["eventTypeValue"] == "EVENT_AAD_LOGIN_FAILED"
    assert failed["mainInfo"]["type"] == "failedLogin"
    assert failed["mainInfo"]["activityResult"] == {"isSuccess": False, "message": "InvalidUserNameOrPassword"}
    assert failed["description"] == "Failed log on (Failure message: InvalidUserNameOrPassword)"
    assert failed["userAgent"]["deviceType"] == "DESKTOP"
    assert succeeded["user"] == {"userName": "sample.user@yourorg.onmicrosoft.com"}
    assert succeeded["eventTypeValue"] == "EVENT_AAD_LOGIN"
    assert (succeeded["appId"], succeeded["appName"]) == (11161, "Office 365")


def test_one_id_with_two_bodies_has_two_digests(golden):
    failed, succeeded = golden("microsoft365/panther_aad.ndjson")
    assert failed.id == succeeded.id == "11-aa-22-bb_11161_abc-def-123"
    assert failed.digest != succeeded.digest


def test_keys_in_lower_case(golden):
    (found,) = golden("microsoft365/panther_exchange.ndjson")
    assert found.id == "11-aa-bb_20893_111-22-33"
    assert found.timestamp == 1670883540000
    assert found.activity["isAdminOperation"]
    assert found.activity["eventTypeValue"] == "EVENT_O365_EXCHANGE_GENERIC"
    parameters = [each for each in found.activity["mainInfo"]["eventObjects"] if each["objType"] == 7]
    assert parameters[1] == {
        "objType": 7,
        "role": 3,
        "name": "ForwardingSmtpAddress",
        "value": "smtp:peter.griffin@familyguy.com",
        "tags": [],
    }


def test_sentinels_table(golden):
    accessed, permissions = golden("microsoft365/sentinel.ndjson")
    assert accessed.timestamp == 1619621422000
    assert accessed.id == "2ad3fc79-1859-42fa-9011-6f8df2251b22_15600_fa28f91d-86c4-40a8-f621-08d90a54f336"
    assert accessed.activity["description"] == "FileAccessed: QT1000 Marketing Plan.pptx"
    assert permissions.activity["isImpersonated"]
    assert not permissions.activity["isAdminOperation"]


WORKLOADS = [
    pytest.param("Exchange", 20893, id="Exchange"),
    pytest.param("SharePoint", 20892, id="SharePoint"),
    pytest.param("OneDrive", 15600, id="OneDrive"),
    pytest.param("MicrosoftTeams", 28375, id="Teams"),
    pytest.param("AzureActiveDirectory", 11161, id="Entra"),
    pytest.param("Yammer", 11522, id="Yammer"),
    pytest.param("PowerBI", 26324, id="Power BI"),
    pytest.param("SomethingNew", 11161, id="one that is not known"),
    pytest.param(None, 11161, id="none"),
]


@pytest.mark.parametrize(("workload", "app"), WORKLOADS)
def test_service(made, workload, app):
    found = made("microsoft365", **EVENT, Workload=workload)
    assert found.activity["appId"] == found.activity["saasId"] == app
    assert found.activity["srcAppId"] == 11161
    assert found.id == f"org_{app}_u"


TIMES = [
    pytest.param("2022-12-12T15:57:57", 1670860677000, id="no zone is UTC"),
    pytest.param("2022-12-12 15:57:57", 1670860677000, id="a space"),
    pytest.param("2022-12-12T15:57:57.1239999Z", 1670860677123, id="seven digits"),
    pytest.param("2025-07-07 09:11:11.000000000", 1751879471000, id="nine digits"),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_time(made, text, expected):
    assert made("microsoft365", **{**EVENT, "CreationTime": text}).timestamp == expected


def test_an_event_without_a_time_is_refused(made):
    assert made("microsoft365", Id="u", Operation="x").reason == "no usable time: CreationTime is absent"


USERS = [
    pytest.param("GradyA@x.onmicrosoft.com", id="a name keeps its case"),
    pytest.param("NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)", id="a service"),
    pytest.param("ServicePrincipal_6490d00c-7ba1-42cf-aa88-99eb71d53bf7", id="a service principal"),
    pytest.param("S-1-5-18", id="a SID"),
    pytest.param("app@sharepoint", id="an app"),
    pytest.param("NOT-FOUND", id="nobody"),
]


@pytest.mark.parametrize("user", USERS)
def test_who(activity, user):
    found = activity("microsoft365", **EVENT, UserId=user, UserKey="k")
    assert found["user"]["userName"] == user
    assert found["entityData"]["0"]["id"] == {"id": user, "saas": 11161, "inst": 0}
    assert found["entityData"]["2"]["id"]["id"] == "k"
    assert found["resolvedActor"]["id"] == "k"


def test_a_user_key_that_is_none(activity):
    found = activity("microsoft365", **EVENT, UserId="a", UserKey="Not Available")
    assert found["resolvedActor"]["id"] == "a"
    assert found["entityData"]["2"] is None


ADDRESSES = [
    pytest.param({"ClientIP": "1.2.3.4:10736"}, ["1.2.3.4"], id="with a port"),
    pytest.param({"ClientIPAddress": "[2603:1036:302:4091::5]:51902"}, ["2603:1036:302:4091::5"], id="v6 in brackets"),
    pytest.param({"ActorIpAddress": "::1"}, ["::1"], id="bare v6"),
    pytest.param({"ClientIP": "", "ActorIpAddress": "1.2.3.4"}, ["1.2.3.4"], id="an empty one"),
    pytest.param({"ClientIP": "1.2.3.4", "ClientIPAddress": "1.2.3.4:5"}, ["1.2.3.4"], id="twice the same"),
    pytest.param(
        {"ClientIP": "1.2.3.4", "ClientIPAddress": "5.6.7.8", "ActorIpAddress": "::1"},
        ["1.2.3.4", "5.6.7.8", "::1"],
        id="several",
    ),
    pytest.param({}, [], id="none"),
]


@pytest.mark.parametrize(("fields", "expected"), ADDRESSES)
def test_where_from(activity, fields, expected):
    found = activity("microsoft365", **EVENT, **fields)
    first = found.get("device", {}).get("clientIP")
    assert [*filter(None, [first]), *found.get("internals", {}).get("otherIPs", [])] == expected


AGENTS = [
    pytest.param({"UserAgent": CHROME}, CHROME, id="UserAgent"),
    pytest.param({"ExtendedProperties": [{"Name": "UserAgent", "Value": CHROME}]}, CHROME, id="ExtendedProperties"),
    pytest.param({"ClientInfoString": "Client=REST;;"}, "Client=REST;;", id="ClientInfoString"),
    pytest.param(
        {"DeviceProperties": [{"Name": "OS", "Value": "Windows 10"}, {"Name": "BrowserType", "Value": "Chrome"}]},
        ";Windows 10;Chrome;",
        id="DeviceProperties",
    ),
    pytest.param({"UserAgent": "", "ExtendedProperties": "x"}, None, id="none"),
]


@pytest.mark.parametrize(("fields", "expected"), AGENTS)
def test_agent(activity, fields, expected):
    found = activity("microsoft365", **EVENT, **fields)
    assert found.get("device", {}).get("userAgent") == expected
    assert ("userAgent" in found) is (expected is not None)


RESULTS = [
    pytest.param("True", {"isSuccess": True}, id="True"),
    pytest.param("Success", {"isSuccess": True}, id="Success"),
    pytest.param("Succeeded", {"isSuccess": True}, id="Succeeded"),
    pytest.param("PartiallySucceeded", {"isSuccess": True}, id="PartiallySucceeded"),
    pytest.param("Failed", {"isSuccess": False, "message": "Failed"}, id="Failed"),
    pytest.param("Failure", {"isSuccess": False, "message": "Failure"}, id="Failure"),
    pytest.param(None, None, id="absent"),
]


INTERRUPTS = [
    pytest.param({"ErrorNumber": "50140", "ResultStatus": "Failed"}, id="keep me signed in"),
    pytest.param({"LogonError": "CmsiInterrupt"}, id="are you trying to sign in"),
]


@pytest.mark.parametrize("fields", INTERRUPTS)
def test_an_interrupt_is_no_failed_sign_in(activity, fields):
    found = activity("microsoft365", **{**EVENT, "Operation": "UserLoginFailed"}, **fields)
    assert found["eventTypeName"] == "EVENT_CATEGORY_UNSPECIFIED"
    assert "activityResult" not in found["mainInfo"]


@pytest.mark.parametrize(("status", "expected"), RESULTS)
def test_result(activity, status, expected):
    assert activity("microsoft365", **EVENT, ResultStatus=status)["mainInfo"].get("activityResult") == expected


CONSENT = {"Operation": "Consent to application."}


def consented(value):
    return {"ModifiedProperties": [{"Name": "ConsentContext.IsAdminConsent", "NewValue": f'"{value}"', "OldValue": ""}]}


ADMINS = [
    pytest.param({"UserType": 2}, True, id="an administrator"),
    pytest.param({"UserType": "Admin"}, True, id="an administrator by name"),
    pytest.param({"UserType": 3}, False, id="Microsoft's own"),
    pytest.param({"UserType": 0, "RecordType": 1}, True, id="Exchange's cmdlets"),
    pytest.param({"RecordType": "ExchangeAdmin"}, True, id="Exchange's cmdlets by name"),
    pytest.param({"RecordType": 8}, True, id="the directory"),
    pytest.param({"RecordType": 18}, True, id="the compliance centre"),
    pytest.param({"RecordType": 6}, False, id="files"),
    pytest.param({"RecordType": 6, "UserType": 2}, False, id="files, by an administrator"),
    pytest.param({"RecordType": "ExchangeItem", "UserType": "Admin"}, False, id="mail, by an administrator"),
    pytest.param({"RecordType": 15, "UserType": 2}, False, id="an administrator's sign-in"),
    pytest.param({"RecordType": 8, "Operation": "Change user password."}, False, id="one's own password"),
    pytest.param({"RecordType": 8, **CONSENT, **consented("False")}, False, id="a user's consent"),
    pytest.param({"RecordType": 8, **CONSENT, **consented("True")}, True, id="an administrator's consent"),
    pytest.param({"Operation": "Set-Mailbox", "Parameters": []}, True, id="a cmdlet without a record type"),
]


@pytest.mark.parametrize(("fields", "admin"), ADMINS)
def test_admin(activity, fields, admin):
    assert activity("microsoft365", **{**EVENT, **fields})["isAdminOperation"] is admin


OWN = {"RecordType": 2, "UserId": "pat@x.com", "MailboxOwnerUPN": "Pat@X.com"}
IMPERSONATED = [
    pytest.param({**OWN, "LogonType": 0}, None, id="the owner, whatever the case"),
    pytest.param({**OWN, "LogonType": 1}, True, id="an administrator"),
    pytest.param({**OWN, "LogonType": 2}, True, id="a delegate"),
    pytest.param({**OWN, "LogonType": "Delegated"}, True, id="a delegate by name"),
    pytest.param({**OWN, "MailboxOwnerUPN": "sam@x.com"}, True, id="another's mailbox"),
    pytest.param({**OWN, "RecordType": 1, "LogonType": 1}, None, id="not an item of a mailbox"),
    pytest.param({"Operation": "SendAs"}, True, id="sending as another"),
    pytest.param({"Operation": "SendOnBehalf"}, True, id="sending for another"),
]


@pytest.mark.parametrize(("fields", "expected"), IMPERSONATED)
def test_impersonated(activity, fields, expected):
    assert activity("microsoft365", **{**EVENT, **fields}).get("isImpersonated") is expected


def objects(found, *types):
    return [each for each in found["mainInfo"]["eventObjects"] if each["objType"] in types]


def test_a_file_and_its_folder(activity):
    found = activity("microsoft365", **EVENT, **SHAREPOINT, SensitivityLabelId="label")
    assert objects(found, 3, 4) == [
        {
            "objType": 3,
            "role": 3,
            "part": "file",
            "id": "item",
            "name": "plan.docx",
            "serviceObjectType": "File",
            "labels": ["label"],
            "tags": [],
        },
        {
            "objType": 4,
            "role": 3,
            "part": "folder",
            "id": "https://x.sharepoint.com/sites/a/Shared Documents",
            "name": "Shared Documents",
            "serviceObjectType": "Folder",
            "tags": [],
        },
    ]
    assert [each["id"] for each in objects(found, 1)] == ["site", SHAREPOINT["ObjectId"]]


SHARING = {"SiteUrl": "https://x.sharepoint.com/sites/a", "SourceRelativeUrl": "Shared Documents/plan.docx"}
"""The site and the path as events of sharing have them."""


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="a folder's path"),
        pytest.param(SHARING, id="a path that ends with the name"),
        pytest.param({"SourceRelativeUrl": "/Shared Documents/"}, id="slashes around the path"),
        pytest.param({"SourceRelativeUrl": "Shared Documents/PLAN.docx"}, id="the name in another case"),
        pytest.param({**SHARING, "ObjectId": "item"}, id="no URL but the parts"),
    ],
)
def test_the_urls_of_a_file(activity, fields):
    found = activity("microsoft365", **EVENT, **{**SHAREPOINT, **fields})
    urls = set(values(FIELDS["url"], Reading(found)))
    site, file = "https://x.sharepoint.com/sites/a", "https://x.sharepoint.com/sites/a/shared documents/plan.docx"
    assert {url.rstrip("/") for url in urls} == {site, file}
    (folder,) = objects(found, 4)
    assert (folder["id"], folder["name"]) == (f"{site}/Shared Documents", "Shared Documents")


@pytest.mark.parametrize("path", ["/", "plan.docx"])
def test_the_url_of_a_file_in_no_folder(activity, path):
    found = activity("microsoft365", **EVENT, **{**SHAREPOINT, "ObjectId": "item", "SourceRelativeUrl": path})
    site = "https://x.sharepoint.com/sites/a"
    assert {url.rstrip("/") for url in values(FIELDS["url"], Reading(found))} == {site, f"{site}/plan.docx"}
    assert not objects(found, 4)


def test_the_urls_of_real_sharing(golden):
    (shared,) = golden("microsoft365/panther_sharepoint.ndjson")
    assert set(values(FIELDS["url"], Reading(shared.activity))) == {
        "https://yourorg.sharepoint.com/personal/user_yourorg",
        "https://yourorg.sharepoint.com/personal/user_yourorg/documents/importantsecrets.docx",
    }


def test_a_folder_whose_path_ends_with_the_letters_of_the_name_keeps_them(activity):
    found = activity("microsoft365", **EVENT, **{**SHAREPOINT, "SourceRelativeUrl": "my plan.docx"})
    assert [each["name"] for each in objects(found, 4)] == ["my plan.docx"]


def test_a_folder(activity):
    found = activity("microsoft365", **EVENT, **{**SHAREPOINT, "ItemType": "Folder", "SourceRelativeUrl": ""})
    (folder,) = objects(found, 3, 4)
    assert (folder["objType"], folder["id"]) == (4, "item")


LABELS = [
    pytest.param({"SensitivityLabelId": "a"}, ["a"], id="on the event"),
    pytest.param({"SensitivityLabelEventData": {"SensitivityLabelId": "b"}}, ["b"], id="in its data"),
    pytest.param({"SensitivityLabelEventData": {"LabelId": "c"}, "SensitivityLabelId": "a"}, ["a", "c"], id="both"),
]


@pytest.mark.parametrize(("fields", "labels"), LABELS)
def test_labels(activity, fields, labels):
    assert objects(activity("microsoft365", **EVENT, **SHAREPOINT, **fields), 3)[0]["labels"] == labels


def test_people_apps_and_what_was_set(activity):
    fields = {
        "UserId": "pat@x.com",
        "Actor": [{"ID": "pat@x.com", "Type": 5}, {"ID": "guid", "Type": 0}],
        "Target": [{"ID": "sam@x.com", "Type": 5}, {"ID": "User_1", "Type": 2}],
        "ApplicationId": "app",
        "ApplicationDisplayName": "App",
        "MailboxGuid": "box",
        "ModifiedProperties": [{"Name": "Role", "NewValue": "Admin", "OldValue": ""}],
    }
    found = activity("microsoft365", **EVENT, **fields)["mainInfo"]["eventObjects"]
    assert [(each["objType"], each["role"], each.get("id"), each.get("name")) for each in found] == [
        (1, 3, "box", "box"),
        (2, 2, "guid", "guid"),
        (21, 5, "sam@x.com", "sam@x.com"),
        (2, 5, "1", "sam@x.com"),
        (6, 1, "app", "App"),
        (7, 3, None, "Role"),
        (21, 4, "pat@x.com", "pat@x.com"),
    ]
    assert found[5]["value"] == "Admin"


def test_the_same_event_twice_is_the_same_activity(made):
    one, two = (
        made("microsoft365", **EVENT, UserId="a"),
        made("microsoft365", **dict(reversed(EVENT.items())), UserId="a"),
    )
    assert (one.id, one.digest) == (two.id, two.digest)


def test_an_event_without_an_id_goes_by_its_digest(made):
    found = made("microsoft365", CreationTime="2022-12-12T15:57:57", Operation="Set-Mailbox", UserId="a")
    assert found.id == f"0_11161_{found.digest}"


def test_an_interaction_with_copilot(ingested):
    """The example of the page that documents the schema CopilotInteraction, with another tenant's names."""
    record = ingested(
        "microsoft365",
        CreationTime="2023-12-13T17:12:36",
        Id="99b0a960-13a0-461f-8c5c-cb2316ea273d",
        Operation="CopilotInteraction",
        OrganizationId="408e31c8-8f05-410a-9221-84335f0ce512",
        RecordType=261,
        UserKey="12d24f71-64c7-49b3-821f-f8884f3f373e",
        UserType=0,
        Version=1,
        Workload="Copilot",
        ClientIP="::ffff:10.11.0.229",
        UserId="admin@example.com",
        CopilotEventData={
            "AccessedResources": [],
            "AppHost": "appchat",
            "Contexts": [{"Id": "https://example.sharepoint.com/Doc.aspx?file=Elephants.docx", "Type": "docx"}],
            "MessageIds": [],
            "ThreadId": "19:x@thread.v2",
        },
    ).activity
    assert record["mainInfo"]["rawOperationName"] == "CopilotInteraction"
    assert (record["appId"], record["eventTypeValue"]) == (11161, "EVENT_O365_COPILOT_GENERIC")
    assert record["user"] == {"userName": "admin@example.com"}
    assert record["device"]["clientIP"] == "10.11.0.229"
    assert not record["isAdminOperation"]
