import pytest

from casbah.activity.new_activity import NewActivity

ID = {"time": "2022-08-15T16:24:44.109Z", "uniqueQualifier": "-7", "applicationName": "drive", "customerId": "C0"}
ACTOR = {"email": "pat@example.io", "profileId": "123"}


def test_each_event_inside_is_an_activity_with_an_id_of_its_own(golden):
    login, *rest = golden("google_workspace/invictus.ndjson")
    prefix = "C00mpaiwz_11770_1659424993089_admin_-8719895655046965875"
    assert login.id == "C00mpaiwz_11770_1660580648797_login_722534617001_0_login_success"
    assert [each.id for each in rest[:2]] == [f"{prefix}_0_CHANGE_GROUP_SETTING", f"{prefix}_1_CHANGE_GROUP_SETTING"]
    assert rest[0].digest == rest[1].digest
    assert rest[0].activity["rawDataJson"] == rest[1].activity["rawDataJson"]
    assert [each.activity["mainInfo"]["eventObjects"][1]["id"] for each in rest[:2]] == [
        "WHO_CAN_POST_MESSAGE",
        "IS_ARCHIVED",
    ]


def test_the_flattened_form(golden):
    role, refused = golden("google_workspace/panther.ndjson")
    assert isinstance(role, NewActivity)
    assert role.activity["description"] == "DELETE_ROLE: CustomAdminRoleName"
    assert role.activity["isAdminOperation"]
    assert role.timestamp == 1670727468693
    assert refused.reason == "no usable time: id.time is absent"


def test_without_a_qualifier_it_is_a_source_without_ids(made):
    identity = {key: value for key, value in ID.items() if key != "uniqueQualifier"}
    found = made("google_workspace", id=identity, name="view")
    assert found.id == f"C0_11770_{found.digest}"


CATEGORIES = [
    pytest.param("login", "login_success", "EVENT_CATEGORY_LOGIN", id="log-on"),
    pytest.param("login", "login_failure", "EVENT_CATEGORY_FAILED_LOGIN", id="failed log-on"),
    pytest.param("login", "logout", "EVENT_CATEGORY_LOGOUT", id="log-off"),
    pytest.param("saml", "login_success", "EVENT_CATEGORY_SSO_LOGIN", id="single sign-on"),
    pytest.param("drive", "download", "EVENT_CATEGORY_DOWNLOAD_FILE", id="a download"),
    pytest.param("gmail", "download", "EVENT_CATEGORY_UNSPECIFIED", id="another app's download"),
    pytest.param("admin", "CREATE_USER", "EVENT_CATEGORY_CREATE_USER", id="a user made"),
]


@pytest.mark.parametrize(("application", "name", "category"), CATEGORIES)
def test_what(activity, application, name, category):
    found = activity("google_workspace", id={**ID, "applicationName": application}, events=[{"name": name}])
    assert found["eventTypeName"] == category
    assert found["eventTypeValue"] == f"EVENT_GOOGLE_{application.upper()}_GENERIC"
    assert found["mainInfo"]["rawOperationName"] == name


ACTORS = [
    pytest.param(ACTOR, "pat@example.io", "123", id="by address"),
    pytest.param({"profileId": "123"}, "123", "123", id="by profile"),
    pytest.param({"callerType": "KEY", "key": "SYSTEM"}, "SYSTEM", "SYSTEM", id="by key"),
]


@pytest.mark.parametrize(("actor", "name", "identity"), ACTORS)
def test_who(activity, actor, name, identity):
    found = activity("google_workspace", id=ID, actor=actor, name="view")
    assert found["user"]["userName"] == name
    assert found["resolvedActor"]["id"] == identity


PARAMETERS = [
    pytest.param([{"name": "doc_id", "value": "d"}, {"name": "doc_title", "value": "Plan"}], id="the API's list"),
    pytest.param({"doc_id": "d", "doc_title": "Plan", "billable": True, "is_encrypted": None}, id="an object"),
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_a_document_is_a_file(activity, parameters):
    found = activity("google_workspace", id=ID, events=[{"name": "view", "parameters": parameters}])
    (document,) = found["mainInfo"]["eventObjects"]
    assert (document["objType"], document["id"], document["name"]) == (3, "d", "Plan")
    assert found["description"] == "view: Plan"


OBJECTS = [
    pytest.param({"doc_id": "d", "doc_type": "folder"}, (4, 3, "d"), id="a folder"),
    pytest.param({"target_user": "sam@example.io"}, (21, 5, "sam@example.io"), id="a person"),
    pytest.param({"USER_EMAIL": "sam@example.io"}, (21, 5, "sam@example.io"), id="a person in capitals"),
    pytest.param({"client_id": "c"}, (6, 1, "c"), id="an app"),
]


@pytest.mark.parametrize(("parameters", "expected"), OBJECTS)
def test_objects(activity, parameters, expected):
    found = activity("google_workspace", id=ID, name="view", parameters=parameters)
    each = found["mainInfo"]["eventObjects"][0]
    assert (each["objType"], each["role"], each["id"]) == expected


def test_labels(activity):
    parameters = {"doc_id": "d", "label_id": ["l1", "l2"]}
    found = activity("google_workspace", id=ID, name="view", parameters=parameters)
    assert found["mainInfo"]["eventObjects"][0]["labels"] == ["l1", "l2"]


def test_a_failed_log_on_has_no_user_but_the_name_that_was_tried(activity):
    event = {"name": "login_failure", "parameters": [{"name": "login_failure_type", "value": "bad_password"}]}
    found = activity("google_workspace", id={**ID, "applicationName": "login"}, actor=ACTOR, events=[event])
    assert "user" not in found
    assert found["failedUserData"] == {"userName": "pat@example.io"}
    assert found["mainInfo"]["activityResult"] == {"isSuccess": False, "message": "bad_password"}


def test_the_country_that_the_source_tells(activity):
    found = activity("google_workspace", id=ID, name="view", networkInfo={"regionCode": "NL"}, ipAddress="2a01::1")
    assert found["location"] == {"countryCode": "NL"}
    assert found["device"] == {"clientIP": "2a01::1", "countryCode": "NL"}
