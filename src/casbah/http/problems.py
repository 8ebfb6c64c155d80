"""Error responses: `{"detail": "..."}` with the error's status and headers. A stack trace never leaves the process."""

import logging
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from casbah.base.failure import INTERNAL, is_database_error, is_disk_error
from casbah.errors import OperatorError, RequestError, SearchError, UnavailableError, UnwritableError
from casbah.http.answers import Answer, encoded

log = logging.getLogger("casbah.http")


class Problem(Answer):
    detail: Annotated[str, Meta(description="What was wrong, and what would be right")]
    position: (
        Annotated[int, Meta(description="Of a search: where the part at fault begins, in characters")] | UnsetType
    ) = UNSET
    length: Annotated[int, Meta(description="Of a search: how long that part is")] | UnsetType = UNSET


def answer(error: Exception) -> Response:
    """The response to an error. Errors that the caller cannot correct are logged in full and shown as one plain line.

    Only errors of the disk are reported as such: any other OSError is a bug.
    """
    if is_disk_error(error) or is_database_error(error):
        log.error("request failed: %s", error)
        error = UnwritableError()
    if isinstance(error, SearchError):
        return problem(error.status, str(error), span=(error.position, error.length))
    if isinstance(error, RequestError | UnavailableError):
        return problem(error.status, str(error), dict(error.headers))
    if isinstance(error, OperatorError):
        log.error("request failed: %s", error)
    else:
        log.error("request failed", exc_info=error)
    return problem(500, INTERNAL)


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, *, span: tuple[int, int] | None = None
) -> Response:
    """An error response; `span` is the position and the length of the part of a search that is at fault."""
    text = detail.encode("utf-8", "replace").decode()
    return Response(encoded(Problem(text, *(span or ()))), status, headers, "application/json")
