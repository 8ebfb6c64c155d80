"""Error responses: `{"detail": "..."}` with the error's status and headers. A stack trace never leaves the process."""

import logging

import orjson
from starlette.responses import Response

from casbah.errors import OperatorError, RequestError, UnavailableError, UnwritableError
from casbah.failure import INTERNAL, is_database_error, is_disk_error

log = logging.getLogger("casbah.http")


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
    return Response(orjson.dumps({"detail": text}), status, headers, "application/json")
