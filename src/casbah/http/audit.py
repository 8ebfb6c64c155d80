"""What a request becomes in the trail."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request

from casbah.audit.trail import Act
from casbah.errors import CasbahError
from casbah.http.context import Services
from casbah.http.session import address_of
from casbah.identity.grants import Caller

_REFUSED, _FORBIDDEN = 400, 403
_MOST_TEXT = 1_000
"""Characters of a path's segment and of a user agent that an act keeps: no deletion removes acts, so their size is bounded."""

_KEY = re.compile(r"[0-9a-zA-Z_=-]{40,}")
"""What may be the key of a token or of a session. Some put it where an id belongs."""

_SECRET = ("token", "session")
"""Segments that name something with a key."""


async def noted(  # noqa: PLR0913  a request has so many sides
    request: Request,
    services: Services,
    caller: Caller,
    *,
    name: str,
    about: Mapping[str, str],
    status: int,
    changes: bool,
) -> None:
    """Put a request that was answered into the trail, if it belongs there: what was done, and what was not permitted.

    What failed in another way did nothing. An act that cannot be stored is told to the log whole: it has happened. What is
    `recorded` is in the trail already.
    """
    if getattr(request.state, "recorded", False):
        return
    changes = changes and not getattr(request.state, "unchanged", False)
    if not services.trail.wants(changes=changes) or (status >= _REFUSED and status != _FORBIDDEN):
        return
    act = replace(act_of(request, services, caller, name=name, about=about), allowed=status != _FORBIDDEN)
    if not changes:
        services.trail.note(act, caller.scope)
        return
    try:
        await asyncio.wrap_future(services.trail.keep(act, caller.scope))
    except (CasbahError, OSError, ValueError) as error:
        services.trail.lost(act, error)


def act_of(
    request: Request, services: Services, caller: Caller, *, name: str, about: Mapping[str, str] | None = None
) -> Act:
    """What a caller does by a request."""
    return Act(
        at=services.clock(),
        who=caller.name,
        who_id=caller.id,
        name=name,
        about=", ".join(_shown(name, value) for name, value in (about or {}).items()),
        asked=getattr(request.state, "asked", {}),
        address=address_of(request),
        agent=request.headers.get("user-agent", "")[:_MOST_TEXT],
    )


def _shown(name: str, value: str) -> str:
    """A segment of the path as an act keeps it: never a whole key, which others could use who read the act."""
    if name in _SECRET and _KEY.fullmatch(value):
        return f"{value[:4]}... ({len(value)} characters)"
    return value[:_MOST_TEXT]
