"""Made-up events in the formats of Entra's sign-in log and directory audits, as Microsoft Graph answers them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.demo.operation import Scene
from tools.demo.people import TENANT, Person

SIGN_INS, AUDITS = "entra_signin", "entra_audit"
WRONG_PASSWORD = (50126, "Error validating credentials due to invalid username or password.")
SUCCESS = (0, "Other.")
_APP, _APP_NAME = "00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"

Property = tuple[str, str | None, str | None]
"""A changed property: its name, the old and the new value."""


def sign_in(scene: Scene, result: tuple[int, str]) -> dict[str, Any]:
    person, seat, chance = scene.person, scene.seat, scene.chance
    place = seat.address.facts["location"]
    code, reason = result
    return {
        "id": chance.uuid(),
        "createdDateTime": f"{scene.second}Z",
        "userDisplayName": seat.name.partition("@")[0],
        "userPrincipalName": seat.name,
        "userId": person.object_id,
        "appId": _APP,
        "appDisplayName": _APP_NAME,
        "ipAddress": seat.address.text,
        "clientAppUsed": "Browser",
        "userAgent": seat.browser.raw,
        "sessionId": "" if code else seat.session,
        "correlationId": chance.uuid(),
        "conditionalAccessStatus": "notApplied",
        "isInteractive": True,
        "authenticationRequirement": "singleFactorAuthentication",
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "riskEventTypes_v2": [],
        "resourceDisplayName": _APP_NAME,
        "resourceId": _APP,
        "resourceTenantId": TENANT,
        "homeTenantId": TENANT,
        "status": {"errorCode": code, "failureReason": reason, "additionalDetails": None},
        "deviceDetail": {
            "deviceId": "",
            "displayName": "",
            "operatingSystem": seat.browser.system,
            "browser": seat.browser.kind,
            "isCompliant": False,
            "isManaged": False,
            "trustType": "",
        },
        "location": {
            "city": place["city"],
            "state": place["region"],
            "countryOrRegion": place["countryCode"],
            "geoCoordinates": {"altitude": None, "latitude": place["latitude"], "longitude": place["longitude"]},
        },
        "appliedConditionalAccessPolicies": [],
    }


def audit(
    scene: Scene, activity: str, *, category: str, operation: str, targets: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A change in the directory."""
    chance = scene.chance
    correlation = chance.uuid()
    user = {
        "id": scene.person.object_id,
        "displayName": None,
        "userPrincipalName": scene.seat.name,
        "ipAddress": scene.seat.address.text,
        "userType": None,
        "homeTenantId": None,
        "homeTenantName": None,
    }
    return {
        "id": f"Directory_{correlation}_{chance.digits(5).upper()}_{chance.below(10**8)}",
        "category": category,
        "correlationId": correlation,
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": f"{scene.second}.{scene.millisecond:03d}Z",
        "loggedByService": "Core Directory",
        "operationType": operation,
        "initiatedBy": {"app": None, "user": user},
        "targetResources": list(targets),
        "additionalDetails": [{"key": "User-Agent", "value": scene.seat.browser.raw}],
    }


def account(person: Person, *properties: Property) -> dict[str, Any]:
    """An account as the target of a change."""
    return _target("User", person.object_id, None, properties) | {"userPrincipalName": person.name}


def program(identity: str, name: str, *properties: Property) -> dict[str, Any]:
    """An application's service principal as the target of a change."""
    return _target("ServicePrincipal", identity, name, properties)


def role(identity: str, name: str) -> dict[str, Any]:
    return _target("Role", identity, name, ())


def _target(kind: str, identity: str, name: str | None, properties: Sequence[Property]) -> dict[str, Any]:
    changed = [
        {"displayName": key, "oldValue": old and f'"{old}"', "newValue": new and f'"{new}"'}
        for key, old, new in properties
    ]
    return {
        "id": identity,
        "displayName": name,
        "type": kind,
        "userPrincipalName": None,
        "groupType": None,
        "modifiedProperties": changed,
        "administrativeUnits": [],
    }
