"""Made-up activities in the format of Google's Reports API, each with one nested event."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from tools.demo.dice import dice
from tools.demo.document import Document, shared
from tools.demo.operation import Operation, Row, Scene, Source, source
from tools.demo.people import admins, people, staff

NAME = "google_workspace"
CUSTOMER = "C0ca5b000"
_VISIBILITIES = (
    "private",
    "private",
    "shared_internally",
    "shared_internally",
    "shared_externally",
    "people_with_link",
)
_CHALLENGES = ("password", "password", "google_authenticator", "security_key", "idv_preregistered_phone")
_OUTSIDE = 0.25
_ON_A_TEAM_SITE = 0.5


@cache
def events() -> Source:
    return source(NAME, _operations(), lambda person: person.seats)


def activity(row: Operation, scene: Scene, kind: str, parameters: Sequence[Row]) -> dict[str, Any]:
    person, chance = scene.person, scene.chance
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": f"{scene.second}.{scene.millisecond:03d}Z",
            "uniqueQualifier": str(chance.bits(64) - (1 << 63)),
            "applicationName": row.part,
            "customerId": CUSTOMER,
        },
        "etag": f'"{chance.digits(40)}/{chance.digits(26)}"',
        "actor": {"callerType": "USER", "email": scene.seat.name, "profileId": person.profile},
        "ipAddress": scene.seat.address.text,
        "events": [{"type": kind, "name": row.name, "parameters": [*parameters, *scene.padding]}],
    }


def _login(row: Operation, scene: Scene) -> dict[str, Any]:
    method = scene.chance.pick(_CHALLENGES)
    parameters: list[Row] = [
        {"name": "login_type", "value": "google_password"},
        {"name": "login_challenge_method", "multiValue": [method]},
    ]
    if row.name == "login_failure":
        parameters.append({"name": "login_failure_type", "value": "login_failure_invalid_password"})
    parameters.append({"name": "is_suspicious", "boolValue": scene.seat.address.risky})
    return activity(row, scene, "login", parameters)


def _drive(row: Operation, scene: Scene) -> dict[str, Any]:
    """An event on a document; access changes also have the user, and the old and new access."""
    chance = scene.chance
    document = chance.pick(shared()) if chance.random() < _ON_A_TEAM_SITE else chance.pick(scene.person.documents)
    parameters = of_document(scene, document, chance.pick(_VISIBILITIES))
    if row.detail == "acl_change":
        parameters += _access(scene)
    return activity(row, scene, row.detail, parameters)


def of_document(scene: Scene, document: Document, visibility: str) -> list[Row]:
    parameters: list[Row] = [
        {"name": "primary_event", "boolValue": True},
        {"name": "billable", "boolValue": True},
        {"name": "doc_id", "value": document.drive_id},
        {"name": "doc_type", "value": document.drive_type},
        {"name": "is_encrypted", "boolValue": False},
        {"name": "doc_title", "value": document.name},
        {"name": "visibility", "value": visibility},
        {"name": "originating_app_id", "value": "211604355607"},
        {"name": "actor_is_collaborator_account", "boolValue": False},
        {"name": "owner", "value": scene.person.name},
        {"name": "owner_is_shared_drive", "boolValue": False},
        {"name": "user_agent", "value": scene.seat.browser.raw},
        {"name": "destination_folder_id", "value": f"0A{document.site.id.replace('-', '')}"},
        {"name": "destination_folder_title", "value": document.folder.rpartition("/")[2]},
    ]
    if document.label:
        parameters.append({"name": "label_id", "value": document.label})
    return parameters


def _access(scene: Scene) -> list[Row]:
    chance = scene.chance
    outside = chance.random() < _OUTSIDE
    target = f"customer-{chance.below(60) + 1:02d}@adatum.example" if outside else chance.pick(staff()).name
    return [
        {"name": "visibility_change", "value": "external" if outside else "none"},
        {"name": "target_user", "value": target},
        {"name": "old_value", "multiValue": ["none"]},
        {"name": "new_value", "multiValue": [chance.pick(("can_view", "can_edit"))]},
        {"name": "old_visibility", "value": "private"},
    ]


def _admin(row: Operation, scene: Scene) -> dict[str, Any]:
    other = scene.chance.pick(people())
    parameters: list[Row] = [{"name": "USER_EMAIL", "value": other.name}]
    if row.detail == "GROUP_SETTINGS":
        parameters.append(
            {"name": "GROUP_EMAIL", "value": f"all-{other.unit.partition('/')[0].lower()}@contoso.example"}
        )
    if row.detail == "DELEGATED_ADMIN_SETTINGS":
        parameters += [{"name": "ROLE_NAME", "value": "_GROUPS_ADMIN_ROLE"}, {"name": "ROLE_ID", "value": "1375"}]
    return activity(row, scene, row.detail, parameters)


def _token(row: Operation, scene: Scene) -> dict[str, Any]:
    number = scene.chance.below(20)
    parameters: list[Row] = [
        {"name": "client_id", "value": f"{1_000_000 + number}.apps.example"},
        {"name": "app_name", "value": f"Add-on {number:02d}"},
        {"name": "client_type", "value": "WEB"},
        {"name": "scope", "multiValue": ["https://www.googleapis.com/auth/drive.readonly", "openid"]},
    ]
    return activity(row, scene, "auth", parameters)


@cache
def _settings() -> Sequence[Row]:
    chance = dice(17)
    return [
        {"name": name, "value": f"{value} {chance.digits(6)}"}
        for name, value in (
            ("ORG_UNIT_NAME", "/Contoso"), ("INVESTIGATION_DATA_SOURCE", "ADMIN LOG EVENTS"), ("FIELD_NAME", "office"),
            ("OLD_VALUE", "unset"), ("NEW_VALUE", "set"), ("SETTING_NAME", "sharing-allowed"), ("APPLICATION_NAME", "Drive and Docs"),
        )
    ]  # fmt: skip


def _nothing() -> Sequence[Row]:
    return ()


# fmt: off
def _operations() -> Iterator[Operation]:
    for name, boost, risk in (("login_success", 2.0, 0.004), ("login_failure", 2.2, 0.03), ("login_verification", 1.2, 0.004), ("logout", 2.0, 0.004)):
        yield Operation("login", name, _login, staff, _nothing, boost, risk)
    for name, kind, boost, risk, like in (
        ("view", "access", 5.0, 0.004, ""), ("edit", "access", 2.0, 0.004, "drive|view"), ("create", "access", 1.0, 0.004, "drive|view"),
        ("download", "access", 6.0, 0.04, ""), ("upload", "access", 3.0, 0.01, "drive|download"), ("delete", "access", 3.0, 0.01, ""),
        ("rename", "access", 2.0, 0.004, "drive|delete"), ("change_user_access", "acl_change", 3.0, 0.1, "drive|edit"),
        ("change_document_visibility", "acl_change", 1.5, 0.3, "drive|download"),
    ):
        yield Operation("drive", name, _drive, staff, _nothing, boost, risk, like=like, detail=kind)
    for name, kind, risk in (
        ("CREATE_USER", "USER_SETTINGS", 0.01), ("DELETE_USER", "USER_SETTINGS", 0.02), ("CHANGE_PASSWORD", "USER_SETTINGS", 0.02),
        ("RENAME_USER", "USER_SETTINGS", 0.004), ("ADD_GROUP_MEMBER", "GROUP_SETTINGS", 0.004), ("CREATE_GROUP", "GROUP_SETTINGS", 0.004),
        ("ASSIGN_ROLE", "DELEGATED_ADMIN_SETTINGS", 0.1), ("CHANGE_APPLICATION_SETTING", "APPLICATION_SETTINGS", 0.02),
        ("SECURITY_INVESTIGATION_QUERY", "SECURITY_INVESTIGATION", 0.004), ("ALERT_CENTER_VIEW", "ALERT_CENTER", 0.004),
    ):
        yield Operation("admin", name, _admin, admins, _settings, 0.5, risk, detail=kind)
    for name, boost in (("authorize", 3.0), ("revoke", 1.0)):
        yield Operation("token", name, _token, staff, _nothing, boost, 0.05, like="login|logout")
# fmt: on
