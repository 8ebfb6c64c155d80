"""Example requests for the API document, by body schema. A test runs each against the sample data."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """One example body. A string is sent verbatim, other values as JSON."""

    name: str
    help: str
    value: Any
    media_type: str = "application/json"


NDJSON = "application/x-ndjson"

# Ids as paths show them. That of the record is of an activity of the sample data.
A_RECORD = "97134000_15600_97ee2049-893e-4c9d-a312-08d82b46faf7"
AN_ENTITY = b64encode(b'{"id":"3fa9f28b-eb0e-463a-ba7b-8089fe9991e2","saas":11161,"inst":0}').decode()
A_RANGE = "5fd767259cd24bb563567d7c"
A_QUERY = "5c1f0a9d2b7e4a36"
AN_EXPORT = "9f2c4b7a1d3e5f60"
A_SNAPSHOT = "5be01d3c7a2f9468"
A_RULE = "3f0a51c2d9e8b764"
A_SESSION = "b1946ac92492"
A_REJECT = "17958260000001f3c9a2e.0"
A_TOKEN = "dashboard"  # noqa: S105  a name, not a secret
SEGMENTS: Mapping[str, tuple[str, str]] = {
    "pk": ("The activity's `_id`, percent-encoded", A_RECORD),
    "entity": ("The entity's key as JSON, in base64", AN_ENTITY),
    "range": ("The range's `_id`", A_RANGE),
    "query": ("The query's id", A_QUERY),
    "export": ("The export's id", AN_EXPORT),
    "snapshot": ("The snapshot's id", A_SNAPSHOT),
    "rule": ("The rule's id", A_RULE),
    "session": ("The session's id", A_SESSION),
    "reject": ("The refused event's id", A_REJECT),
    "tile": ("The tile's path: `<L>/<N>[.p/<W>]`, or `entries/<N>[.p/<W>]`; slashes are not encoded", "0/000"),
    "token": ("The token's id, or its name if only one active token has it", A_TOKEN),
}
"""What each parameter of a path is, and an example."""

_RECORD = {
    "_id": "1700000000000_0f8fad5b",
    "timestamp": 1_700_000_000_000,
    "appId": 11161,
    "appName": "Office 365",
    "eventTypeName": "EVENT_CATEGORY_LOGIN",
    "user": {"userName": "someone@contoso.com"},
    "device": {"clientIP": "203.0.113.7"},
    "entityData": {},
}
_CLOUDTRAIL = {
    "eventVersion": "1.08",
    "eventTime": "2024-01-01T00:00:00Z",
    "eventID": "6e61ec53-2f2a-4e7e-a7a1-9d6a26a1d7c1",
    "eventName": "GetObject",
    "eventSource": "s3.amazonaws.com",
    "awsRegion": "us-east-1",
    "userIdentity": {"type": "Root"},
    "recipientAccountId": "111122223333",
}
_FAILED_SIGN_INS = {"activity.eventActionType": {"eq": ["EVENT_CATEGORY_FAILED_LOGIN"]}}
_OF_ANN = {"user.username": {"eq": ["ann@example.com"]}}
_FILTERS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("by-app", "What was done in two apps", {"service": {"eq": [15600, 11161]}}),
    ("by-user", "What one user did", {"user.username": {"eq": ["someone@contoso.com"]}}),
    ("by-domain", "What users of a domain did, by the end of their name", {"user.domain": {"eq": ["contoso.com"]}}),
    (
        "failed-sign-ins-last-week",
        "Failed sign-ins of the last seven days",
        {**_FAILED_SIGN_INS, "date": {"gte_ndays": 7}},
    ),
    (
        "from-outside",
        "From anywhere but these networks",
        {"ip.address": {"neq": ["10.0.0.0/8", "2001:db8::/32"], "isset": True}},
    ),
    ("in-january", "Between two moments", {"date": {"range": {"start": 1_704_067_200_000, "end": 1_706_745_599_999}}}),
    ("by-words", "All of these words, anywhere in the record", {"text": {"text": "console login"}}),
    ("by-entity", "What one account of one app did", {"entity": {"eq": {"id": "a1", "saas": 11161, "inst": 0}}}),
    ("acted-on-group", "Done to members of a group", {"user.tags": {"eq": ["5f01dbbc68df27c17aa6ca81", {"role": 1}]}}),
    ("no-device", "Where no device type is known", {"device.type": {"eq": [None]}}),
)

EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "Query": (
        Example("newest", "The newest 100", {}),
        Example("page", "The third page of ten, oldest first", {"skip": 20, "limit": 10, "sortDirection": "asc"}),
        *(Example(name, text, {"filters": filters, "limit": 10}) for name, text, filters in _FILTERS),
        Example("scan", "The first page of a scan", {"isScan": True, "limit": 500, "sortDirection": "asc"}),
        Example(
            "scan-on",
            "The next page of a scan: `filters` is the answer's `nextQueryFilters`",
            {"isScan": True, "limit": 500, "sortDirection": "asc", "filters": {"date": {"gte": 1_595_096_313_000}}},
        ),
    ),
    "Filtered": tuple(Example(name, text, {"filters": filters}) for name, text, filters in _FILTERS),
    "AlertQuery": (
        Example("test", "What connection tests send", {}),
        Example("since", "Alerts since a moment", {"filters": {"date": {"gte": 1_704_067_200_000}}, "limit": 50}),
    ),
    "FilteredAlerts": (Example("since", "Alerts since a moment", {"filters": {"date": {"gte": 1_704_067_200_000}}}),),
    "EntityQuery": (
        Example("all", "The first 100", {}),
        Example(
            "of-an-app",
            "Accounts of a domain that used an app",
            {"filters": {"app": {"eq": [15600]}, "domain": {"eq": ["contoso.com"]}}, "limit": 10},
        ),
        Example("one", "One account", {"filters": {"entity": {"eq": {"id": "a1", "saas": 11161, "inst": 0}}}}),
    ),
    "UserTagQuery": (Example("all", "The first 100, by name", {"filters": {}, "sortField": "name", "limit": 100}),),
    "FacetQuery": (
        Example(
            "users-and-countries",
            "Whose sign-ins failed, and from where",
            {"filters": _FAILED_SIGN_INS, "facets": ["user.username", "location.country"], "limit": 5},
        ),
        Example(
            "suggestions", "Users whose names begin with a prefix", {"facets": ["user.username"], "prefix": "adele"}
        ),
    ),
    "SpanQuery": (
        Example("all-time", "From the oldest to the newest", {}),
        Example(
            "by-app",
            "One network per hour, by app",
            {"filters": {"ip.address": {"eq": ["203.0.113.0/24"]}}, "by": "service", "width": 3_600_000},
        ),
        Example(
            "chart", "A chart without outliers, with its axis", {"trim": True, "ticks": 8, "zone": "Europe/Berlin"}
        ),
    ),
    "GroupQuery": (
        Example(
            "spray",
            "Addresses from which many users failed to sign in",
            {"q": "by:ip distinct:user", "filters": _FAILED_SIGN_INS, "limit": 10},
        ),
        Example(
            "change",
            "What users did in the last week, and in the week before",
            {"q": "since:7d", "by": ["user.username", "verb"], "previous": True, "spans": 7},
        ),
    ),
    "SearchQuery": (
        Example("search", "A search", {"q": "user:adele* -country:DE since:7d invoice", "limit": 10}),
        Example(
            "or", "Either of two filters", {"filters": {"any": [_OF_ANN, {"ip.address": {"eq": ["203.0.113.7"]}}]}}
        ),
    ),
    "SentenceQuery": (
        Example("user", "What a user did last", {"filters": _OF_ANN, "limit": 20}),
        Example("search", "What a search finds", {"q": "verb:grant since:30d"}),
        Example("details", "The newest activity in detail", {"limit": 1, "details": True}),
    ),
    "PeriodQuery": (
        Example("month", "The last 30 days", {"filters": _FAILED_SIGN_INS, "time": "30d"}),
        Example("search", "The time range of a search", {"q": "since:7d user:adele*"}),
    ),
    "ExplainQuery": (
        Example(
            "search", "What a search means", {"q": 'app:okta category:"Failed login" since:today', "zone": "+01:00"}
        ),
        Example("filters", "Filters as a search", {"filters": _FAILED_SIGN_INS}),
    ),
    "CompletionQuery": (
        Example("values", "Users whose names begin so, since yesterday", {"q": "since:yesterday user:adele"}),
        Example("fields", "Fields and values for a word", {"q": "okt -country:DE", "cursor": 3, "limit": 5}),
        Example("rest", "Apps of failed sign-ins", {"q": "app:", "filters": _FAILED_SIGN_INS}),
    ),
    "NewQuery": (
        Example("mine", "For oneself", {"name": "Failed sign-ins", "filters": _FAILED_SIGN_INS}),
        Example(
            "shared",
            "For the tenant",
            {"name": "From our office", "filters": {"ip.address": {"eq": ["192.0.2.0/24"]}}, "shared": True},
        ),
    ),
    "NewName": (
        Example("group", "A group", {"filter": "user.tags", "value": "5e8f3a1b9c2d4e6f70812345", "name": "Finance"}),
        Example(
            "person", "A person", {"filter": "user.username", "value": "adelev@contoso.com", "name": "Adele Vance"}
        ),
        Example("none", "Without a name again", {"filter": "instance", "value": 1, "name": None}),
    ),
    "ChangeQuery": (
        Example("first", "From the beginning", {"limit": 100}),
        Example(
            "from-now-on",
            "New sign-ins only; the next request sends the answer's cursor",
            {"filters": {"activity.eventActionType": {"eq": ["EVENT_CATEGORY_LOGIN"]}}, "cursor": "now"},
        ),
    ),
    "TailQuery": (
        Example("of-an-app", "New activities of one app", {"filters": {"service": {"eq": [11161]}}, "cursor": "now"}),
    ),
    "NewExport": (
        Example("everything", "Everything as CSV, newest first", {"format": "csv"}),
        Example(
            "sign-ins",
            "Failed sign-ins as Parquet, with selected columns",
            {
                "filters": _FAILED_SIGN_INS,
                "format": "parquet",
                "columns": ["time", "user", "ip", "country"],
                "sortDirection": "asc",
            },
        ),
        Example("records", "The records themselves, compressed", {"format": "ndjson", "compress": "zstd"}),
    ),
    "DeleteQuery": (
        Example("dry-run", "How many activities of a user would be deleted", {"filters": _OF_ANN}),
        Example(
            "for-good",
            "Delete them, and answer once they are gone from disk",
            {"filters": _OF_ANN, "dryRun": False, "wait": True},
        ),
        Example("everything", "How many activities there are in total", {"everything": True}),
    ),
    "ReplayQuery": (
        Example("everything", "All of them, as events of Okta", {"everything": True, "source": "okta"}),
        Example("some", "Some of them", {"ids": [A_REJECT]}),
        Example(
            "zone",
            "Rows of a CSV export, whose times are those of Berlin",
            {"ids": [A_REJECT], "zone": "Europe/Berlin"},
        ),
    ),
    "ApplyQuery": (Example("dry-run", "What the rules would delete now", {"dryRun": True}),),
    "TrailDays": (
        Example("two-years", "Keep audit acts for two years", {"days": 730}),
        Example("for-ever", "Keep audit acts forever", {"days": None}),
    ),
    "NewRule": (
        Example(
            "retention",
            "Keep Google Workspace for 400 days",
            {"name": "Google, 400 days", "filters": {"service": {"eq": [11770]}}, "days": 400},
        ),
        Example(
            "hold",
            "Nobody can delete what a user did",
            {"name": "case 4711", "action": "hold", "filters": _OF_ANN},
        ),
    ),
    "SignIn": (Example("token", "With a token", {"token": "0" * 80}),),
    "Feedback": (
        Example("false-positive", "Nothing was wrong", {"feedback": "This was me.", "feedbackValue": "0"}),
        Example(
            "ask-back",
            "With a contact",
            {"feedbackText": "Please look at it.", "allowContact": True, "contactEmail": "someone@contoso.com"},
        ),
    ),
    "AgainQuery": (
        Example("first", "The first page of all activities", {"everything": True}),
        Example("from-a-network", "Only one network", {"filters": {"ip.address": {"eq": ["192.0.2.0/24"]}}}),
    ),
    "Events": (
        Example("records", "Activity records, one per line", json.dumps(_RECORD) + "\n", NDJSON),
        Example("cloudtrail-file", "A whole CloudTrail file", {"Records": [_CLOUDTRAIL]}),
    ),
    "RangeQuery": (
        Example("all", "The first 100, by name", {}),
        Example("offices", "Ranges of one category", {"filters": {"category": {"eq": [1]}}, "limit": 10}),
        Example("untagged", "Without a tag", {"filters": {"tags": {"neq": ["000000290000000000000000"]}}}),
    ),
    "NewRange": (
        Example(
            "office",
            "An office",
            {"name": "Berlin office", "category": 1, "subnets": ["192.0.2.0/24", "2001:db8::/48"]},
        ),
        Example(
            "provider",
            "A provider, with tags and location",
            {
                "name": "Hosting",
                "category": 5,
                "subnets": ["198.51.100.0/25"],
                "organization": "Contoso Hosting",
                "tags": ["000000290000000000000000", "hosting"],
                "location": {"countryCode": "DE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4},
            },
        ),
    ),
    "NewToken": (
        Example("reader", "May read", {"name": "reader", "scopes": ["Investigation.read"]}),
        Example("everything", "May do everything", {"name": "administrator"}),
    ),
    "Interruptions": (
        Example(
            "bad-day",
            "One request is throttled, one gets a gateway timeout, one is slow",
            {"answers": [{"status": 429, "retryAfter": 2}, {"status": 504}, {"slow": 50}]},
        ),
    ),
}
