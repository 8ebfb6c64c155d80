"""What bodies and answers look like, as JSON Schema; what a query's filters may hold is in `schema`.

Bodies allow keys that they do not name, because the server ignores those; answers name all of theirs, records apart.
"""

from collections.abc import Iterable

from casbah.activity.record import MOST_DIGITS
from casbah.export.columns import COLUMNS
from casbah.export.exports import STATES
from casbah.export.formats import COMPRESSIONS, FORMATS
from casbah.http.changes import CHANGE_PARAMETERS
from casbah.http.exports import EXPORT_PARAMETERS
from casbah.http.facets import FACET_PARAMETERS
from casbah.http.histogram import SPAN_PARAMETERS
from casbah.http.irreversible import EVERYTHING
from casbah.http.queries import MOST_NAME as MOST_QUERY_NAME
from casbah.http.ranges import CATEGORY, FILTERS, MOST_NAME, MOST_TAGS, RANGE_PARAMETERS, RangeFilter
from casbah.http.rejects import REPLAY_FORMS, SOURCE
from casbah.http.retention import APPLY_PARAMETERS, DELETE_PARAMETERS, RULE_FORMS
from casbah.http.schema import Parameter, Schema, either, parameters, ref
from casbah.identity.grants import SCOPES
from casbah.identity.name import MOST_CHARACTERS
from casbah.identity.token import LAST_MS
from casbah.ingest.enrich.ranges import MOST_NETWORKS
from casbah.retention.rules import ACTIONS, MOST_DAYS

_MOMENT: Schema = {"type": "integer", "description": "ms since the epoch"}
_BLANK: Schema = {"enum": [None, ""], "description": "As good as absent"}
_PULL_COUNTS = ("rounds", "events", "stored", "duplicates", "refused")
_VALUE: Schema = {"description": "As the filter's `eq` takes it"}
_OR_NONE: Schema = {"type": ["integer", "null"]}
_HOW_MANY: Schema = {"type": "integer", "minimum": 1}
_FEEDBACK_TEXTS = {
    "feedback": "What there is to say",
    "feedbackValue": 'A code, such as "0"',
    "feedbackText": "What there is to say, under the name that some clients use",
    "contactEmail": "Where to ask back",
}
_FEEDBACK_NEEDS = ("feedback", "feedbackValue", "feedbackText")
_FILTERS = "Which activities: {filter: {operator: value or list of values}}"
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]"
_SAID = "Of feedback, feedbackValue and feedbackText at least one must be there"

MEANINGS = {
    "Activity": "The record, byte for byte as it was stored",
    "Page": "Activities in order, and how many match in all",
    "Total": "How many match",
    "Ways": "How people can sign in",
    "Session": "Who is asking, in which tenant, and what they may do",
    "Facets": "The most frequent values of each filter, with exact counts",
    "Histogram": "How many there are in each span of time, exactly",
    "Metadata": "Every filter, with the operators that it takes",
    "ThreatScores": "An empty object",
    "FeedbackPage": "All of the feedback, oldest first",
    "ChangePage": "Activities in the order of storing, and the cursor to continue",
    "ExportPage": "The caller's exports, the newest first",
    "Export": "What was asked, and what has become of it",
    "Deletion": "How many activities match, are held and are deleted; all of it is on disk",
    "Snapshot": "What it is of; it lies in the store's folder, in `snapshots`",
    "TrailDays": "How long acts are kept",
    "RulePage": "The tenant's rules, by name",
    "Rule": "The rule",
    "Applied": "What each rule finds",
    "RangePage": "IP ranges in order, and how many match in all",
    "RangeId": "The id of the range",
    "Stored": "What became of the events; all that is counted as stored is on disk",
    "RejectPage": "Refused events, the newest request first",
    "Replayed": "What became of them; events stored this time are removed from the rejects",
    "Again": "What became of the page; all that is counted as changed is on disk",
    "SessionPage": "The sessions under way, oldest first",
    "OpenSession": "The session, without its key",
    "Token": "The token, without its key",
    "CreatedToken": "The token with its key, which is shown here and never again",
    "TokenPage": "Every token that the caller governs, expired and revoked ones too",
    "Waiting": "What awaits the next requests",
    "Arriving": "After how many requests the events arrive",
    "Alive": "It runs",
    "Ready": "It answers",
    "Document": "This document",
}
"""What each answer of a route is."""


_RULE: dict[str, Schema] = {"name": {"type": "string", "maxLength": MOST_QUERY_NAME, "pattern": _NOT_BLANK}}
"""What every retention rule has besides its filters."""


_DAYS_OR_NEVER: Schema = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": MOST_DAYS,
    "description": "After how many days acts are deleted; null: never",
}
_DELETION: dict[str, Schema] = {
    "matching": {"type": "integer", "minimum": 0, "description": "How many activities match"},
    "held": {"type": "integer", "minimum": 0, "description": "How many of them a legal hold keeps"},
    "deleted": {"type": "integer", "minimum": 0, "description": "How many are deleted, or would be"},
    "exempt": {"type": "integer", "minimum": 0, "description": "How many acts of Casbah's own match too: they stay"},
}


def bodies() -> dict[str, Schema]:
    """Bodies of requests; `...Form` are those of forms, where every value is text and there is no null."""
    filters = either(ref("Filters"), _BLANK, description=_FILTERS)
    form_filters = either(ref("Filters"), {"const": ""}, description=_FILTERS)
    return {
        "Query": _object({"filters": filters, **_prepare_pool(parameters(), _BLANK)}),
        "QueryForm": _object({"filters": form_filters, **_prepare_pool(parameters(), {"const": ""})}),
        "Filtered": _object({"filters": filters}),
        "FilteredForm": _object({"filters": form_filters}),
        "AgainQuery": _irreversible(
            {
                "limit": either(
                    ref("Count"), _BLANK, description="How many to look at: 500 to 5,000; others are clamped"
                ),
            }
        ),
        "FacetQuery": _object({"filters": filters, **_prepare_pool(FACET_PARAMETERS, _BLANK)}),
        "SpanQuery": _object({"filters": filters, **_prepare_pool(SPAN_PARAMETERS, _BLANK)}),
        "Moment": either(
            {"type": "integer"},
            {"type": "string", "maxLength": MOST_DIGITS, "pattern": "^-?[0-9]+$"},
            description="ms since the epoch, or their decimal string",
        ),
        "Width": either(
            {"type": "integer", "minimum": 1},
            {"type": "string", "maxLength": MOST_DIGITS, "pattern": "^0*[1-9][0-9]*$"},
            description="An integer of 1 or more, or its decimal string",
        ),
        "Feedback": _feedback(
            {"type": ["string", "integer", "null"]}, either({"type": "null"}, ref("Flag")), types=["string", "integer"]
        ),
        "FeedbackForm": _feedback({"type": ["string", "integer"]}, ref("Flag"), types=["string", "integer"]),
        "RangeQuery": _object(
            {
                "filters": either(ref("RangeFilters"), _BLANK, description="Which IP ranges"),
                **_prepare_pool(RANGE_PARAMETERS, _BLANK),
            }
        ),
        "RangeFilters": {
            **_object({name: _range_filter(row) for name, row in FILTERS.items()}),
            "additionalProperties": False,
            "description": "All of these hold",
        },
        "NewRange": _new_range(),
        "NewToken": _new_token(),
        "NewQuery": _object(
            {
                "name": {"type": "string", "maxLength": MOST_QUERY_NAME, "pattern": _NOT_BLANK},
                "filters": filters,
                "shared": either(ref("Flag"), _BLANK, description="Whether everybody of the tenant sees it"),
            },
            required=("name",),
        ),
        "ChangeQuery": _object({"filters": filters, **_prepare_pool(CHANGE_PARAMETERS, _BLANK)}),
        "NewExport": _object({"filters": filters, **_prepare_pool(EXPORT_PARAMETERS, _BLANK)}),
        "DeleteQuery": _irreversible({row.name: _described_by(row) for row in DELETE_PARAMETERS}),
        "TrailDays": _exactly({"days": _DAYS_OR_NEVER}, required=("days",)),
        "ReplayQuery": either(
            *(
                _exactly({SOURCE.name: _described_by(SOURCE), **properties}, required=required)
                for properties, required in REPLAY_FORMS
            )
        ),
        "ApplyQuery": _exactly({row.name: _described_by(row) for row in APPLY_PARAMETERS}),
        "NewRule": either(
            *(
                _irreversible({**_RULE, **properties}, required=("name", *required))
                for properties, required in RULE_FORMS
            )
        ),
        "SignIn": _object({"token": {"type": "string", "description": "A token's key"}}, required=("token",)),
        "Interruptions": _interruptions(),
    }


def answers() -> dict[str, Schema]:
    """Bodies of answers."""
    return {
        "Activity": _activity(),
        "Page": _answer(
            {
                "data": {"type": "array", "items": ref("Activity"), "description": "The activities of this page"},
                "hasNext": {"type": "boolean", "description": "Whether there is more; never with an empty page"},
                "total": {"type": "integer", "minimum": 0, "description": "How many match in all; exact"},
                "nextQueryFilters": {
                    **ref("Filters"),
                    "description": "In a scan, while there is more: send it back as `filters`",
                },
            },
            optional=("nextQueryFilters",),
        ),
        "Total": _answer(
            {
                "total": {"type": "integer", "minimum": 0},
                "moreThanTotal": {
                    "type": "boolean",
                    "description": "Whether there are more than that: only where the server is told not to say the exact total",
                },
            }
        ),
        "Metadata": _answer({"filters": {"type": "array", "items": _described()}}),
        "ThreatScores": _answer({}),
        "Choices": _page_of("Choice"),
        "Choice": _answer(
            {
                "filter": {"type": "string"},
                "values": {
                    "type": "array",
                    "items": _answer({"value": _VALUE, "name": {"type": "string"}}),
                    "description": "By name",
                },
            }
        ),
        "SourcePage": _answer(
            {
                "data": {"type": "array", "items": ref("SourceKind"), "description": "The sources that ingest reads"},
                "pulls": {"type": "array", "items": ref("Pull"), "description": "What this server fetches by itself"},
                "hasNext": {"const": False},
                "total": {"type": "integer", "minimum": 0},
            }
        ),
        "SourceKind": _answer(
            {
                "name": {"type": "string"},
                "title": {"type": "string"},
                "apps": {
                    "type": "array",
                    "items": _answer({"id": {"type": "integer"}, "name": {"type": "string"}}),
                    "description": "Those that its activities happen in; none: any",
                },
            }
        ),
        "Pull": _answer(
            {
                "name": {"type": "string"},
                "kind": {"type": "string"},
                "tenant": {"type": "string"},
                "lag_ms": {**_OR_NONE, "description": "How long ago all was read until; null: it never ran"},
                "last_success": _OR_NONE,
                "last_event": _OR_NONE,
                **{name: {"type": "integer", "minimum": 0} for name in _PULL_COUNTS},
                "gaps": {"type": "array", "items": {"type": "string"}, "description": "What its vendor no longer has"},
                "error": {"type": "string", "description": "What went wrong last, if it did"},
            }
        ),
        "ChangePage": _answer(
            {
                "data": {"type": "array", "items": ref("Activity"), "description": "In the order of storing"},
                "cursor": {"type": "string", "description": "Where to continue, also after an empty answer"},
                "hasNext": {"type": "boolean", "description": "Whether more is stored already"},
            }
        ),
        "ExportPage": _page_of("Export"),
        "Export": _export(),
        "SavedQueryPage": _page_of("SavedQuery"),
        "SavedQuery": _answer(
            {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "help": {"type": "string", "description": "What it finds, where that is said"},
                "filters": {"type": "object", "description": "As they were sent"},
                "shared": {"type": "boolean"},
                "suggested": {"type": "boolean", "description": "Whether it is one of those that everybody is offered"},
                "owner": {"type": ["string", "null"], "description": "The name of the token that it was saved with"},
                "own": {"type": "boolean", "description": "Whether that is the caller's"},
                "changed": {"type": ["integer", "null"], "description": "ms since the epoch"},
            }
        ),
        "Snapshot": _answer(
            {
                "id": {"type": "string"},
                "created": {"type": "integer", "description": "ms since the epoch"},
                "totals": {
                    "type": "object",
                    "additionalProperties": {"type": "integer"},
                    "description": "How many activities each tenant has in it",
                },
            }
        ),
        "Deletion": _answer({"dryRun": {"type": "boolean"}, **_DELETION}),
        "RulePage": _page_of("Rule"),
        "Rule": _answer(
            {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "action": {"enum": list(ACTIONS)},
                "filters": {"type": "object", "description": "As they were sent"},
                "days": {"type": ["integer", "null"], "description": "After how many days; null: it is a hold"},
                "owner": {"type": "string", "description": "The name of the token that it was made with"},
                "changed": {"type": "integer", "description": "ms since the epoch"},
            }
        ),
        "Applied": _answer(
            {
                "dryRun": {"type": "boolean"},
                "data": {"type": "array", "items": ref("AppliedRule"), "description": "By name"},
                "hasNext": {"const": False},
                "total": {"type": "integer", "minimum": 0},
            }
        ),
        "AppliedRule": _answer(
            {
                "id": {"type": "string"},
                "name": {"type": "string"},
                **{name: {**row, "type": ["integer", "null"]} for name, row in _DELETION.items()},
                "error": {"type": "string", "description": "Why it could not be applied, if so"},
            }
        ),
        "Deleted": _answer({"id": {"type": "string"}}),
        "Ways": _answer(
            {
                "token": {"type": "boolean", "description": "With a token"},
                "issuer": {"type": ["string", "null"], "description": "At this issuer; null: at none"},
            }
        ),
        "Session": _answer(
            {
                "name": {"type": "string", "description": "The token's name"},
                "tenant": {"type": "string"},
                "scopes": {"type": "array", "items": {"type": "string"}},
                "expires": {**_MOMENT, "description": "When a session that has just begun ends, ms since the epoch"},
            },
            optional=("expires",),
        ),
        "Facets": _answer(
            {
                "facets": {
                    "type": "array",
                    "items": ref("Facet"),
                    "description": "One for each filter, as they were asked",
                },
                "total": {"type": "integer", "minimum": 0, "description": "How many activities match"},
            }
        ),
        "Facet": _answer(
            {
                "filter": {"type": "string"},
                "values": {
                    "type": "array",
                    "items": _answer({"value": _VALUE, "total": _HOW_MANY}),
                    "description": "The most frequent first, equals in the order of their values",
                },
            }
        ),
        "Histogram": _answer(
            {
                "first": {**_OR_NONE, "description": "Where it begins, ms since the epoch; null: nothing matches"},
                "last": {**_OR_NONE, "description": "Where it ends"},
                "width": {**_OR_NONE, "description": "How wide a span is, in ms; the first and the last may jut out"},
                **_COUNTS,
                "by": {"type": "string", "description": "The filter, if one was named"},
                "series": {
                    "type": "array",
                    "items": _answer({"value": _VALUE, **_COUNTS}),
                    "description": "Its most frequent values",
                },
                "rest": {**_answer(_COUNTS), "description": "Those that have none of these values"},
            },
            optional=("by", "series", "rest"),
        ),
        "FeedbackPage": _page_of("FeedbackEntry"),
        "FeedbackEntry": _answer(
            {
                "at": _MOMENT,
                "who": {
                    "type": "string",
                    "description": "The name of who gave it: for display, since names can be equal",
                },
                "whoId": {"type": "string", "description": "The id of the token, or of the issuer and its subject"},
                **{name: {"type": ["string", "integer"]} for name in _FEEDBACK_TEXTS},
                "allowContact": {"type": "boolean"},
            },
            optional=("whoId", *_FEEDBACK_TEXTS, "allowContact"),
        ),
        "RangePage": _answer(
            {
                "data": {"type": "array", "items": ref("IpRange"), "description": "The IP ranges of this page"},
                "hasNext": {"type": "boolean"},
                "total": {"type": "integer", "minimum": 0},
            }
        ),
        "IpRange": _range(),
        "RangeId": {"type": "string", "description": "The id of the IP range"},
        "Stored": _answer(
            {
                "stored": {"type": "integer", "minimum": 0},
                "duplicates": {"type": "integer", "minimum": 0, "description": "Stored before, so not again"},
                "refused": {
                    "type": "array",
                    "items": _answer({"line": {"type": "integer", "minimum": 1}, "reason": {"type": "string"}}),
                },
                "unlisted": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Refusals beyond the 1,000 that are listed",
                },
            },
            optional=("unlisted",),
        ),
        "RejectPage": _answer(
            {
                "data": {"type": "array", "items": ref("Reject")},
                "hasNext": {"type": "boolean"},
                "total": {"type": "integer", "minimum": 0},
            }
        ),
        "Reject": _answer(
            {
                "id": {"type": "string"},
                "at": _MOMENT,
                "source": {"type": ["string", "null"], "description": "The source that its request named"},
                "sender": {"type": "string", "description": "The name of who sent it"},
                "line": {"type": "integer", "minimum": 1},
                "reason": {"type": "string"},
                "event": {
                    "type": "string",
                    "description": "The event as it came; bytes that are not UTF-8 are escaped",
                },
                "bytes": {"type": "integer", "minimum": 0, "description": "How large it was"},
                "whole": {"type": "boolean", "description": "Whether all of it is kept"},
            }
        ),
        "Replayed": _answer(
            {
                "stored": {"type": "integer", "minimum": 0},
                "duplicates": {"type": "integer", "minimum": 0, "description": "Stored before, so not again"},
                "refused": {
                    "type": "array",
                    "description": "Those that are refused again, and stay",
                    "items": _answer({"id": {"type": "string"}, "reason": {"type": "string"}}),
                },
                "remaining": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Older ones that were not tried: send the request again, with `skip`",
                },
            }
        ),
        "Again": _answer(
            {
                "examined": {"type": "integer", "minimum": 0},
                "changed": {"type": "integer", "minimum": 0, "description": "How many of those were stored again"},
                "total": {"type": "integer", "minimum": 0, "description": "How many match, from this page on"},
                "hasNext": {"type": "boolean"},
                "nextQueryFilters": {**ref("Filters"), "description": "While there is more: send it back as `filters`"},
            },
            optional=("nextQueryFilters",),
        ),
        "Token": _token(),
        "CreatedToken": _token(
            {
                "token": {
                    "type": "string",
                    "pattern": "^[0-9a-zA-Z=]{64,192}$",
                    "description": "The key, shown here and never again",
                }
            }
        ),
        "TokenPage": _page_of("Token"),
        "SessionPage": _page_of("OpenSession"),
        "OpenSession": _answer(
            {
                "id": {"type": "string"},
                "name": {"type": "string", "description": "Of who signed in: for display"},
                "tenant": {"type": "string"},
                "caller": {"type": "string", "description": "The id of the token, or of the issuer and its subject"},
                "created": _MOMENT,
                "expires": _MOMENT,
            }
        ),
        "Waiting": _answer(
            {"waiting": {"type": "integer", "minimum": 0, "description": "How many requests something awaits"}}
        ),
        "Arriving": _answer({"after": {"type": "integer", "minimum": 0}}),
        "Alive": _answer({"status": {"const": "alive"}}),
        "Ready": _answer(
            {
                "status": {"const": "ready"},
                "writable": {"type": "boolean", "description": "Whether activities can be stored now"},
                "reason": {"type": "string", "description": "Why not, where they cannot"},
            },
            optional=("reason",),
        ),
        "Document": {"type": "object", "required": ["openapi", "info", "paths", "components"]},
        "Problem": _answer({"detail": {"type": "string", "description": "What was wrong, and what would be right"}}),
    }


def _object(properties: dict[str, Schema], *, required: Iterable[str] = ()) -> Schema:
    shape: Schema = {"type": "object", "properties": properties}
    return {**shape, "required": list(required)} if required else shape


def _exactly(properties: dict[str, Schema], *, required: Iterable[str] = ()) -> Schema:
    return {**_object(properties, required=required), "additionalProperties": False}


def _irreversible(properties: dict[str, Schema], *, required: Iterable[str] = ()) -> Schema:
    """The body of an irreversible request: it has non-empty filters, or `everything`."""
    some = {"allOf": [ref("Filters")], "minProperties": 1, "description": f"{_FILTERS}; no condition may be empty"}
    no_filters: Schema = {"enum": [None, "", {}], "description": "As good as absent"}
    everything = {"const": True, "description": EVERYTHING.help}
    return either(
        _exactly({**properties, "filters": some, "everything": {"const": False}}, required=(*required, "filters")),
        _exactly({**properties, "filters": no_filters, "everything": everything}, required=(*required, "everything")),
    )


def _described_by(row: Parameter) -> Schema:
    return {**row.schema, "description": row.help}


def _answer(properties: dict[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {**_object(properties, required=required), "additionalProperties": False}


def _prepare_pool(rows: Iterable[Parameter], blank: Schema) -> dict[str, Schema]:
    return {row.name: either(row.schema, blank, description=row.help) for row in rows}


_COUNTS: dict[str, Schema] = {
    "total": {"type": "integer", "minimum": 0, "description": "How many there are in all; exact"},
    "spans": {
        "type": "array",
        "items": _answer({"start": _MOMENT, "total": _HOW_MANY}),
        "description": "Every span that has any, by its first ms",
    },
}


def _page_of(name: str) -> Schema:
    return _answer(
        {
            "data": {"type": "array", "items": ref(name), "description": "All of them"},
            "hasNext": {"const": False},
            "total": {"type": "integer", "minimum": 0},
        }
    )


def _feedback(text: Schema, flag: Schema, *, types: list[str]) -> Schema:
    texts = {name: {**text, "description": help_text} for name, help_text in _FEEDBACK_TEXTS.items()}
    needed = [{"required": [name], "properties": {name: {"type": types}}} for name in _FEEDBACK_NEEDS]
    return {
        **_object({**texts, "allowContact": {**flag, "description": "Whether to ask back"}}),
        "anyOf": needed,
        "description": f"{_SAID}; 1.0 is not taken for 1",
    }


def _activity() -> Schema:
    """Every record has these keys; others depend on the source."""
    moment = {**ref("Whole"), "description": "ms since the epoch"}
    named = {"type": ["string", "integer"], "description": "Its id, as its source spelled it; opaque"}
    return {
        **_object(
            {
                "_id": named,
                "uid": {"description": "The same as `_id`, unless the source said something else"},
                "timestamp": {**moment, "description": "When it happened: the filter `date`"},
                "created": {**moment, "description": "When it was stored: the filter `created`"},
                "appId": {"description": "The app that it was done in: the filter `service`"},
                "appName": {"description": "The app's name"},
                "description": {"description": "A sentence for people"},
                "eventTypeName": {"description": "Its category: the filter `activity.eventActionType`"},
                "entityData": {"description": "Who performed it, and who or what was acted on"},
                "rawDataJson": {"description": "The event as its source wrote it"},
            },
            required=("_id", "uid", "timestamp", "created"),
        ),
        "description": "One activity, byte for byte as it was stored",
    }


def _described() -> Schema:
    operator = _answer(
        {
            "id": {"type": "string"},
            "documented": {"type": "boolean", "description": "Whether MDCA documents it for this filter"},
        }
    )
    return _answer(
        {
            "name": {"type": "string"},
            "operators": {"type": "array", "items": operator},
            "inputType": _answer({"type": {"type": "string", "description": "The kind of its field"}}),
            "deprecated": {"type": "boolean"},
        }
    )


def _range_filter(row: RangeFilter) -> Schema:
    some = either(row.schema, {"type": "array", "items": row.schema, "minItems": 1}, description=row.expected)
    return {**_object(dict.fromkeys(row.operators, some)), "additionalProperties": False}


def _new_range() -> Schema:
    text = {"type": ["string", "null"], "maxLength": MOST_NAME}
    filled = {"type": "string", "maxLength": MOST_NAME, "pattern": _NOT_BLANK}
    tag = {
        "type": "object",
        "properties": {"id": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]}},
        "anyOf": [{"required": [key], "properties": {key: filled}} for key in ("id", "name")],
    }
    location = {
        **_object(
            {
                "countryCode": {
                    "type": "string",
                    "minLength": 2,
                    "maxLength": MOST_NAME,
                    "description": "As ISO 3166-1 has it",
                },
                **dict.fromkeys(("name", "countryName", "city", "region"), text),
                "latitude": {"type": "number", "minimum": -90, "maximum": 90},
                "longitude": {"type": "number", "minimum": -180, "maximum": 180},
            },
            required=("countryCode",),
        ),
        "dependentRequired": {"latitude": ["longitude"], "longitude": ["latitude"]},
    }
    return _object(
        {
            "name": {**filled, "description": "What people call it; no two ranges have the same"},
            "category": CATEGORY,
            "subnets": {
                "type": "array",
                "items": {"allOf": [ref("Address")], "maxLength": MOST_NAME},
                "minItems": 1,
                "maxItems": MOST_NETWORKS,
                "description": "Addresses and networks; none stands in two ranges",
            },
            "organization": {**text, "description": "Whose they are, in place of what files say"},
            "tags": either(
                {"type": ["array", "null"], "items": either(filled, tag), "maxItems": MOST_TAGS},
                {"const": [""]},
                description='By id, or by name; a name that is new makes a new tag; `[""]` is as good as none',
            ),
            "location": either({"type": "null"}, location, description="Where they are, in place of what files say"),
        },
        required=("name", "category", "subnets"),
    )


def _range() -> Schema:
    named = {"type": "string"}
    return _answer(
        {
            "_id": named,
            "name": named,
            "subnets": {
                "type": "array",
                "items": _answer({"mask": {"type": "integer"}, "address": named, "originalString": named}),
                "description": "Of 128 bits, IPv4 mapped into IPv6; `originalString` is as it was spelled",
            },
            "location": {"type": ["object", "null"]},
            "organization": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": _answer(dict.fromkeys(("_id", "id", "name", "description"), named))},
            "category": CATEGORY,
            "lastModified": _MOMENT,
        }
    )


def _export() -> Schema:
    count: Schema = {"type": "integer", "minimum": 0}
    return _answer(
        {
            "id": {"type": "string"},
            "state": {
                "enum": list(STATES),
                "description": "Only one that is `ready` has a file; `failed` ones say why",
            },
            "format": {"enum": list(FORMATS)},
            "compress": {"enum": [None, *COMPRESSIONS]},
            "columns": {"type": "array", "items": {"enum": list(COLUMNS)}},
            "filters": {"type": "object", "description": "As they were sent"},
            "sortField": {"enum": ["date", "created"]},
            "sortDirection": {"enum": ["desc", "asc"]},
            "owner": {"type": "string", "description": "The name of the token that asked for it"},
            "asked": {**_MOMENT, "description": "When it was asked for, ms since the epoch"},
            "ended": {**_OR_NONE, "description": "When it was ready or had failed, ms since the epoch"},
            "rows": {**count, "description": "How many activities are written so far"},
            "total": {**_OR_NONE, "description": "How many matched when it began; null before that"},
            "bytes": {**count, "description": "How large the file is so far"},
            "sha256": {
                "type": ["string", "null"],
                "description": "Of the file, in hexadecimal; null until it is ready",
            },
            "error": {"type": ["string", "null"], "description": "What went wrong"},
        }
    )


def _new_token() -> Schema:
    scope = "|".join(SCOPES).replace(".", r"\.")
    return _exactly(
        {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_CHARACTERS,
                "description": "What people call it: unlike the name of any other token in use, without invisible characters",
            },
            "tenant": either(
                {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
                _BLANK,
                description="Whose activities it sees; by default the caller's",
            ),
            "scopes": either(
                {"type": "null"},
                {"type": "array", "items": {"enum": list(SCOPES)}, "minItems": 1},
                {"type": "string", "pattern": f"^,*(?:{scope})(?:,+(?:{scope}))*,*$"},
                description="What it may do, as a list or with commas between; by default all that the caller may",
            ),
            "expires": either(
                {"type": ["integer", "null"], "minimum": 1, "maximum": LAST_MS},
                {"type": "string", "pattern": "^0{0,2}[1-9][0-9]{12}$"},
                description="From when on it is refused, in ms since the epoch: a moment in the future; by default never",
            ),
        },
        required=("name",),
    )


def _token(more: dict[str, Schema] | None = None) -> Schema:
    return _answer(
        {
            **(more or {}),
            "id": {"type": "string"},
            "name": {"type": "string"},
            "tenant": {"type": "string"},
            "scopes": {"type": "array", "items": {"enum": list(SCOPES)}},
            "status": {"enum": ["Generated", "Active", "Inactive", "Expired", "Revoked"]},
            "created": _MOMENT,
            "used": {"type": ["integer", "null"], "description": "When it was last used, to the minute"},
            "expires": {"type": ["integer", "null"], "description": "From when on it is refused; null: never"},
        }
    )


def _interruptions() -> Schema:
    """Bounded numbers, and their decimal strings; null and empty count as absent."""
    item = {
        "type": "object",
        "properties": {
            "status": either(
                {"enum": [None, 0, *range(400, 600)]},
                {"type": "string", "pattern": "^0*(?:[45][0-9]{2})?$"},
                description="What the request is answered with: 400 to 599; if left out, it is answered as ever",
            ),
            "slow": either(
                {"type": ["integer", "null"], "minimum": 0, "maximum": 600_000},
                {"type": "string", "pattern": "^0*(?:[0-9]{1,5}|[1-5][0-9]{5}|600000)?$"},
                description="ms to wait before",
            ),
            "retryAfter": either(
                {"type": ["integer", "null"], "minimum": 0, "maximum": 86_400},
                {
                    "type": "string",
                    "pattern": "^0*(?:[0-9]{1,4}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)?$",
                },
                description="What a 429 or 503 says of it, in seconds",
            ),
        },
    }
    return _object(
        {
            "answers": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1_000,
                "items": item,
                "description": "What the next requests to the Activities API meet, one each",
            }
        },
        required=("answers",),
    )
