"""What no connector may invent: an operation, or an outcome that neither the event nor its source's documentation gives."""

from typing import Any

import pytest

from casbah.ingest.contract import Refusal

AT = "2026-03-02T10:00:00Z"
CLOUDTRAIL = {"eventVersion": "1.08", "eventTime": AT, "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1"}
OKTA = {"uuid": "u", "published": AT, "actor": {"id": "0oa1", "alternateId": "a@example.com", "displayName": "A"}}
AUDIT_LOG = "type.googleapis.com/google.cloud.audit.AuditLog"
ONE_PASSWORD = {"uuid": "u", "session_uuid": "s", "timestamp": AT, "target_user": {"email": "a@example.com"}}
SETUP = {"attributes": {"type": "SetupAuditTrail"}, "Id": "0Ym1", "CreatedDate": AT, "Display": "x"}


def gcp(method: str, status: Any = None, **more: Any) -> dict[str, Any]:
    payload = {"@type": AUDIT_LOG, "methodName": method, "serviceName": "s"}
    return {"timestamp": AT, "protoPayload": payload if status is None else {**payload, "status": status}, **more}


def google(application: str, *events: dict[str, Any]) -> dict[str, Any]:
    identity = {"time": AT, "applicationName": application, "uniqueQualifier": "1"}
    return {"kind": "admin#reports#activity", "id": identity, "events": list(events)}


WITHOUT = [
    pytest.param("cloudtrail", {**CLOUDTRAIL, "userIdentity": {"type": "Root"}}, id="CloudTrail, absent"),
    pytest.param("cloudtrail", {**CLOUDTRAIL, "eventName": " "}, id="CloudTrail, blank"),
    pytest.param("cloudtrail", {**CLOUDTRAIL, "eventName": ["x"]}, id="CloudTrail, not a text"),
    pytest.param(
        "microsoft365", {"CreationTime": AT, "Operation": "", "RecordType": 1, "UserId": "a"}, id="Microsoft 365"
    ),
    pytest.param("okta", {**OKTA, "eventType": "\t"}, id="Okta"),
    pytest.param("google_workspace", google("drive"), id="Google, no event inside"),
    pytest.param("google_workspace", google("drive", {"parameters": []}), id="Google, an event without a name"),
    pytest.param("gcp", gcp(""), id="Google Cloud, only a service"),
    pytest.param("salesforce", {**SETUP, "Action": ""}, id="a setup change, which is no sign-in"),
    pytest.param("onepassword", {**ONE_PASSWORD, "category": ""}, id="1Password, no usage of an item"),
    pytest.param(
        "slack",
        {
            "action": "",
            "actor": {"type": "user", "user": {"id": "u"}},
            "context": {"location": {"id": "l"}},
            "date_create": 1772445600,
        },
        id="Slack",
    ),
    pytest.param(
        "cef", {"cef": 0, "product": "SIEM_Agent", "name": "", "extension": {"rt": "1772445600000"}}, id="CEF"
    ),
]


@pytest.mark.parametrize(("source", "event"), WITHOUT)
def test_an_event_without_an_operation_is_refused(ingested: Any, source: str, event: dict[str, Any]) -> None:
    refusal = ingested(source, **event)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "no operation: the event does not say what was done"


OUTCOMES = [
    pytest.param(
        "gcp", gcp("google.login.LoginService.loginFailure"), False, id="a failed Google sign-in, by its name"
    ),
    pytest.param("gcp", gcp("google.login.LoginService.loginSuccess"), True, id="a Google sign-in, by its name"),
    pytest.param(
        "gcp", gcp("google.login.LoginService.logout"), None, id="an entry of the sign-in audit has no status"
    ),
    pytest.param("gcp", gcp("storage.objects.get", {}), True, id="Google Cloud, an empty status is OK"),
    pytest.param("gcp", gcp("storage.objects.get"), True, id="Google Cloud, no status"),
    pytest.param("gcp", gcp("storage.objects.get", {"code": 7, "message": "no"}), False, id="Google Cloud, denied"),
    pytest.param("gcp", gcp("storage.objects.get", {"code": 16}), False, id="Google Cloud, not authenticated"),
    pytest.param("gcp", gcp("storage.objects.get", {"message": "no"}), False, id="Google Cloud, only a message"),
    pytest.param("gcp", gcp("insert", operation={"id": "o", "first": True}), None, id="Google Cloud, still under way"),
    pytest.param("gcp", gcp("insert", operation={"id": "o", "last": True}), True, id="Google Cloud, its last entry"),
    pytest.param(
        "okta", {**OKTA, "eventType": "x.y", "outcome": {"result": "CHALLENGE"}}, None, id="Okta, a challenge"
    ),
    pytest.param("okta", {**OKTA, "eventType": "x.y", "outcome": {"result": "UNKNOWN"}}, None, id="Okta, unknown"),
    pytest.param("okta", {**OKTA, "eventType": "x.y", "outcome": {"result": "SUCCESS"}}, True, id="Okta, success"),
    pytest.param("okta", {**OKTA, "eventType": "x.y"}, None, id="Okta, no outcome"),
    pytest.param(
        "google_workspace",
        google("chrome", {"name": "CHROME_OS_LOGIN_FAILURE_EVENT", "parameters": []}),
        False,
        id="a failed sign-in to ChromeOS",
    ),
    pytest.param("google_workspace", google("drive", {"name": "view"}), None, id="Google, viewing a file"),
    pytest.param("cloudtrail", {**CLOUDTRAIL, "eventName": "CreateUser"}, True, id="CloudTrail, no errorCode"),
    pytest.param(
        "cloudtrail",
        {**CLOUDTRAIL, "eventName": "CreateUser", "errorCode": "AccessDenied"},
        False,
        id="CloudTrail, an error",
    ),
    pytest.param(
        "cloudtrail",
        {**CLOUDTRAIL, "eventName": "CheckMfa", "responseElements": {"CheckMfa": "Failure"}},
        False,
        id="CloudTrail, an answer under the event's own name",
    ),
    pytest.param(
        "cloudtrail",
        {**CLOUDTRAIL, "eventName": "CredentialChallenge", "serviceEventDetails": {"CredentialChallenge": "Failure"}},
        False,
        id="CloudTrail, an answer of Identity Center",
    ),
    pytest.param(
        "azure_activity",
        {
            "eventTimestamp": AT,
            "operationName": "Microsoft.X/y/write",
            "resourceId": "/r",
            "status": {"value": "Started"},
        },
        None,
        id="Azure, started",
    ),
    pytest.param(
        "azure_activity",
        {
            "eventTimestamp": AT,
            "operationName": "Microsoft.X/y/write",
            "resourceId": "/r",
            "status": {"value": "Succeeded"},
        },
        True,
        id="Azure, succeeded",
    ),
    pytest.param(
        "docusign",
        {"event": "envelope-declined", "generatedDateTime": AT, "data": {"accountId": "a", "envelopeId": "e"}},
        None,
        id="DocuSign, declining is what was done",
    ),
    pytest.param(
        "slack",
        {
            "action": "user_login_failed",
            "actor": {"type": "user", "user": {"id": "u"}},
            "context": {"location": {"id": "l"}},
            "date_create": 1772445600,
        },
        False,
        id="a failed sign-in of a source without outcomes",
    ),
]


@pytest.mark.parametrize(("source", "event", "success"), OUTCOMES)
def test_an_outcome_is_one_that_the_event_or_its_documentation_gives(
    activity: Any, source: str, event: dict[str, Any], success: bool | None
) -> None:
    result = activity(source, **event)["mainInfo"].get("activityResult")
    assert (result and result["isSuccess"]) == success


def test_an_unknown_login_of_okta_is_not_a_name(activity: Any) -> None:
    actor = {"id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown", "displayName": "Provisioner"}
    target = [{"id": "1", "type": "User", "alternateId": "unknown", "displayName": "B"}]
    record = activity("okta", **{**OKTA, "eventType": "x.y", "actor": actor, "target": target})
    assert record["user"] == {"userName": "Provisioner"}
    assert record["mainInfo"]["eventObjects"][0]["name"] == "B"


NAMED = [
    pytest.param(
        "snowflake",
        {
            "EVENT_TIMESTAMP": AT,
            "EVENT_TYPE": "LOGIN",
            "USER_NAME": None,
            "REPORTED_CLIENT_TYPE": "OTHER",
            "IS_SUCCESS": "NO",
        },
        id="a failed sign-in to Snowflake with an unknown name",
    ),
    pytest.param(
        "entra_signin",
        {
            "id": "s",
            "createdDateTime": AT,
            "userPrincipalName": "a@example.com",
            "appDisplayName": None,
            "conditionalAccessStatus": "notApplied",
            "status": {"errorCode": 0},
        },
        id="a sign-in without the app's name",
    ),
    pytest.param(
        "entra_signin",
        {
            "id": "s",
            "createdDateTime": AT,
            "userPrincipalName": None,
            "servicePrincipalName": "p",
            "appId": "a",
            "resourceId": "r",
            "ipAddress": "192.0.2.1",
        },
        id="a sign-in of a service principal",
    ),
    pytest.param(
        "github",
        {"_document_id": "d", "@timestamp": 1772445600000, "action": "workflows.completed_workflow_run"},
        id="GitHub without an actor",
    ),
    pytest.param(
        "salesforce",
        {
            "EventIdentifier": "e",
            "EventDate": AT,
            "LoginKey": "k",
            "LoginType": "Application",
            "Username": "a@example.com",
        },
        id="a real-time sign-in to Salesforce",
    ),
    pytest.param(
        "salesforce",
        {"CreatedDate": AT, "CreatedById": "1", "Section": None, "Display": "x", "Action": "y"},
        id="a setup change without a section",
    ),
    pytest.param(
        "auth0",
        {"log_id": "l", "_id": "l", "date": AT, "type": "limit_wc", "ip": "192.0.2.1"},
        id="Auth0 without a client",
    ),
]


@pytest.mark.parametrize(("source", "event"), NAMED)
def test_a_named_source_still_takes_what_lacks_a_usual_key(ingested: Any, source: str, event: dict[str, Any]) -> None:
    assert ingested(source, **event).activity["mainInfo"]["rawOperationName"]
