"""Error responses: `{"detail": "..."}` with the error's status and headers. A stack trace never leaves the process."""

import logging
from typing import Annotated

from msgspec import Meta
from starlette.responses import Response

from casbah.base.failure import INTERNAL, is_database_error, is_disk_error
from casbah.errors import OperatorError, RequestError, UnavailableError, UnwritableError
from casbah.http.answers import Answer, encoded

log = logging.getLogger("casbah.http")


class Problem(Answer):
    detail: Annotated[str, Meta(description="What was wrong, and what would be right")]


def answer(error: Exception) -> Response:
    """The response to an error. Errors that the caller cannot correct are logged in full and shown as one plain line.

    Only errors of the disk are reported as such: any other OSError is a bug.
    """
    if is_disk_error(error) or is_database_error(error):
        log.error("request failed: %s", error)
        error = UnwritableError()
    if isinstance(error, RequestError | UnavailableError):
        return problem(error.status, str(error), dict(error.headers))
    if isinstance(error, OperatorError):
        log.error("request failed: %s", error)
    else:
        log.error("request failed", exc_info=error)
    return problem(500, INTERNAL)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error response."""
    text = detail.encode("utf-8", "replace").decode()
    return Response(encoded(Problem(text)), status, headers, "application/json")
