"""What the server says of itself: one line an event, as text for people or JSON for machines.

Never what a record holds, what was asked for, or a secret: a line of a request has its route, not its path.
"""

import logging
import sys
from typing import Any, TextIO

import structlog

FORMATS = ("text", "json")

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

requests: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    logging.getLogger("casbah.requests"),
    wrapper_class=structlog.stdlib.BoundLogger,
    processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
)
"""A line for every request, where a server has set up its log."""


def set_up(*, level: str, form: str, of_requests: bool, stream: TextIO = sys.stderr) -> None:
    """Have everything that is logged from now on written in that form."""
    end: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0)]
    )
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
    logging.getLogger("casbah.requests").disabled = not of_requests
