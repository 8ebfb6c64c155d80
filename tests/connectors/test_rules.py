"""Flags, outcomes and names of users: what the source says, and nothing else; each rule has its reason."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from casbah.ingest.connectors import connectors
from casbah.ingest.contract import ReadingRule

FOLDER = Path(__file__).parents[2] / "src" / "casbah" / "ingest" / "connectors"
FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mapping_file_gives_the_reason_for_each_of_its_rules(path):
    mapping = tomllib.loads(path.read_text("utf-8"))
    rules = {*mapping.get("flags", {}), *(["outcome"] if "outcome" in mapping else [])}
    assert rules <= set(mapping.get("reasons", {}))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("[a-z]*.py")))
def test_a_connector_in_python_documents_each_of_its_rules(name):
    module = import_module(f"casbah.ingest.connectors.{name}")
    tables = [value for value in vars(module).values() if isinstance(value, tuple)]
    rules = [item for table in tables for item in table if isinstance(item, ReadingRule)]
    assert [rule for rule in rules if rule not in module.CONNECTOR.rules] == []


def test_every_rule_has_words():
    rules = [rule for connector in connectors().values() for rule in connector.rules]
    assert all(rule.when and rule.reason for rule in rules)
    assert {rule.says for rule in rules} == {
        "administrative", "not administrative", "impersonated", "not impersonated", "outcome", "user",
    }  # fmt: skip


OKTA = {
    "uuid": "u",
    "published": "2026-03-02T10:00:00Z",
    "actor": {"id": "a", "type": "User", "alternateId": "pat@x.com"},
}
SYSTEM = {"actor": {"id": "sys", "type": "SystemPrincipal", "alternateId": "system@okta.com"}}
GITHUB = {"_document_id": "d", "@timestamp": 1_750_000_000_000, "actor": "pat"}
ENTRA = {
    "id": "i",
    "activityDateTime": "2026-03-02T10:00:00Z",
    "initiatedBy": {"user": {"userPrincipalName": "pat@x.com"}},
}
CONSENT = {
    **ENTRA,
    "activityDisplayName": "Consent to application",
    "targetResources": [{"id": "app", "modifiedProperties": [{"displayName": "ConsentContext.IsAdminConsent", "newValue": '"False"'}]}],
}  # fmt: skip
AZURE = {"eventDataId": "e", "eventTimestamp": "2026-03-02T10:00:00Z", "resourceId": "/subscriptions/s"}

ADMIN = [
    *(
        pytest.param("okta", {**OKTA, "eventType": operation}, admin, id=f"okta {operation}")
        for operation, admin in (
            ("system.push.send_factor_verify_push", False),
            ("system.email.delivery", False),
            ("security.threat.detected", False),
            ("application.policy.sign_on.deny_access", False),
            ("system.org.rate_limit.warning", False),
            ("application.lifecycle.update", True),
            ("policy.rule.update", True),
            ("system.api_token.create", True),
            ("user.lifecycle.deactivate", True),
        )
    ),
    pytest.param("okta", {**OKTA, **SYSTEM, "eventType": "policy.rule.update"}, False, id="what Okta itself does"),
    pytest.param("github", {**GITHUB, "action": "business.sso_response"}, False, id="a sign-in to GitHub"),
    pytest.param("github", {**GITHUB, "action": "org.sso_response"}, False, id="a sign-in to an organisation"),
    pytest.param("github", {**GITHUB, "action": "org.add_member"}, True, id="a member of an organisation"),
    pytest.param("entra_audit", {**ENTRA, "activityDisplayName": "Add member to role"}, True, id="a role of Entra"),
    pytest.param("entra_audit", {**ENTRA, "activityDisplayName": "Change password (self-service)"}, False, id="one's own password"),
    pytest.param("entra_audit", {**ENTRA, "activityDisplayName": "User registered security info"}, False, id="one's own factors"),
    pytest.param("entra_audit", CONSENT, False, id="a user's own consent"),
    pytest.param("azure_activity", {**AZURE, "operationName": "Microsoft.Network/virtualNetworks/write"}, True, id="a network"),
    pytest.param("azure_activity", {**AZURE, "operationName": "Microsoft.Authorization/policies/audit/action", "category": "Policy"}, False, id="Azure Policy itself"),
    pytest.param("auth0", {"log_id": "l", "date": "2026-03-02T10:00:00Z", "type": "mgmt_api_read"}, False, id="reading by the management API"),
    pytest.param("zendesk", {"id": 1, "created_at": "2026-03-02T10:00:00Z", "source_type": "user", "action": "login"}, False, id="a sign-in to Zendesk"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "event", "admin"), ADMIN)
def test_admin(activity, source, event, admin):
    assert activity(source, **event)["isAdminOperation"] is admin


IMPERSONATED = [
    pytest.param("user.session.impersonation.initiate", True, id="Okta's support as a user"),
    pytest.param("user.session.impersonation.grant", None, id="to grant that"),
]


@pytest.mark.parametrize(("operation", "expected"), IMPERSONATED)
def test_impersonated(activity, operation, expected):
    assert activity("okta", **OKTA, eventType=operation).get("isImpersonated") is expected


SIGN_IN = {
    "id": "s",
    "createdDateTime": "2026-03-02T10:00:00Z",
    "userPrincipalName": "pat@x.com",
    "appDisplayName": "Portal",
}
LOGGED = {"insertId": "i", "timestamp": "2026-03-02T10:00:00Z"}
GOOGLE = {
    "id": {"time": "2026-03-02T10:00:00Z", "applicationName": "chrome", "customerId": "c", "uniqueQualifier": "1"}
}
OUTCOMES = [
    pytest.param("entra_signin", {**SIGN_IN, "status": {"errorCode": 0}}, "LOGIN", True, id="a sign-in"),
    pytest.param("entra_signin", {**SIGN_IN, "status": {"errorCode": 50126}}, "FAILED_LOGIN", False, id="a failed one"),
    pytest.param("entra_signin", {**SIGN_IN, "status": {"errorCode": 50140}}, "UNSPECIFIED", None, id="keep me signed in?"),
    pytest.param("entra_signin", {**SIGN_IN, "ResultType": "50199"}, "UNSPECIFIED", None, id="are you trying to sign in?"),
    pytest.param("gcp", {**LOGGED, "protoPayload": {"methodName": "google.login.LoginService.loginFailure"}}, "FAILED_LOGIN", False, id="a failed sign-in to Google"),
    pytest.param("google_workspace", {**GOOGLE, "events": [{"name": "CHROME_OS_LOGIN_FAILURE_EVENT"}]}, "FAILED_LOGIN", False, id="a failed sign-in to a Chromebook"),
    pytest.param("google_workspace", {**GOOGLE, "events": [{"name": "DEVICE_BOOT_STATE_CHANGE"}]}, "UNSPECIFIED", None, id="nothing where Google says nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "event", "category", "success"), OUTCOMES)
def test_outcome(activity, source, event, category, success):
    found = activity(source, **event)
    assert found["eventTypeName"] == f"EVENT_CATEGORY_{category}"
    assert found["mainInfo"].get("activityResult", {}).get("isSuccess") is success


NAMES = [
    pytest.param("okta", {**OKTA, "eventType": "x", "actor": {"id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown", "displayName": "Provisioner"}}, "Provisioner", id="a client of Okta"),
    pytest.param("microsoft365", {"CreationTime": "2026-03-02T10:00:00", "Id": "u", "Operation": "FileAccessed", "UserId": "urn:spo:guest#user@example.com"}, "user@example.com", id="a guest"),
    pytest.param("microsoft365", {"CreationTime": "2026-03-02T10:00:00", "Id": "u", "Operation": "FileAccessed", "UserId": "urn:spo:anon#a1b2"}, "urn:spo:anon#a1b2", id="somebody with a link"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "event", "name"), NAMES)
def test_user(activity, source, event, name):
    found = activity(source, **event)
    assert found["user"]["userName"] == found["entityData"]["0"]["id"]["id"] == name
