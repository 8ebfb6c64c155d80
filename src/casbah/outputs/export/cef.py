"""Records as lines in the exact format of MDCA's SIEM agent: every key, in its order."""

from collections.abc import Mapping
from typing import Any

from casbah.activity.address import canonical
from casbah.activity.record import Reading, first_string, integer, part
from casbah.activity.text import sound
from casbah.ingest.cef import APP_PREFIX, PRODUCT, VENDOR, CefLine, app_key, emit
from casbah.ingest.record_builder import HEADINGS, UNSPECIFIED
from casbah.ingest.times import iso

_CATEGORY = "EVENT_CATEGORY_"
_VERSION = "1.0"
_UNKNOWN_TIME = "1970-01-01T00:00:00.000Z"


def line(activity: Mapping[str, Any], *, portal: str = "", host: str = "") -> str:
    """An activity as a CEF line; `portal` is the base of its `portalURL`, `host` the host name in the line."""
    reading = Reading(activity)
    moment, identity = integer(activity.get("timestamp")) or 0, _text(activity.get("_id"))
    main, device = part(activity, "mainInfo"), part(activity, "device")
    category = _text(activity.get("eventTypeName")) or UNSPECIFIED
    address = canonical(_text(device.get("clientIP"))) or ""
    name = _text(activity.get("appName"))
    four, six = (address, "") if ":" not in address else ("", address)
    pairs = {
        "externalId": identity,
        "rt": str(moment),
        "start": str(moment),
        "end": str(moment),
        "msg": _text(activity.get("description")),
        "suser": _text(first_string(reading.user.get("userName"), part(activity, "failedUserData").get("userName"))),
        "destinationServiceName": name,
        "dvc": four,
        "requestClientApplication": _text(first_string(activity.get("userAgentString"), device.get("userAgent"))),
        "cs1Label": "portalURL",
        "cs1": f"{portal}/#/audits?activity.id=eq({identity},)",
        "cs2Label": "uniqueServiceAppIds",
        "cs2": f"{APP_PREFIX}{app_key(name) or integer(activity.get('appId')) or 0}",
        "cs3Label": "targetObjects",
        "cs3": ",".join(_objects(main)),
        "cs4Label": "policyIDs",
        "cs4": ",".join(_listed(activity.get("policies"))),
        "c6a1Label": '"Device IPv6 Address"',
        "c6a1": six,
    }
    before = f"{iso(moment) or _UNKNOWN_TIME} {f'{host} ' if host else ''}"
    title = HEADINGS.get(category) or _text(main.get("prettyOperationName")) or _spoken(category)
    return emit(CefLine(before, 0, VENDOR, PRODUCT, _VERSION, category, title, "0", tuple(pairs.items())))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)
    return sound(text)


def _objects(main: Mapping[str, Any]) -> list[str]:
    items = main.get("eventObjects")
    objects = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    named = (_text(item.get("name")) or _text(item.get("id")) for item in objects)
    return list(dict.fromkeys(item for item in named if item))


def _listed(value: Any) -> list[str]:
    items = value if isinstance(value, list) else []
    return [_text(item.get("id", item.get("_id")) if isinstance(item, dict) else item) for item in items]


def _spoken(category: str) -> str:
    return category.removeprefix(_CATEGORY).replace("_", " ").capitalize()
