import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest.enrich.agents import origin

TIME = {"eventName": "X", "eventTime": "2023-07-10T12:23:15Z", "recipientAccountId": "017622104382", "eventID": "e"}
ALICE = {"type": "IAMUser", "userName": "Alice", "principalId": "AIDA", "arn": "arn:aws:iam::1:user/Alice"}
SESSION = {
    "type": "AssumedRole",
    "principalId": "AROA:pat",
    "arn": "arn:aws:sts::1:assumed-role/Admin/pat",
    "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "Admin"}},
}


def test_a_real_console_login(golden):
    login, *_ = golden("cloudtrail/invictus.ndjson")
    assert login.id == "123837392027_11599_70e5932e-9022-4b38-837e-ca10dad94eb7"
    record = dict(login.activity)
    assert record.pop("rawDataJson")["eventName"] == "ConsoleLogin"
    assert record.pop("userAgent")["deviceType"] == "OTHER"
    assert record.pop("enrichment") == {origin(): {"userAgent": True}}
    name, identity = "stratus-red-team-nmfalu-gfjyeaypjt", "AIDATFQR7NSCYG26CT6RI"
    shared = {
        "part": "actor",
        "name": name,
        "role": 2,
        "saasId": 11599,
        "instanceId": 123837392027,
        "resolved": False,
        "tags": [],
    }
    assert record == {
        "appId": 11599,
        "saasId": 11599,
        "srcAppId": 11599,
        "appName": "Amazon Web Services",
        "instanceId": 123837392027,
        "instanceName": "123837392027",
        "eventTypeName": "EVENT_CATEGORY_LOGIN",
        "eventTypeValue": "EVENT_AWS_SIGNIN_GENERIC",
        "genericEventType": "ENUM_ACTIVITY_GENERIC_TYPE_LOGIN",
        "description": "Log on",
        "description_id": "EVENT_DESCRIPTION_LOGIN",
        "mainInfo": {
            "type": "login",
            "rawOperationName": "ConsoleLogin",
            "prettyOperationName": "ConsoleLogin",
            "eventObjects": [{"objType": 21, "id": name, **shared}, {"objType": 23, "id": identity, **shared}],
            "activityResult": {"isSuccess": True},
        },
        "device": {
            "clientIP": "192.168.10.20",
            "userAgent": "stratus-red-team_01190e38-873e-4cc4-aede-7ceb7ffc2a4a",
        },
        "user": {"userName": name},
        "resolvedActor": {
            "id": identity,
            "saasId": "11599",
            "instanceId": "123837392027",
            "objType": "23",
            "role": "2",
            "name": name,
            "resolved": False,
            "tags": [],
        },
        "entityData": {
            "0": {"displayName": name, "id": {"id": name, "saas": 11599, "inst": 123837392027}, "resolved": False},
            "1": None,
            "2": {"displayName": name, "id": {"id": identity, "saas": 11599, "inst": 123837392027}, "resolved": False},
        },
        "isAdminOperation": False,
        "source": 2,
        "severity": "INFO",
        "verb": "sign-in",
        "sourceId": "70e5932e-9022-4b38-837e-ca10dad94eb7",
        "timestamp": 1688991795000,
        "timestampRaw": 1688991795000,
    }


def test_incomplete_events_of_rule_tests(golden):
    lowered, *refused = golden("cloudtrail/panther.ndjson")
    assert isinstance(lowered, NewActivity)
    assert lowered.activity["mainInfo"]["rawOperationName"] == "GetRecords"
    assert lowered.timestamp == 1673384642000
    assert [each.reason for each in refused] == [
        "no usable time: eventTime is 'redacted'",
        "no usable time: eventTime is '...'",
    ]


USERS = [
    pytest.param(ALICE, "Alice", id="a user by name"),
    pytest.param(SESSION, "pat", id="a role by its session"),
    pytest.param({"type": "Root", "arn": "arn:aws:iam::1:root"}, "root", id="root"),
    pytest.param({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com", id="a service"),
    pytest.param({"type": "AWSAccount", "principalId": "p", "accountId": "1"}, "p", id="another account"),
    pytest.param("pat", None, id="not an object"),
]


@pytest.mark.parametrize(("identity", "name"), USERS)
def test_who(activity, identity, name):
    assert activity("cloudtrail", **TIME, userIdentity=identity).get("user", {}).get("userName") == name


CATEGORIES = [
    pytest.param({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Success"}}, "LOGIN", id="log-on"),
    pytest.param(
        {"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, "FAILED_LOGIN", id="failed"
    ),
    pytest.param({"eventName": "CreateUser"}, "CREATE_USER", id="a user made"),
    pytest.param({"eventName": "DeleteUser"}, "DELETE_USER", id="a user deleted"),
    pytest.param({"eventName": "GetObject"}, "DOWNLOAD_FILE", id="a download"),
    pytest.param({"eventName": "PutObject"}, "UPLOAD_FILE", id="an upload"),
    pytest.param({"eventName": "DescribeInstances"}, "UNSPECIFIED", id="anything else"),
]


@pytest.mark.parametrize(("fields", "category"), CATEGORIES)
def test_what(activity, fields, category):
    assert activity("cloudtrail", **{**TIME, **fields})["eventTypeName"] == f"EVENT_CATEGORY_{category}"


def test_a_failed_log_on_has_no_user_but_the_name_that_was_tried(activity):
    failed = {"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}, "errorMessage": "Failed"}
    found = activity("cloudtrail", **{**TIME, **failed}, userIdentity=ALICE)
    assert "user" not in found
    assert found["failedUserData"] == {"userName": "Alice"}
    assert found["mainInfo"]["activityResult"] == {"isSuccess": False, "message": "Failed"}


SOURCES = [
    pytest.param("203.0.113.1", "203.0.113.1", None, id="an address"),
    pytest.param("secretsmanager.amazonaws.com", None, 5, id="a DNS name is a cloud provider"),
    pytest.param("AWS Internal", None, 5, id="AWS itself"),
    pytest.param("253.252.51.07", None, None, id="an invalid octet"),
]


@pytest.mark.parametrize(("source", "address", "category"), SOURCES)
def test_where_from(activity, source, address, category):
    found = activity("cloudtrail", **TIME, sourceIPAddress=source)
    assert found.get("device", {}).get("clientIP") == address
    assert found.get("location", {}).get("category") == category


MANAGED = {"readOnly": False, "managementEvent": True}
FLAGS = [
    pytest.param({"readOnly": False, "managementEvent": True}, True, id="a change of management"),
    pytest.param({"readOnly": "False", "managementEvent": "True"}, True, id="written as text"),
    pytest.param({"readOnly": False, "eventCategory": "Management"}, True, id="by its category"),
    pytest.param({"readOnly": True, "managementEvent": True}, False, id="reading only"),
    pytest.param({"readOnly": False, "managementEvent": False}, False, id="data"),
    pytest.param({"managementEvent": True}, True, id="not told, and no name of reading"),
    pytest.param({"managementEvent": True, "eventName": "GetUser"}, False, id="reading, by its name"),
    pytest.param({"eventName": "CreateUser", "eventVersion": "1.05"}, True, id="a change, before events said so"),
    pytest.param({"eventName": "PutObject", "eventVersion": "1.05"}, False, id="data, before events said so"),
    pytest.param(
        {**MANAGED, "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com"}, False, id="a sign-in"
    ),
    pytest.param(
        {**MANAGED, "eventName": "CredentialChallenge", "eventSource": "signin.amazonaws.com"},
        False,
        id="a step of a sign-in",
    ),
    pytest.param(
        {**MANAGED, "eventName": "GetFederationToken", "eventSource": "sts.amazonaws.com"}, False, id="taking a role"
    ),
    pytest.param(
        {**MANAGED, "eventName": "RotateKey", "eventType": "AwsServiceEvent"}, False, id="a service by itself"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fields", "admin"), FLAGS)
def test_admin(activity, fields, admin):
    assert activity("cloudtrail", **{**TIME, **fields})["isAdminOperation"] is admin


IMPERSONATED = [
    pytest.param(SESSION, None, id="a role"),
    pytest.param({**SESSION, "principalId": "AROA:i-0abc"}, None, id="an instance's own role"),
    pytest.param({**SESSION, "invokedBy": "ec2.amazonaws.com"}, None, id="a service with a role of its own"),
    pytest.param({**SESSION, "onBehalfOf": {"userId": "u"}}, True, id="a role for a user of Identity Center"),
    pytest.param(
        {**ALICE, "invokedBy": "cloudformation.amazonaws.com"}, None, id="a service in the course of a user's request"
    ),
    pytest.param(ALICE, None, id="a user"),
    pytest.param({**SESSION, "type": "Root"}, None, id="root"),
    pytest.param({**SESSION, "sessionContext": {"sessionIssuer": {}}}, None, id="no issuer"),
]


@pytest.mark.parametrize(("identity", "expected"), IMPERSONATED)
def test_impersonated(activity, identity, expected):
    assert activity("cloudtrail", **TIME, userIdentity=identity).get("isImpersonated") is expected


def test_brackets_around_the_agent_are_no_part_of_it(activity):
    found = activity("cloudtrail", **TIME, userAgent="[Boto3/1.26.165 Python/3.10.6]")
    assert found["device"]["userAgent"] == "Boto3/1.26.165 Python/3.10.6"


OBJECTS = [
    pytest.param(
        {"resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/a/k.txt"}]},
        [(3, "arn:aws:s3:::b/a/k.txt", "a/k.txt")],
        id="an object of S3 is a file",
    ),
    pytest.param(
        {"eventSource": "s3.amazonaws.com", "requestParameters": {"bucketName": "b", "key": "k"}},
        [(3, "arn:aws:s3:::b/k", "k"), (1, "b", "b")],
        id="an object that only the request names",
    ),
    pytest.param(
        {"requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}, "maxResults": 5}},
        [(1, "i-1", "i-1")],
        id="an instance in a set",
    ),
    pytest.param({"requestParameters": ["x"], "resources": "y"}, [], id="the wrong shapes"),
]


@pytest.mark.parametrize(("fields", "expected"), OBJECTS)
def test_objects(activity, fields, expected):
    found = activity("cloudtrail", **{**TIME, **fields})["mainInfo"]["eventObjects"]
    assert [(each["objType"], each["id"], each["name"]) for each in found] == expected


def test_an_account_number_keeps_its_zero_in_its_name(made):
    found = made("cloudtrail", **TIME)
    assert found.id == "017622104382_11599_e"
    assert (found.activity["instanceId"], found.activity["instanceName"]) == (17622104382, "017622104382")


def test_one_event_in_two_accounts_is_two(made):
    assert made("cloudtrail", **TIME).id != made("cloudtrail", **{**TIME, "recipientAccountId": "2"}).id


def test_an_event_without_an_id_goes_by_its_digest(made):
    found = made("cloudtrail", **{key: value for key, value in TIME.items() if key != "eventID"})
    assert found.id == f"017622104382_11599_{found.digest}"


def test_logstash_keeps_the_time_elsewhere(made):
    assert made("cloudtrail", **{"@timestamp": "2020-09-14T00:44:23.000Z"}, eventName="X").timestamp == 1600044263000


def test_a_user_of_identity_center_is_named_by_their_id_not_by_the_account(activity):
    """As the user guide shows `userIdentity` of a request on behalf of such a user."""
    person = "544894e8-80c1-707f-60e3-3ba6510dfac1"
    identity = {
        "type": "IdentityCenterUser",
        "accountId": "123456789012",
        "onBehalfOf": {"userId": person, "identityStoreArn": "arn:aws:identitystore::123456789012:identitystore/d-1"},
        "credentialId": "EXAMPLE",
    }
    record = activity("cloudtrail", **TIME, userIdentity=identity)
    assert record["user"] == {"userName": person}
    assert record["resolvedActor"]["id"] == person
