"""What people's own logs were misread as before, a test per finding.

The findings are D1 to D19 of a report on real logs that are not in the repository; each test begins with its number. Their
events are here in the shape in which they were found; `test_real_logs.py` checks the same in real logs.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah.activity.new_activity import NewActivity
from casbah.cli.sending import ToStore
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import page_of
from command_line import app
from connectors import samples
from ingest import dressed
from ingest.foreign import DIGEST, JUMPCLOUD

AT = "2026-03-02T10:00:00Z"
KNOWN = Detector(connectors())
Item = NewActivity | Refusal


def sampled(source: str) -> list[bytes]:
    return (samples.HERE / source / "events.ndjson").read_bytes().splitlines()


def read(body: bytes, source: str | None = None) -> list[Item]:
    """What becomes of a body."""
    return list(new_activities(page_of(body, origin="x", connectors=KNOWN, source=source).items))


def lines(*events: Mapping[str, Any] | bytes) -> bytes:
    return b"\n".join(event if isinstance(event, bytes) else json.dumps(event).encode() for event in events)


def stored(items: Iterable[Item]) -> list[NewActivity]:
    return [item for item in items if isinstance(item, NewActivity)]


def refused(items: Iterable[Item]) -> list[str]:
    return [item.reason for item in items if isinstance(item, Refusal)]


def activity(event: Mapping[str, Any] | bytes, source: str | None = None) -> Mapping[str, Any]:
    """The record of an event that becomes one activity."""
    (item,) = read(lines(event), source)
    assert isinstance(item, NewActivity), item
    return item.activity


def succeeded(record: Mapping[str, Any]) -> bool | None:
    result: bool | None = record["mainInfo"].get("activityResult", {}).get("isSuccess")
    return result


def objects(record: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The part and name of each object."""
    return {(row.get("part", ""), row.get("name", "")) for row in record["mainInfo"]["eventObjects"]}


SIGN_IN = {"time": AT, "category": "SignInLogs", "operationName": "Sign-in activity", "resultType": "0", "properties": {
    "id": "s1", "createdDateTime": AT, "userPrincipalName": "user@example.com", "userId": "u1", "ipAddress": "203.0.113.7",
    "appDisplayName": "Portal", "status": {"errorCode": 0}}}  # fmt: skip
CALL = {"time": "2026-03-02T10:00:05Z", "category": "MicrosoftGraphActivityLogs", "operationName": "Microsoft Graph Activity",
        "callerIpAddress": "203.0.113.9", "properties": {"requestId": "g1", "requestMethod": "GET", "responseStatusCode": 403,
                                                         "userId": "u1", "ipAddress": "203.0.113.9", "userAgent": "x"}}  # fmt: skip


class TestAnEventThatNoSourceKnowsBecameOneOfItsNeighbours:
    """D1."""

    def test_a_refused_call_of_graph_was_a_sign_in(self) -> None:
        for body in (lines(SIGN_IN, CALL), lines(CALL, SIGN_IN), json.dumps({"records": [SIGN_IN, CALL]}).encode()):
            by_app = {item.activity["mainInfo"]["rawOperationName"]: item.activity for item in stored(read(body))}
            assert refused(read(body)) == []
            assert [record["eventTypeName"] for record in by_app.values()].count("EVENT_CATEGORY_LOGIN") == 1
            (call,) = (record for name, record in by_app.items() if name != "Sign-in activity" and "GET" in name)
            assert succeeded(call) is False

    @pytest.mark.parametrize(
        ("source", "key"), [("gcp", "timestamp"), ("okta", "published"), ("cloudtrail", "eventTime")]
    )
    def test_a_foreign_object_was_stored_beside_events(self, source: str, key: str) -> None:
        foreign = {**JUMPCLOUD, key: AT}
        items = read(lines(*sampled(source)[:3], foreign, JUMPCLOUD, foreign))
        assert len(stored(items)) == 3
        assert [reason.partition(";")[0] for reason in refused(items)] == ["source not recognized"] * 3


def test_an_event_that_lookup_events_printed_lost_who_and_from_where() -> None:
    """D2."""
    events = sampled("cloudtrail")
    plain = read(lines(*events))
    assert read(lines(*map(dressed.looked_up, events))) == plain
    assert read(dressed.listed([*map(dressed.looked_up, events)], b'{"Events": ', b"}")) == plain
    for item in stored(plain):
        event = item.activity["rawDataJson"]
        assert item.activity["user"]["userName"]
        assert item.id == f"{event['recipientAccountId']}_11599_{event['eventID']}"
        assert item.activity["device"]["userAgent"] == event["userAgent"]


def test_a_file_of_which_less_than_half_was_known_was_refused() -> None:
    """D3."""
    okta, duo, salesforce = sampled("okta")[:2], sampled("duo")[:3], sampled("salesforce")[:3]
    assert len(stored(read(lines(*okta, *duo)))) == 5
    invented = [{"EventDate": AT, "UserName": f"u{number}", "kind": "x"} for number in range(7)]
    for body in (lines(*salesforce, *invented), lines(*invented, *salesforce)):
        items = read(body)
        assert (len(stored(items)), len(refused(items))) == (3, 7)


def test_what_mdcas_customers_have_today_was_refused() -> None:
    """D4: CloudAppEvents in four forms, and the CSV of MDCA's own activity log."""
    rows = sampled("cloud_app_events")
    ids = [json.loads(row)["ReportId"] for row in rows]
    forms = ["runHuntingQuery of Graph", "the hunting API of Defender", "streamed to storage", "streamed to Event Hubs"]
    assert [item.id for item in stored(read(lines(*rows)))] == ids
    for form in forms:
        assert [item.id for item in stored(read(dressed.DRESSES[form].dress(rows)))] == ids
    for name in ("cloud_app_events-portal.csv", "mdca-activity-log.csv"):
        items = read((samples.HERE / "csv" / name).read_bytes())
        assert len(stored(items)) == len(items) > 0


AUDIT_DATA = (
    b'CreationDate,UserIds,Operations,AuditData\n2026-03-02,u,FileAccessed,"{""Id"":""i1"",""CreationTime"":""2026-03-02T10:00:00'
    b'"",""Operation"":""FileAccessed"",""UserId"":""u@x.com"",""Workload"":""SharePoint"",""RecordType"":6}"\n'
)
BEFORE = [
    pytest.param(AUDIT_DATA, id="as it is"),
    pytest.param(b"#TYPE Selected.System.Management.Automation.PSObject\r\n" + AUDIT_DATA, id="Export-Csv of PowerShell 5.1"),
    pytest.param(b"sep=,\r\n\r\n" + AUDIT_DATA, id="Excel"),
    pytest.param(AUDIT_DATA.decode().encode("utf-16-le"), id="UTF-16 without a mark"),
    pytest.param(AUDIT_DATA.decode().encode("utf-16-be"), id="UTF-16 the other way round"),
]  # fmt: skip


class TestEveryCsvButOneWithAuditDataWasRefused:
    """D5."""

    @pytest.mark.parametrize("body", BEFORE)
    def test_lines_before_the_header_and_a_text_without_a_mark(self, body: bytes) -> None:
        (item,) = read(body)
        assert isinstance(item, NewActivity)
        assert item.activity["sourceId"] == "i1"

    @pytest.mark.parametrize("file", samples.csv_files(), ids=lambda file: file.stem)
    def test_an_export_is_read_with_and_without_its_source(self, file: Path) -> None:
        for source in (None, file.stem.partition("-")[0]):
            items = list(
                page_of(file.read_bytes(), origin="x", connectors=KNOWN, source=source, zone=samples.ZONE).items
            )
            assert items
            assert not [item for item in items if isinstance(item, Refusal)]

    def test_a_refused_csv_was_one_event_whatever_its_rows(self) -> None:
        items = read(b"shape,color,size\nround,red,7\nflat,blue,8\nlong,green,9\n")
        assert len(refused(items)) == 3
        assert all("shape, color, size" in reason for reason in refused(items))
        assert [item.raw for item in items if isinstance(item, Refusal)][1] == b"shape,color,size\nflat,blue,8"


WRAPPED = {
    "microsoft365": ["a saved page of Graph", "ConvertTo-Json, text", "ConvertTo-Json, object"],
    "cloudtrail": ["lookup-events", "EventBridge", "CloudWatch Logs"],
    "entra_audit": ["Capture, text", "Capture, object", "the body alone", "Log Analytics"],
}


@pytest.mark.parametrize(("source", "form"), [(source, form) for source, forms in WRAPPED.items() for form in forms])
def test_an_event_inside_a_wrapper_was_refused(source: str, form: str) -> None:
    """D6."""
    events = sampled(source)
    found = stored(read(dressed.DRESSES[form].dress(events)))
    assert [item.id for item in found] == [item.id for item in stored(read(lines(*events)))]


def aws(name: str, **keys: Any) -> dict[str, Any]:
    event = {"eventVersion": "1.08", "eventID": "e", "eventTime": AT, "eventSource": "iam.amazonaws.com", "eventName": name,
             "awsRegion": "us-east-1", "recipientAccountId": "1", "userIdentity": {"type": "IAMUser", "userName": "pat"}}  # fmt: skip
    return {**event, **keys}


SIGNED_IN = {"eventSource": "signin.amazonaws.com", "managementEvent": True, "readOnly": False}
OKTA = {"uuid": "u", "published": AT, "actor": {"id": "a", "type": "User", "alternateId": "pat@x.com"}}
GITHUB = {"_document_id": "d", "@timestamp": 1_750_000_000_000, "actor": "pat", "org": "o"}
ADMINISTRATIVE = [
    pytest.param(aws("ConsoleLogin", responseElements={"ConsoleLogin": "Success"}, **SIGNED_IN), False, id="everyone who signs in to AWS"),
    pytest.param(aws("CredentialChallenge", **SIGNED_IN), False, id="a challenge of AWS"),
    pytest.param(aws("CreateUser", eventVersion="1.05"), True, id="a new user, before AWS wrote managementEvent"),
    *(pytest.param({**OKTA, "eventType": name}, False, id=name) for name in (
        "system.push.send_factor_verify_push", "system.email.delivery", "security.threat.detected", "application.policy.sign_on.deny_access")),
    pytest.param({**GITHUB, "action": "business.sso_response"}, False, id="a sign-in to GitHub"),
    pytest.param(CALL, False, id="a call of Microsoft Graph"),
    pytest.param(dict(json.loads(sampled("entra_risk")[0])), False, id="a risk that Entra noticed"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "administrative"), ADMINISTRATIVE)
def test_a_sign_in_was_administration_and_a_new_user_was_not(event: dict[str, Any], administrative: bool) -> None:
    """D7."""
    assert activity(event)["isAdminOperation"] is administrative


GCP = {"insertId": "i", "logName": "organizations/1/logs/cloudaudit.googleapis.com%2Fdata_access", "timestamp": AT, "protoPayload": {
    "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "login.googleapis.com",
    "methodName": "google.login.LoginService.loginFailure", "authenticationInfo": {"principalEmail": "pat@x.com"}}}  # fmt: skip


def google(application: str, name: str, **parameters: str) -> dict[str, Any]:
    return {"kind": "admin#reports#activity", "id": {"time": AT, "applicationName": application, "customerId": "c", "uniqueQualifier": "1"},
            "actor": {"email": "pat@x.com"},
            "events": [{"name": name, "parameters": [{"name": key, "value": value} for key, value in parameters.items()]}]}  # fmt: skip


@pytest.mark.parametrize("event", [GCP, google("chrome", "CHROME_OS_LOGIN_FAILURE_EVENT")], ids=["Cloud", "Chromebook"])
def test_a_failed_sign_in_to_google_succeeded(event: dict[str, Any]) -> None:
    """D8."""
    record = activity(event)
    assert record["eventTypeName"] == "EVENT_CATEGORY_FAILED_LOGIN"
    assert record["verb"] == "sign-in-failed"
    assert succeeded(record) is False


M365 = {
    "CreationTime": "2026-03-02T10:00:00",
    "Id": "u",
    "OrganizationId": "o",
    "UserId": "pat@x.com",
    "RecordType": 2,
    "Workload": "Exchange",
}
MAIL = {
    "Id": "i1",
    "InternetMessageId": "<m1@x>",
    "Subject": "Invoice",
    "ParentFolder": {"Id": "f1", "Path": "\\Inbox"},
}
WITHOUT_OBJECTS = [
    pytest.param({**M365, "Operation": "Create", "Item": MAIL}, {("mail", "Invoice"), ("folder", "\\Inbox")}, id="a mail"),
    pytest.param({**M365, "Operation": "SoftDelete", "AffectedItems": [MAIL], "DestFolder": {"Id": "f2", "Path": "\\Deleted Items"}},
                 {("mail", "Invoice"), ("folder", "\\Deleted Items")}, id="mail that was moved"),
    pytest.param({**M365, "Operation": "MailItemsAccessed", "Folders": [{"Id": "f1", "Path": "\\Inbox", "FolderItems": [{"InternetMessageId": "<m2@x>"}]}]},
                 {("mail", "<m2@x>"), ("folder", "\\Inbox")}, id="mail that was read"),
    pytest.param({**M365, "Operation": "CopilotInteraction", "CopilotEventData": {"AccessedResources": [{"ID": "r", "Name": "plan.docx"}]}},
                 {("file", "plan.docx")}, id="what Copilot read"),
    pytest.param({**M365, "Operation": "FileMalwareDetected", "FileData": {"DocumentId": "d", "FileName": "bad.exe"}}, {("file", "bad.exe")}, id="what Defender found"),
    pytest.param({**M365, "Operation": "MemberAdded", "TeamName": "Sales", "TeamGuid": "t", "Members": [{"UPN": "sam@x.com"}]},
                 {("group", "Sales"), ("target", "sam@x.com")}, id="a member of a team"),
    pytest.param(google("calendar", "create_event", event_id="e", event_title="Board", calendar_id="cal@x.com"), {("target", "Board")}, id="an event of a calendar"),
    pytest.param(google("chat", "room_name_changed", room_id="r", room_name="Deals"), {("target", "Deals")}, id="a room"),
    pytest.param(google("groups_enterprise", "add_member", group_id="g@x.com", member_id="sam@x.com"), {("group", "g@x.com"), ("target", "sam@x.com")}, id="a member of a group"),
    pytest.param(google("meet", "call_ended", identifier="sam@x.com", meeting_code="ABC"), {("target", "sam@x.com")}, id="a call"),
    pytest.param({**OKTA, "eventType": "user.lifecycle.suspend", "target": [{"id": "t", "type": "User", "alternateId": "sam@x.com", "displayName": "Sam"}]},
                 {("target", "sam@x.com")}, id="the name that a user signs in with"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "expected"), WITHOUT_OBJECTS)
def test_what_it_was_done_to_was_missing(event: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """D9."""
    assert expected <= objects(activity(event)), objects(activity(event))


def test_who_joined_a_group_of_1password_was_missing_and_the_group_was_named_by_a_letter() -> None:
    """D9."""
    event = {"uuid": "u", "timestamp": AT, "actor_uuid": "A", "actor_details": {"email": "pat@x.com"}, "action": "join", "object_type": "gm",
             "object_uuid": "G", "aux_uuid": "S", "aux_details": {"uuid": "S", "name": "Sam", "email": "sam@x.com"}, "aux_info": "R"}  # fmt: skip
    names = {name for _, name in objects(activity(event))}
    assert "sam@x.com" in names
    assert "R" not in names


def test_all_actors_of_okta_without_a_login_were_one_user() -> None:
    """D10."""
    client = {"id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown", "displayName": "Provisioner"}
    assert activity({**OKTA, "eventType": "app.oauth2.token.grant", "actor": client})["user"] == {
        "userName": "Provisioner"
    }


def test_a_sign_in_to_snowflake_by_nobody_that_it_knows_was_refused() -> None:
    """D11."""
    record = activity({"EVENT_ID": 1, "EVENT_TIMESTAMP": AT, "EVENT_TYPE": "LOGIN", "USER_NAME": None, "CLIENT_IP": "203.0.113.7",
                       "REPORTED_CLIENT_TYPE": "SNOWFLAKE_UI", "IS_SUCCESS": "NO", "ERROR_MESSAGE": "INCORRECT_USERNAME_PASSWORD"})  # fmt: skip
    assert record["verb"] == "sign-in-failed"
    assert "user" not in record


def test_an_insight_was_an_activity_without_an_operation_and_a_digest_a_refusal(tmp_path: Path) -> None:
    """D12."""
    for item in read(lines(*sampled("cloudtrail_insights"))):
        assert isinstance(item, NewActivity)
        assert item.activity["mainInfo"]["rawOperationName"].strip()
        assert item.activity["verb"] == "alert"
        assert succeeded(item.activity) is None
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "digest.json").write_bytes(lines(DIGEST))
    (exports / "log.json").write_bytes(sampled("cloudtrail")[0])
    report = ingested(exports, tmp_path / "store")
    assert (report["read"], report["stored"], report["refused"]) == (1, 1, 0)
    skipped = [file["skipped"] for file in report["files"] if file["skipped"]]
    assert skipped == ["a CloudTrail digest file: it lists log files and their hashes, and holds no activities"]


WITHIN = [
    pytest.param({"EventDate": AT, "Username": "pat@x.com", "SourceIp": "203.0.113.7", "LoginKey": "k", "LoginType": "Application", "Status": "Success", "UserId": "005"}, "salesforce", "pat@x.com", "203.0.113.7", id="LoginEvent of Salesforce"),
    pytest.param({"EventDate": AT, "Username": "pat@x.com", "SourceIp": "203.0.113.7", "LoginKey": "k", "SessionKey": "s", "SessionLevel": "STANDARD", "EventIdentifier": "e", "UserId": "005"}, "salesforce", "pat@x.com", "203.0.113.7", id="LogoutEvent of Salesforce"),
    pytest.param({"id": 1, "summary": "User created", "created": "2026-03-02T10:00:00.000+0000", "authorAccountId": "5b10", "category": "user management", "remoteAddress": "203.0.113.7", "objectItem": {"id": "u", "name": "sam", "typeName": "USER"}}, "jira", "5b10", "203.0.113.7", id="Jira"),
    pytest.param({"author": {"type": "user", "displayName": "Pat", "accountId": "5b10", "username": "pat"}, "remoteAddress": "203.0.113.7", "creationDate": 1_772_445_600_000, "summary": "Space created", "description": "", "category": "Spaces", "sysAdmin": False, "affectedObject": {"name": "S", "objectType": "Space"}, "changedValues": [], "associatedObjects": []}, "confluence", "pat", "203.0.113.7", id="Confluence"),
    pytest.param({"eventDataId": "e", "eventTimestamp": AT, "resourceId": "/subscriptions/s", "caller": "pat@x.com", "claims": {"ipaddr": "203.0.113.7"}, "operationName": {"value": "Microsoft.Network/virtualNetworks/write"}, "subscriptionId": "s", "httpRequest": None}, "azure_activity", "pat@x.com", "203.0.113.7", id="Azure, as its REST API writes it"),
    pytest.param(aws("GetObject", userIdentity={"type": "IdentityCenterUser", "accountId": "1", "onBehalfOf": {"userId": "9067", "identityStoreArn": "a"}}, sourceIPAddress="203.0.113.7"), "cloudtrail", "9067", "203.0.113.7", id="a user of IAM Identity Center"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "source", "user", "address"), WITHIN)
def test_kinds_of_events_of_known_apps_were_refused_or_lost_who_and_from_where(
    event: dict[str, Any], source: str, user: str, address: str
) -> None:
    """D13."""
    (item,) = page_of(lines(event), origin="x", connectors=KNOWN).items
    assert not isinstance(item, Refusal), item.reason
    record = activity(event)
    assert item.connector.name == source
    assert (record["user"]["userName"], record["device"]["clientIP"]) == (user, address)


def test_a_row_of_a_custom_table_and_a_risk_alone_were_refused() -> None:
    """D13."""
    row = {"TimeGenerated [UTC]": AT, "created_at_t [UTC]": AT, "event_type_s": "LOGIN", "event_id_g": "e1", "created_by_login_s": "pat@x.com",
           "created_by_type_s": "user", "created_by_id_s": "1", "created_by_name_s": "Pat", "type_s": "event", "Type": "BoxEvents_CL"}  # fmt: skip
    assert activity(row)["user"] == {"userName": "pat@x.com"}
    risk = activity(sampled("entra_risk")[0])
    assert risk["resolvedActor"]["id"]
    assert risk["verb"] == "alert"


VERBS = [
    *(pytest.param({**M365, "Workload": "OneDrive", "RecordType": 6, "Operation": name}, verb, id=name) for name, verb in (
        ("FileSyncDownloadedFull", "download"), ("FileSyncUploadedFull", "upload"), ("FileRecycled", "delete"), ("FolderRecycled", "delete"),
        ("FileVersionRecycled", "delete"), ("FileDeletedFirstStageRecycleBin", "delete"))),
    pytest.param({**json.loads(sampled("box")[0]), "event_type": "ITEM_DOWNLOAD"}, "download", id="ITEM_DOWNLOAD"),
    pytest.param({**GITHUB, "action": "user.create"}, "create", id="user.create"),
    pytest.param(aws("DeleteBucket", eventSource="s3.amazonaws.com"), "delete", id="DeleteBucket"),
    pytest.param(aws("TerminateInstances", eventSource="ec2.amazonaws.com"), "delete", id="TerminateInstances"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "verb"), VERBS)
def test_what_was_done_was_unspecified(event: dict[str, Any], verb: str) -> None:
    """D14."""
    assert activity(event)["verb"] == verb


def test_a_guest_was_not_found_by_the_address() -> None:
    """D15."""
    guest = {
        **M365,
        "Workload": "SharePoint",
        "RecordType": 6,
        "Operation": "FileAccessed",
        "UserId": "urn:spo:guest#user@example.com",
    }
    assert activity(guest)["user"] == {"userName": "user@example.com"}


def test_every_role_of_aws_was_someone_in_disguise() -> None:
    """D16."""
    issuer = {
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "web", "arn": "arn:aws:iam::1:role/web"}}
    }
    role = {
        "type": "AssumedRole",
        "principalId": "AROA:i-0abc",
        "arn": "arn:aws:sts::1:assumed-role/web/i-0abc",
        "accountId": "1",
        **issuer,
    }
    assert "isImpersonated" not in activity(aws("GetObject", userIdentity=role))
    on_behalf = {"onBehalfOf": {"userId": "9067", "identityStoreArn": "a"}}
    assert activity(aws("GetObject", userIdentity={**role, **on_behalf}))["isImpersonated"] is True


def test_many_small_files_took_as_many_requests_as_there_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D17."""
    exports, batches = tmp_path / "exports", []
    exports.mkdir()
    event = json.loads(sampled("cloudtrail")[0])
    for number in range(200):
        (exports / f"{number}.json").write_bytes(lines({**event, "eventID": str(number)}))
    store = ToStore.store
    monkeypatch.setattr(ToStore, "store", lambda self, batch: batches.append(len(batch)) or store(self, batch))
    report = ingested(exports, tmp_path / "store")
    assert (report["stored"], len(report["files"]), batches) == (200, 200, [200])


def test_a_question_whether_to_stay_signed_in_was_a_failed_sign_in() -> None:
    """D18."""
    record = activity(
        {**SIGN_IN, "resultType": "50140", "properties": {**SIGN_IN["properties"], "status": {"errorCode": 50140}}}
    )
    assert record["eventTypeName"] == "EVENT_CATEGORY_UNSPECIFIED"
    assert succeeded(record) is None


def test_of_lines_that_were_cut_out_of_a_list_all_but_one_were_one_refusal() -> None:
    """D19."""
    events = sampled("okta")
    items = read(b",\n".join(events) + b",\n")
    assert items == read(lines(*events))
    damaged = read(b",\n".join([*events[:3], b'{"uuid": ', *events[3:]]) + b",")
    assert (len(stored(damaged)), len(refused(damaged))) == (len(events), 1)


def ingested(exports: Path, store: Path) -> dict[str, Any]:
    """The report of `casbah ingest`."""
    done = CliRunner().invoke(app, ["ingest", str(exports), "--store", str(store), "--json"], env={"COLUMNS": "300"})
    assert done.stdout, done.output
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
