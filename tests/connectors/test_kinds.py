"""Kinds of events within a source, in the shapes that vendors document, beside those of the samples."""

import pytest

AT = "2026-03-02T10:00:00Z"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def localized(value):
    return {"value": value, "localizedValue": value}


def test_azure_activity_as_the_rest_api_and_the_command_line_write_it(ingested):
    """https://learn.microsoft.com/rest/api/monitor/activity-logs/list: the address is a claim if there was no HTTP request."""
    record = ingested(
        "azure_activity",
        authorization={"action": "Microsoft.Storage/storageAccounts/listKeys/action", "scope": "/subscriptions/s"},
        caller="ana@example.com",
        category=localized("Administrative"),
        claims={"ipaddr": "203.0.113.7", "name": "Ana Example", OBJECT_ID: "5289"},
        correlationId="c",
        eventDataId="ed1",
        eventName=localized("EndRequest"),
        eventTimestamp=AT,
        httpRequest=None,
        operationName=localized("Microsoft.Storage/storageAccounts/listKeys/action"),
        resourceId="/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/x",
        status=localized("Succeeded"),
        subscriptionId="s",
    )
    assert record.id == "s_12260_ed1"
    assert record.activity["device"] == {"clientIP": "203.0.113.7"}
    assert record.activity["user"] == {"userName": "ana@example.com"}
    assert record.activity["resolvedActor"]["id"] == "5289"
    assert record.activity["mainInfo"]["activityResult"] == {"isSuccess": True}


def test_azure_activity_as_the_sdk_for_python_writes_it(ingested):
    """https://learn.microsoft.com/python/api/azure-mgmt-monitor/azure.mgmt.monitor.models.eventdata: the `as_dict` of an event."""
    action, resource = "Microsoft.Storage/storageAccounts/listKeys/action", "/subscriptions/s/resourceGroups/r"
    record = ingested(
        "azure_activity",
        authorization={"action": action, "scope": resource},
        caller="ana@example.com",
        category={"value": "Administrative", "localized_value": "Administrative"},
        claims={OBJECT_ID: "5289"},
        correlation_id="c",
        event_data_id="ed1",
        event_timestamp=AT,
        http_request={"client_ip_address": "203.0.113.7", "method": "POST"},
        operation_name={"value": action, "localized_value": "List Storage Account Keys"},
        resource_id=resource,
        resource_provider_name={"value": "Microsoft.Storage", "localized_value": "Microsoft.Storage"},
        status={"value": "Succeeded", "localized_value": "Succeeded"},
        subscription_id="s",
    )
    assert record.id == "s_12260_ed1"
    assert record.activity["device"] == {"clientIP": "203.0.113.7"}
    assert record.activity["user"] == {"userName": "ana@example.com"}
    main = record.activity["mainInfo"]
    assert (main["rawOperationName"], main["prettyOperationName"]) == (action, "List Storage Account Keys")
    assert main["activityResult"] == {"isSuccess": True}
    assert main["eventObjects"][0]["id"] == resource
    assert main["eventObjects"][0]["serviceObjectType"] == "Microsoft.Storage"
    assert record.activity["isAdminOperation"]


REAL_TIME = [
    pytest.param({}, "LogoutEvent", "sign-out", id="no key of its own"),
    pytest.param({"attributes": {"type": "LogoutEvent"}}, "LogoutEvent", "sign-out", id="attributes"),
    pytest.param({"PageUrl": "/lightning/r/1"}, "LightningUriEvent", "view", id="a page"),
    pytest.param({"ReportId": "00O1", "Operation": "ReportExported"}, "ReportEvent", "view", id="a report"),
    pytest.param({"LoginAsCategory": "OrgAdmin", "LoginType": ""}, "LoginAsEvent", "sign-in", id="login as"),
]


@pytest.mark.parametrize(("keys", "operation", "verb"), REAL_TIME)
def test_a_real_time_event_of_salesforce_without_attributes_is_known_by_its_keys(ingested, keys, operation, verb):
    """https://developer.salesforce.com/docs/atlas.en-us.platform_events.meta/platform_events/sforce_api_objects_logoutevent.htm"""
    record = ingested(
        "salesforce",
        EventDate=AT,
        EventIdentifier="e1",
        LoginKey="k",
        SessionKey="s1",
        SessionLevel="STANDARD",
        SourceIp="203.0.113.7",
        UserId="0051",
        Username="ana@example.com",
        **keys,
    ).activity
    assert record["mainInfo"]["rawOperationName"] == operation
    assert record["verb"] == verb
    assert record["user"] == {"userName": "ana@example.com"}
    assert record["session"] == "s1"


def test_a_login_event_of_salesforce_without_attributes(ingested):
    """https://developer.salesforce.com/docs/atlas.en-us.platform_events.meta/platform_events/sforce_api_objects_loginevent.htm"""
    record = ingested(
        "salesforce",
        EventDate=AT,
        LoginKey="k",
        LoginType="Application",
        SourceIp="203.0.113.7",
        Status="Success",
        UserId="0051",
        Username="ana@example.com",
    ).activity
    assert record["eventTypeName"] == "EVENT_CATEGORY_LOGIN"
    assert record["user"] == {"userName": "ana@example.com"}
    assert record["device"]["clientIP"] == "203.0.113.7"


@pytest.mark.parametrize("user", [{"USER_NAME": None}, {}], ids=["null", "absent"])
def test_a_sign_in_to_snowflake_with_an_unknown_name(ingested, user):
    """https://docs.snowflake.com/en/sql-reference/account-usage/login_history: such a sign-in has no user."""
    record = ingested(
        "snowflake",
        EVENT_ID=1,
        EVENT_TIMESTAMP=AT,
        EVENT_TYPE="LOGIN",
        CLIENT_IP="203.0.113.7",
        REPORTED_CLIENT_TYPE="SNOWFLAKE_UI",
        IS_SUCCESS="NO",
        ERROR_MESSAGE="INCORRECT_USERNAME_PASSWORD",
        **user,
    ).activity
    assert record["eventTypeName"] == "EVENT_CATEGORY_FAILED_LOGIN"
    assert "user" not in record
    assert record["device"]["clientIP"] == "203.0.113.7"
