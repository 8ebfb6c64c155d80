"""Sessions of the tenant, for whoever may end them: one's own is `session`."""

from typing import Any

from starlette.responses import Response

from casbah.http.context import RequestContext, json_response
from casbah.identity.token import Session


async def list_sessions(context: RequestContext) -> Response:
    """The sessions under way in the caller's tenant, with who signed in; oldest first."""
    caller, tokens = context.caller, context.services.tokens
    found = await context.quick(lambda: tokens.sessions(governs=caller.governs))
    return json_response({"data": list(map(_shown, found)), "hasNext": False, "total": len(found)})


async def end_session(context: RequestContext) -> Response:
    """End a session; its cookie is worth nothing from then on. The token or the person may sign in again."""
    caller, tokens = context.caller, context.services.tokens
    ended = await context.quick(lambda: tokens.end(context.path["session"], governs=caller.governs))
    return json_response(_shown(ended))


def _shown(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "name": session.name,
        "tenant": session.tenant,
        "caller": session.caller,
        "created": session.created,
        "expires": session.expires,
    }
