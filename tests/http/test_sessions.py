"""One query returns a session across all sources."""

import json

import pytest

INGEST, LIST = "/api/ext/v1/activities", "/api/v1/activities/"
AT, SESSION, TOKEN = "2026-03-02T10:00:0", "00225cfa-a0ff-fb46-a079-5d152fcdf72a", "x7Vd_Nq4Kk6"
AWS = {"eventSource": "sts.amazonaws.com", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333"}
ROLE = {"type": "AssumedRole", "principalId": "AROA1:pat"}
EVENTS = [
    {
        "id": "sign-in", "createdDateTime": f"{AT}0Z", "userPrincipalName": "pat@contoso.example", "appDisplayName": "Portal",
        "status": {"errorCode": 0}, "sessionId": SESSION, "uniqueTokenIdentifier": TOKEN,
    },
    {
        "CreationTime": f"{AT}1", "Id": "file", "Operation": "FileDownloaded", "OrganizationId": "o", "UserId": "pat@contoso.example",
        "Workload": "SharePoint", "RecordType": 6, "AppAccessContext": {"AADSessionId": SESSION, "UniqueTokenId": TOKEN},
    },
    {
        "CreationTime": f"{AT}2", "Id": "mail", "Operation": "MailItemsAccessed", "OrganizationId": "o", "UserId": "pat@contoso.example",
        "Workload": "Exchange", "RecordType": 50, "SessionId": SESSION,
    },
    {
        **AWS, "eventTime": f"{AT}3Z", "eventID": "assume", "eventName": "AssumeRole", "userIdentity": {"type": "IAMUser", "accessKeyId": "AKIA1"},
        "responseElements": {"credentials": {"accessKeyId": "ASIA1"}, "assumedRoleUser": {"assumedRoleId": "AROA1:pat"}},
    },
    {**AWS, "eventTime": f"{AT}4Z", "eventID": "first", "eventName": "ListUsers", "userIdentity": {**ROLE, "accessKeyId": "ASIA1"}},
    {**AWS, "eventTime": f"{AT}5Z", "eventID": "second", "eventName": "ListRoles", "userIdentity": {**ROLE, "accessKeyId": "ASIA2"}},
    {
        "uuid": "okta", "published": f"{AT}6Z", "eventType": "user.session.start", "actor": {"id": "a", "alternateId": "pat@contoso.example"},
        "outcome": {"result": "SUCCESS"}, "authenticationContext": {"externalSessionId": "trs1"},
    },
    {
        "uuid": "none", "published": f"{AT}7Z", "eventType": "app.oauth2.token.grant", "actor": {"id": "b", "alternateId": "unknown"},
        "outcome": {"result": "SUCCESS"}, "authenticationContext": {"externalSessionId": "unknown"},
    },
]  # fmt: skip
SESSIONS = [
    pytest.param({"eq": SESSION}, ["sign-in", "file", "mail"], id="a session of Entra, in two logs"),
    pytest.param({"eq": TOKEN}, ["sign-in", "file"], id="a token of Entra"),
    pytest.param({"eq": "AKIA1"}, ["assume"], id="an access key"),
    pytest.param({"eq": "ASIA1"}, ["assume", "first"], id="an access key, and the request that issued it"),
    pytest.param({"startswith": "AROA1:"}, ["assume", "first", "second"], id="the sessions of a role"),
    pytest.param({"eq": ["trs1", SESSION]}, ["sign-in", "file", "mail", "okta"], id="sessions of two sources"),
    pytest.param({"isset": False}, ["none"], id="without a session"),
    pytest.param({"neq": SESSION}, ["assume", "first", "second", "okta", "none"], id="everything else"),
]


@pytest.fixture
def ingested(ask):
    body = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
    assert ask("POST", INGEST, body).json == {"stored": len(EVENTS), "duplicates": 0, "refused": []}
    return ask


@pytest.mark.parametrize(("asked", "expected"), SESSIONS)
def test_session(ingested, asked, expected):
    body = {"filters": {"session": asked}, "sortField": "date", "sortDirection": "asc"}
    found = ingested("POST", LIST, json.dumps(body).encode()).json["data"]
    assert [record["sourceId"] for record in found] == expected
