"""Small, deterministic sample activities in MDCA's form, for tests of clients. `casbah demo` generates richer ones."""

import time
from typing import Any

PEOPLE = ("ann", "ben", "chloe", "dan", "eva")
APPS = ((11161, "Microsoft 365"), (20892, "Microsoft SharePoint Online"), (20893, "Microsoft Exchange Online"))
ACTIONS = (
    ("EVENT_CATEGORY_LOGIN", "UserLoggedIn", "Log on"),
    ("EVENT_CATEGORY_DOWNLOAD", "FileDownloaded", "Download file: user {user}"),
    ("EVENT_CATEGORY_SHARING_PERMISSIONS_CHANGE", "SharingSet", "Share file: user {user}"),
    ("EVENT_CATEGORY_DELETE", "FileDeleted", "Delete file: user {user}"),
)
PLACES = (("NO", "192.0.2."), ("US", "198.51.100."), ("DE", "203.0.113."))  # RFC 5737: addresses for documentation


def records(count: int, *, ties: int = 1, until: int | None = None, step: int = 1_000) -> list[dict[str, Any]]:
    """`count` activities, oldest first, `step` ms apart, the newest at `until` (ms; None: now). `ties` share each ms."""
    newest = time.time_ns() // 1_000_000 if until is None else until
    last = (count - 1) // ties
    return [_record(number, newest - (last - number // ties) * step) for number in range(count)]


def _record(number: int, timestamp: int) -> dict[str, Any]:
    person = PEOPLE[number % len(PEOPLE)]
    app, name = APPS[number % len(APPS)]
    category, action, sentence = ACTIONS[number % len(ACTIONS)]
    country, network = PLACES[number % len(PLACES)]
    key = f"{timestamp}_{number:08d}"
    user = f"{person}@contoso.com"
    return {
        "_id": key,
        "uid": key,
        "timestamp": timestamp,
        "appId": app,
        "appName": name,
        "eventTypeName": category,
        "eventType": number % len(ACTIONS) + 1,
        "mainInfo": {"rawOperationName": action, "prettyOperationName": action},
        "description": sentence.format(user=user),
        "user": {"userName": user},
        "device": {"clientIP": f"{network}{number % 250 + 1}", "countryCode": country},
        "location": {"countryCode": country},
        "entityData": {"0": {"displayName": person.title(), "id": {"id": user, "saas": app, "inst": 0}}},
    }
