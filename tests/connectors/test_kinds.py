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
