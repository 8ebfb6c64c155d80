"""Audit trail entries for requests."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request

from casbah.errors import CasbahError
from casbah.http.context import Services
from casbah.http.session import address_of
from casbah.identity.permissions import Caller
from casbah.operations.audit.trail import Act

_REFUSED, _FORBIDDEN = 400, 403
_MAX_TEXT = 1_000
"""Characters kept of a path segment and of a user agent. Acts are never deleted, so their size is bounded."""

_KEY = re.compile(r"[0-9a-zA-Z_=-]{40,}")
"""What may be the key of a token or session. Some clients send it in place of an id."""

_SECRET = ("token", "session")
"""Path parameters that identify something that has a key."""


async def record_in_trail(  # noqa: PLR0913  one per part of a trail entry
    request: Request,
    services: Services,
    caller: Caller,
    *,
    name: str,
    about: Mapping[str, str],
    status: int,
    changes: bool,
) -> None:
    """Add an answered request to the trail if it changed something or was forbidden; reads only if the trail wants them.

    Requests that failed otherwise count as having had no effect and are not recorded. An act that cannot be stored is
    logged in full, because it has happened. Requests marked `recorded` are in the trail already.
    """
    if getattr(request.state, "recorded", False):
        return
    changes = changes and not getattr(request.state, "unchanged", False)
    if not services.trail.wants(changes=changes) or (status >= _REFUSED and status != _FORBIDDEN):
        return
    act = replace(act_of(request, services, caller, name=name, about=about), allowed=status != _FORBIDDEN)
    if not changes:
        services.trail.note(act, caller.tenant_id)
        return
    opening = services.store.opening(caller.tenant_id)
    try:
        if opening is not None:  # Such as after a refusal, for which nobody had to wait.
            await asyncio.wrap_future(opening)
        await asyncio.wrap_future(services.trail.keep(act, caller.tenant_id))
    except (CasbahError, OSError, ValueError) as error:
        services.trail.lost(act, error)


def act_of(
    request: Request, services: Services, caller: Caller, *, name: str, about: Mapping[str, str] | None = None
) -> Act:
    """The trail entry of a caller's request."""
    return Act(
        at=services.clock(),
        who=caller.name,
        who_id=caller.id,
        name=name,
        about=", ".join(_redacted(name, value) for name, value in (about or {}).items()),
        parameters=getattr(request.state, "parameters", {}),
        address=address_of(request),
        agent=request.headers.get("user-agent", "")[:_MAX_TEXT],
    )


def _redacted(name: str, value: str) -> str:
    """A path parameter as the trail keeps it: never a whole key, which readers of the trail could use."""
    if name in _SECRET and _KEY.fullmatch(value):
        return f"{value[:4]}... ({len(value)} characters)"
    return value[:_MAX_TEXT]
