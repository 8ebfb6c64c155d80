"""The server's log: one line per event, as text for people or JSON for machines.

Never what a record holds, what was asked for, or a secret: a line of a request has its route, not its path.
"""

import json
import logging
import sys
from typing import Any, TextIO

import orjson
import structlog

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_requests: structlog.typing.FilteringBoundLogger | None = None
"""Writes by itself, past the standard library's logging, which costs as much as all the rest of a small answer."""


def of_request(**fields: object) -> None:
    """Log a request, if request logging is on."""
    if _requests is not None:
        _requests.info("request", **fields)


def set_up(*, level: str, form: str, of_requests: bool, stream: TextIO = sys.stderr) -> None:
    """Configure logging for this process."""
    global _requests  # noqa: PLW0603  a process has one log, as it has one stderr
    # A plain traceback: the richer ones show the local variables of every frame, hence records and secrets.
    for_people = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
    last = _in_json if form == "json" else for_people
    end: list[Any] = [structlog.processors.format_exc_info, last] if form == "json" else [last]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It logs the address of every request to a vendor or a witness, with its parameters.
    logging.getLogger("httpx").setLevel(max(root.level, logging.WARNING))
    _requests = None
    if of_requests:
        _requests = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            wrapper_class=structlog.make_filtering_bound_logger(level),
            processors=[
                structlog.processors.add_log_level,
                _SHARED[-1],
                last if form == "json" or stream.isatty() else _in_text,
            ],
        ).bind(logger="casbah.requests")


def _in_text(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """The same line as structlog's ConsoleRenderer writes without colors, ten times as fast."""
    first = (event.pop(key) for key in ("timestamp", "level", "event", "logger"))
    line = "{} [{:<9}] {} [{}]".format(*first)
    return " ".join((line, *(f"{key}={_plain(value)}" for key, value in event.items())))


def _plain(value: object) -> object:
    """A value as it is, unless it is text that could be taken for more than one value, or for a line of its own."""
    return repr(value) if isinstance(value, str) and not (value.isprintable() and " " not in value) else value


def _in_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:  # Half a pair in the name of a token, which it does not take.
        return json.dumps(event, default=repr)
