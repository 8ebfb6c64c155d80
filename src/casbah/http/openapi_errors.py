"""The errors in the OpenAPI document, made from the classes in `errors`: status, text and headers are those of real errors.

`EXAMPLES` has an error of each class that a route may name; `error_responses` groups the classes of a route by status.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from casbah.activity.language import FILTERS
from casbah.errors import (
    BadNameError,
    BadRangeError,
    BadValueError,
    BodyTooLargeError,
    BusyError,
    CannotGrantError,
    CasbahError,
    ClusterUnreachableError,
    DamagedBodyError,
    EmptyFilterError,
    ForeignPageError,
    InvalidTokenError,
    IssuerUnavailableError,
    KeyValueStoreUnavailableError,
    LimitExceededError,
    LogStoppedError,
    MalformedBodyError,
    MethodNotAllowedError,
    NameTakenError,
    NoLogError,
    NotAuthenticatedError,
    NotFoundError,
    NotMimickingError,
    NotOnClusterError,
    PermissionDeniedError,
    ProtectedActsError,
    ReadOnlyError,
    SearchError,
    SearchTooLongError,
    ShuttingDownError,
    StoreClosedError,
    ThrottledError,
    UnanswerableFilterError,
    UncountableFilterError,
    UnknownFilterError,
    UnknownParameterError,
    UnknownSourceError,
    UnsupportedEncodingError,
    UnsupportedOperatorError,
    UnwritableError,
)
from casbah.http.encoding import ACCEPTED
from casbah.http.entity_filters import FILTERS as ENTITY_FILTERS
from casbah.http.facets import COUNTABLE
from casbah.http.irreversible import CONDITION_NEEDED
from casbah.http.request_schemas import Schema, either, ref
from casbah.ingest.apps import CASBAH

Errors = tuple[type[CasbahError], ...]

# Errors that come together. A route names those that its handler may raise, of the classes that `error_responses` shows.
CREDENTIALS: Errors = (NotAuthenticatedError, InvalidTokenError)
PERMISSION: Errors = (PermissionDeniedError, ForeignPageError)
UNAVAILABLE: Errors = (
    StoreClosedError,
    ShuttingDownError,
    UnwritableError,
    ReadOnlyError,
    ClusterUnreachableError,
    BusyError,
    SearchTooLongError,
    KeyValueStoreUnavailableError,
    IssuerUnavailableError,
    LogStoppedError,
)
IN_BODY: Errors = (MalformedBodyError, BodyTooLargeError)
BAD_FILTERS: Errors = (
    MalformedBodyError,
    UnknownFilterError,
    UnsupportedOperatorError,
    BadValueError,
    LimitExceededError,
)
IN_FILTERS: Errors = (*BAD_FILTERS, BodyTooLargeError)
IN_SEARCH: Errors = (*IN_FILTERS, SearchError)
IN_STRICT_BODY: Errors = (*IN_BODY, UnknownParameterError)
IN_STRICT_FILTERS: Errors = (*IN_FILTERS, UnknownParameterError, EmptyFilterError)
IN_EVENTS: Errors = (
    *IN_BODY,
    DamagedBodyError,
    UnknownParameterError,
    UnknownSourceError,
    UnsupportedEncodingError,
)

QUOTA = ("RateLimit", "RateLimit-Policy")
"""Headers of the answers that come after throttling."""

_BEFORE_THROTTLE = (401, 405)
_HEADERS: Mapping[str, tuple[str, Schema]] = {
    "WWW-Authenticate": ("The scheme to answer with: Token", {"type": "string"}),
    "Allow": ("The methods that the path takes", {"type": "string"}),
    "Accept-Encoding": ("The codings that are read", {"type": "string"}),
    "Retry-After": ("Whole seconds to wait", {"type": "integer", "minimum": 1}),
}


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """An error as the document shows it.

    `varies` has the parts of its text that depend on the request, each with a pattern; None: all of the text does.
    """

    name: str
    error: CasbahError
    varies: Mapping[str, str] | None = field(default_factory=dict)


EXAMPLES: Sequence[ErrorExample] = (
    ErrorExample("no JSON", MalformedBodyError(
        "body: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"), None),
    ErrorExample("parameter of the wrong type", MalformedBodyError(
        "limit: expected an integer (or its decimal string), got string 'many'"), None),
    ErrorExample("unknown parameter", UnknownParameterError("filter", ("filters", "everything", "dryRun", "wait")), None),
    ErrorExample("broken gzip", DamagedBodyError("gzip"), None),
    ErrorExample("unknown source", UnknownSourceError("oktaa", ("okta",)), None),
    ErrorExample("unknown filter", UnknownFilterError("user.domian", tuple(FILTERS)), None),
    ErrorExample("operator of another kind", UnsupportedOperatorError("text", "neq", FILTERS["text"].operators), None),
    ErrorExample("value of the wrong type", BadValueError("service", "eq", "x", "an integer (or its decimal string)"), None),
    ErrorExample("search that is not closed", SearchError('this "(" is not closed', position=0, length=1), None),
    ErrorExample("no values one by one", UncountableFilterError("text", tuple(COUNTABLE)), None),
    ErrorExample("no answer in activities", UnanswerableFilterError("isAdmin", tuple(ENTITY_FILTERS)), None),
    ErrorExample("no filter", EmptyFilterError(f"filters: {CONDITION_NEEDED}"), None),
    ErrorExample("too many values", LimitExceededError(
        "filter 'service', operator 'eq': at most 1000 values, got 1001"), None),
    ErrorExample("of acts", ProtectedActsError(CASBAH), None),
    ErrorExample("range's name taken", BadRangeError("name: there is an IP range 'Berlin office' already"), None),
    ErrorExample("reserved name", BadNameError("'local' is reserved for Casbah itself; choose another"), None),
    ErrorExample("no credentials", NotAuthenticatedError()),
    ErrorExample("unknown or revoked token", InvalidTokenError()),
    ErrorExample("scope missing", PermissionDeniedError()),
    ErrorExample("another site's page", ForeignPageError()),
    ErrorExample("more than one has", CannotGrantError(["Activities.delete"]), None),
    ErrorExample("unknown or another tenant's", NotFoundError()),
    ErrorExample("not mimicking", NotMimickingError()),
    ErrorExample("no log", NoLogError()),
    ErrorExample("another method", MethodNotAllowedError("PUT", ("GET",)), {"PUT": '[^"]*'}),
    ErrorExample("name taken", NameTakenError("dashboard"), None),
    ErrorExample("on a cluster", NotOnClusterError()),
    ErrorExample("body too large", BodyTooLargeError(1_048_576, "CASBAH_MAX_BODY"),
                 {"1048576": "[0-9]+", "CASBAH_MAX_BODY": "CASBAH_[A-Z_]+"}),
    ErrorExample("brotli", UnsupportedEncodingError("br", ACCEPTED), None),
    ErrorExample("too fast", ThrottledError(12), {"12": "[1-9][0-9]*"}),
    ErrorExample("shutting down", StoreClosedError()),
    ErrorExample("leaving", ShuttingDownError()),
    ErrorExample("no room", UnwritableError()),
    ErrorExample("read-only", ReadOnlyError()),
    ErrorExample("cluster away", ClusterUnreachableError("")),
    ErrorExample("busy", BusyError()),
    ErrorExample("long search", SearchTooLongError(30), {"30": "[0-9]+"}),
    ErrorExample("no tokens", KeyValueStoreUnavailableError("tokens"), None),
    ErrorExample("no keys", IssuerUnavailableError()),
    ErrorExample("log stopped", LogStoppedError()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Status:
    """The response to errors of a status. Operations that have just its usual errors share the response of that name."""

    name: str
    help: str
    usual: Sequence[type[CasbahError]]


_STATUSES: Mapping[int, _Status] = {
    400: _Status("BadRequest", "The request cannot be read, or exceeds a limit", BAD_FILTERS),
    401: _Status("Unauthenticated", "No credentials, or invalid ones", CREDENTIALS),
    403: _Status("Forbidden", "The token lacks the scope, or a session was sent from another site's page", PERMISSION),
    404: _Status("NotFound", "It does not exist, or belongs to another tenant", (NotFoundError,)),
    405: _Status("MethodNotAllowed", "The path exists, but does not take this method", (MethodNotAllowedError,)),
    409: _Status("Conflict", "The present state or the kind of store does not allow this", (NotOnClusterError,)),
    413: _Status("TooLarge", "The body is larger than a setting allows", (BodyTooLargeError,)),
    415: _Status(
        "UnsupportedEncoding", "The Content-Encoding of the body is not supported", (UnsupportedEncodingError,)
    ),
    429: _Status("Throttled", "The tenant exceeded its rate of requests", (ThrottledError,)),
    503: _Status("Unavailable", "The server cannot answer this now; try again", UNAVAILABLE),
}


def error_responses(errors: Iterable[type[CasbahError]]) -> dict[str, Any]:
    """The responses to these errors, by status."""
    by_status: dict[int, set[type[CasbahError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, set()).add(error)
    return {
        str(status): {"$ref": f"#/components/responses/{_STATUSES[status].name}"}
        if kinds == set(_STATUSES[status].usual)
        else _response(status, kinds)
        for status, kinds in sorted(by_status.items())
    }


def shared_responses() -> dict[str, Any]:
    """The responses that operations refer to, by name."""
    return {row.name: _response(status, row.usual) for status, row in _STATUSES.items()}


def shared_examples() -> dict[str, Any]:
    """The examples that responses refer to, by name."""
    return {_key(example): {"value": {"detail": str(example.error)}} for example in EXAMPLES}


def header_refs(*names: str) -> dict[str, Any]:
    """References to headers that operations share."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _response(status: int, errors: Iterable[type[CasbahError]]) -> dict[str, Any]:
    wanted = set(errors)
    examples = [example for example in EXAMPLES if type(example.error) in wanted]
    sent = [name for name in _HEADERS if all(name in example.error.headers for example in examples)]
    headers = {name: {"description": _HEADERS[name][0], "required": True, "schema": _HEADERS[name][1]} for name in sent}
    headers |= header_refs(*QUOTA) if status not in _BEFORE_THROTTLE else {}
    schema = {"allOf": [ref("Problem"), {"type": "object", "properties": {"detail": _detail(examples)}}]}
    shown = {example.name: {"$ref": f"#/components/examples/{_key(example)}"} for example in examples}
    return {
        "description": _STATUSES[status].help,
        **({"headers": headers} if headers else {}),
        "content": {"application/json": {"schema": schema, "examples": shown}},
    }


def _key(example: ErrorExample) -> str:
    """The example's name, of the characters that names of components may have."""
    return example.name.replace(" ", "-").replace("'", "")


def _detail(examples: Sequence[ErrorExample]) -> Schema:
    """The texts that these errors can have."""
    if any(example.varies is None for example in examples):
        return {"type": "string"}
    fixed = [str(example.error) for example in examples if not example.varies]
    schemas: list[Schema] = [{"enum": fixed}] if fixed else []
    schemas += [{"type": "string", "pattern": _pattern(example)} for example in examples if example.varies]
    return schemas[0] if len(schemas) == 1 else either(*schemas)


def _pattern(example: ErrorExample) -> str:
    text = re.sub(r"[\\^$.*+?()\[\]{}|]", r"\\\g<0>", str(example.error))
    for part, pattern in (example.varies or {}).items():
        text = text.replace(part, pattern)
    return f"^{text}$"
