"""Errors on the wire: `{"detail": "..."}` with the error's own status and headers. A stack trace never leaves the process."""

import logging

import orjson
from starlette.responses import Response

from casbah.errors import CasbahError, OperatorError, RequestError, UnavailableError, UnwritableError

log = logging.getLogger("casbah.http")


def answer(error: Exception) -> Response:
    """The response to an error. What is not the caller's to mend is logged in full and shown in one plain line."""
    if isinstance(error, OSError):
        log.error("request failed: %s", error)
        error = UnwritableError()
    if isinstance(error, RequestError | UnavailableError):
        return problem(error.status, str(error), dict(error.headers))
    if isinstance(error, OperatorError | CasbahError):
        log.error("request failed: %s", error)
    else:
        log.error("request failed", exc_info=error)
    return problem(500, "internal error; the server's log has it")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A response of the one shape that errors have."""
    text = detail.encode("utf-8", "replace").decode()
    return Response(orjson.dumps({"detail": text}), status, headers, "application/json")
