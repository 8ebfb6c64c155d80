"""The errors in the OpenAPI document: one row per response, with its possible texts.

The texts of a 400 depend on the request, so it has one row per kind of request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from casbah.errors import (
    BadSettingError,
    CannotGrantError,
    ForeignPageError,
    NameTakenError,
    ProtectedActsError,
    UncountableFilterError,
    UnsupportedEncodingError,
)
from casbah.http.encoding import ACCEPTED
from casbah.http.facets import COUNTABLE
from casbah.identity.grants import SCOPES
from casbah.ingest.apps import CASBAH

_WAIT: Mapping[str, str] = {"Retry-After": "Whole seconds to wait"}
_SCHEME: Mapping[str, str] = {"WWW-Authenticate": "The scheme to answer with: Token"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error. `detail` is the schema of its text, `examples` are texts by name, `headers` those that it always has."""

    status: int
    help: str
    examples: Mapping[str, str]
    detail: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    headers: Mapping[str, str] = field(default_factory=dict)


def _only(*texts: str) -> Mapping[str, Any]:
    return {"enum": list(texts)}


_NO_CREDENTIALS, _BAD_TOKEN = "Authentication credentials were not provided.", "Invalid token."
_FORBIDDEN = "You do not have permission to perform this action."
_FOREIGN = str(ForeignPageError())
_CANNOT_GRANT = str(CannotGrantError(["Activities.delete"]))
_NOT_FOUND = "Not found."
_NO_FILTER = (
    'filters: expected at least one condition, such as {"user.username": {"eq": ["ann@example.com"]}}; '
    'for all activities say "everything": true'
)
_NO_MIMIC = "this server mimics none; start it with `casbah serve --mimic mdca`"

REFUSALS: Mapping[str, Refusal] = {
    "Unauthenticated": Refusal(
        401,
        "No credentials, or none that are good",
        {"no credentials": _NO_CREDENTIALS, "unknown or revoked token": _BAD_TOKEN},
        _only(_NO_CREDENTIALS, _BAD_TOKEN),
        _SCHEME,
    ),
    "Forbidden": Refusal(
        403,
        "The token lacks the scope; or a session came from elsewhere",
        {"scope missing": _FORBIDDEN, "another site's page": _FOREIGN},
        _only(_FORBIDDEN, _FOREIGN),
    ),
    "CannotGrant": Refusal(
        403,
        "The token lacks the scope, or a scope that it was to give; or a session came from elsewhere",
        {"scope missing": _FORBIDDEN, "another site's page": _FOREIGN, "more than one has": _CANNOT_GRANT},
    ),
    "Foreign": Refusal(403, "Another site's page asks", {"another site's page": _FOREIGN}, _only(_FOREIGN)),
    "BadToken": Refusal(
        401, "The token is not good", {"unknown or revoked token": _BAD_TOKEN}, _only(_BAD_TOKEN), _SCHEME
    ),
    "BadSignIn": Refusal(400, "There is no token", {"no token": "token: expected a token, got null"}),
    "BadNewQuery": Refusal(
        400,
        "The query cannot be kept",
        {
            "no name": "name: expected a name, got null",
            "unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?",
        },
    ),
    "NotFound": Refusal(
        404, "No such thing, or another tenant's", {"unknown or another tenant's": _NOT_FOUND}, _only(_NOT_FOUND)
    ),
    "NotMimicking": Refusal(404, "This server mimics no other", {"not mimicking": _NO_MIMIC}, _only(_NO_MIMIC)),
    "MethodNotAllowed": Refusal(
        405,
        "The path is there, the method is not",
        {"another method": 'Method "PUT" not allowed.'},
        {"type": "string", "pattern": r'^Method "[^"]*" not allowed\.$'},
        {"Allow": "The methods that the path takes"},
    ),
    "TooLarge": Refusal(
        413,
        "The body is larger than a setting allows",
        {"body too large": "request body is larger than 1048576 bytes (setting CASBAH_MAX_BODY)"},
        {"type": "string", "pattern": r"^request body is larger than [0-9]+ bytes \(setting CASBAH_[A-Z_]+\)$"},
    ),
    "UnsupportedEncoding": Refusal(
        415,
        "The body has a Content-Encoding that is not read",
        {"brotli": str(UnsupportedEncodingError("br", ACCEPTED))},
        headers={"Accept-Encoding": "The codings that are read"},
    ),
    "Throttled": Refusal(
        429,
        "The tenant asks more often than its rate",
        {"too fast": "Request was throttled. Expected available in 12 seconds."},
        {"type": "string", "pattern": r"^Request was throttled\. Expected available in [1-9][0-9]* seconds\.$"},
        _WAIT,
    ),
    "Unavailable": Refusal(
        503,
        "Nothing is wrong with the request; try again",
        {
            "shutting down": "the store is shutting down; try again",
            "leaving": "this server is about to stop; ask another, or again",
            "no room": "the disk does not take what is to be stored now; try again",
            "no tokens": "the tokens cannot be read or written now; try again",
            "no queries": "the saved queries cannot be read or written now; try again",
            "no ranges": "the IP ranges cannot be read or written now; try again",
            "no keys": "the keys of the token issuer cannot be had now; try again",
        },
        headers=_WAIT,
    ),
    "BadQuery": Refusal(
        400,
        "The query cannot be read, or passes a bound",
        {
            "unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?",
            "operator of another kind": "filter 'text' does not take operator 'neq'; did you mean 'eq'?; "
            "it takes eq, startswithsingle, text",
            "value of the wrong type": "filter 'service', operator 'eq': expected an integer (or its decimal string), "
            "got string 'x'",
            "filters that are no object": "filters: expected an object {filter: {operator: value}}, got list",
            "parameter of the wrong type": "limit: expected an integer (or its decimal string), got string 'many'",
            "too many values": "filter 'service', operator 'eq': at most 1000 values, got 1001",
            "no JSON": "body: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        },
    ),
    "BadFilters": Refusal(
        400,
        "The filters cannot be read, or pass a bound",
        {"unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?"},
    ),
    "BadFacetQuery": Refusal(
        400,
        "The filters or what is to be counted cannot be read, or pass a bound",
        {
            "nothing to count": 'facets: expected a list of filters such as ["user.username"], got boolean True',
            "no values one by one": str(UncountableFilterError("text", tuple(COUNTABLE))),
        },
    ),
    "BadChangeQuery": Refusal(
        400,
        "The filters or the cursor cannot be read",
        {
            "unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?",
            "no cursor": "cursor: expected an answer's cursor, or now, got string 'yesterday'",
        },
    ),
    "BadNewExport": Refusal(
        400,
        "The filters or the form of the export cannot be read, or pass a bound",
        {
            "no such column": "columns: there is no 'usr'; did you mean 'user'?",
            "no such format": "format: expected one of csv, ndjson, cef, parquet, arrow, got string 'xlsx'",
        },
    ),
    "BadDeleteQuery": Refusal(
        400,
        "The filters or a flag cannot be read, or pass a bound",
        {
            "unknown parameter": "unknown parameter 'filter'; did you mean 'filters'?; "
            "this request takes filters, everything, dryRun, wait",
            "no filter": _NO_FILTER,
            "empty condition": "filter 'service', operator 'neq': expected values that restrict something, "
            "got an empty list",
            "unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?",
            "no flag": "dryRun: expected true or false, got string 'false'",
        },
    ),
    "BadAgainQuery": Refusal(
        400,
        "The filters cannot be read, pass a bound, or are empty",
        {"no filter": _NO_FILTER, "unknown filter": "unknown filter 'user.domian'; did you mean 'user.domain'?"},
    ),
    "BadParameters": Refusal(
        400,
        "What is removed is named by the path; parameters are refused",
        {"unknown parameter": "unknown parameter 'dryRun'; this request takes no parameters"},
    ),
    "BadReplayQuery": Refusal(
        400,
        "What is to be replayed cannot be read",
        {"no ids": 'ids: expected a list of ids, or "everything": true, got null'},
    ),
    "BadApplyQuery": Refusal(
        400,
        "A flag cannot be read",
        {"no flag": "dryRun: expected true or false, got string 'perhaps'"},
    ),
    "BadNewRule": Refusal(
        400,
        "The rule cannot be kept",
        {
            "no name": "name: expected a name, got null",
            "no filter": _NO_FILTER,
            "no days": "days: expected 1 to 9999, got 0",
            "of acts": str(ProtectedActsError(CASBAH)),
            "no action": "action: expected delete or hold, got string 'keep'",
        },
    ),
    "BadTrailDays": Refusal(
        400,
        "How long acts are to be kept cannot be read",
        {"no days": "days: expected 1 to 9999, got 0"},
    ),
    "BadFeedback": Refusal(
        400,
        "The feedback cannot be read",
        {
            "nothing said": "feedback needs at least one of feedback, feedbackValue, feedbackText",
            "no flag": "allowContact: expected true or false, got string 'perhaps'",
        },
    ),
    "BadEvents": Refusal(
        400,
        "The source is unknown, or the body cannot be unpacked; a single bad event is refused in the answer instead",
        {"broken gzip": "body: cannot be decompressed as gzip; it is damaged or cut short"},
    ),
    "BadRangeQuery": Refusal(
        400,
        "The query for IP ranges cannot be read",
        {"unknown filter": "unknown filter 'categori'; did you mean 'category'?"},
    ),
    "BadRange": Refusal(
        400,
        "The IP range cannot be kept",
        {
            "no network": "subnets: '10.0.0.0/33' is neither an address nor a network such as 192.0.2.0/24",
            "in another range": "subnets: 192.0.2.0/24 is in the range 'Berlin office' already, and cannot be in 'VPN' too",
            "no category": "category: expected 1 (corporate), 2 (administrative), 3 (risky), 4 (VPN), 5 (cloud provider) "
            "or 6 (other), got integer 7",
            "name taken": "name: there is an IP range 'Berlin office' already",
        },
    ),
    "NameTaken": Refusal(409, "A token in use has that name", {"name taken": str(NameTakenError("dashboard"))}),
    "BadNewToken": Refusal(
        400,
        "The token cannot be made",
        {
            "no name": "name: expected a string, got null",
            "reserved name": "name: 'local' is reserved for Casbah itself; choose another",
            "invisible character": "name: expected visible characters and spaces, got U+202E",
            "unknown parameter": "unknown parameter 'scope'; did you mean 'scopes'?; "
            "this request takes name, tenant, scopes, expires",
            "unknown scope": str(BadSettingError("scopes", "Everything.do", f"some of {', '.join(SCOPES)}")),
        },
    ),
    "BadInterruptions": Refusal(
        400,
        "What requests are to meet cannot be read",
        {"no list": "answers: expected a list of 1 to 1000 objects, got null"},
    ),
}
