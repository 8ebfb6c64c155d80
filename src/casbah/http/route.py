"""What a route is: a row of the table in `routes`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import get_type_hints

from starlette.requests import Request
from starlette.responses import Response

from casbah.errors import MethodNotAllowedError, NotFoundError, ThrottledError
from casbah.http.answers import Answer
from casbah.http.context import Services, WriterContext
from casbah.http.openapi_errors import CREDENTIALS, IN_STRICT_BODY, PERMISSION, UNAVAILABLE, Errors
from casbah.identity.permissions import Permission

Handler = Callable[[WriterContext], Awaitable[Answer | Response | str]]
"""One that takes a RequestContext runs in every process, any other only in the one that owns the store (`needs_writer`)."""

PublicHandler = Callable[[Request, Services], Awaitable[Answer | Response]]

CORE = "/api/v1"
EXTENSION = "/api/ext/v1"


@cache
def _takes_writer(handler: Handler) -> bool:
    return WriterContext in get_type_hints(handler).values()


class Audit(Enum):
    """How the audit trail classifies a route's requests."""

    NOTHING = auto()
    READS = auto()
    CHANGES = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One path. `{name}` matches one segment, percent-decoded. Every path works with and without a trailing slash.

    `operation` is a public name: clients generated from the OpenAPI document call it, and acts in the audit trail bear it,
    so it outlives the handler's name in Python. `tag` is the operation's group in the document; `summary` and `description`
    are its texts there, in Markdown. `body_schema` names a schema of `body_schemas.BODIES`; None if only the path is read. What
    the handler answers is its return type, see `answers`; a response that is not JSON has one of `media_types`.
    """

    operation: str
    tag: str
    methods: tuple[str, ...]
    path: str
    handler: Handler
    permission: Permission
    body_schema: str | None
    summary: str
    description: str
    status: int = 200
    status_if_all_refused: int | None = None
    """The status, with the same body, if every event of the request was refused."""

    media_types: tuple[str, ...] = ("application/json",)
    is_deep: bool = False
    """Whether the last parameter of the path takes all further segments."""

    audit: Audit = Audit.READS
    raises: Errors = ()
    """The errors of the handler."""

    @property
    def needs_writer(self) -> bool:
        """Whether only the process that owns the store can answer it, as the type of the handler's context says."""
        return _takes_writer(self.handler)

    @property
    def takes_nothing(self) -> bool:
        """Whether parameters are refused: on a deletion by path, ignoring a `dryRun` would be fatal."""
        return self.methods == ("DELETE",) and self.path.startswith(EXTENSION)

    @property
    def errors(self) -> Errors:
        """Every error that it may answer with: its handler's, and those of what comes before and around a handler."""
        lookup = (NotFoundError,) if "{" in self.path else ()
        strict = IN_STRICT_BODY if self.takes_nothing else ()
        around = (*CREDENTIALS, *PERMISSION, MethodNotAllowedError, ThrottledError, *UNAVAILABLE)
        return (*self.raises, *lookup, *strict, *around)


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """One path that needs no caller; a handler may still ask for one (`health.metrics`). A response that is not JSON has its
    `media_type`.
    """

    operation: str
    tag: str
    path: str
    handler: PublicHandler
    summary: str
    description: str
    methods: tuple[str, ...] = ("GET",)
    body_schema: str | None = None
    status: int = 200
    raises: Errors = ()
    media_type: str = "text/html"
    needs_writer: bool = True
    """Whether only the process that owns the store can answer it."""

    @property
    def errors(self) -> Errors:
        """Every error that it may answer with."""
        return (*self.raises, MethodNotAllowedError)
