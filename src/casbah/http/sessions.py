"""Administration of the tenant's sessions. The caller's own session is in `session`."""

from typing import Any

from starlette.responses import Response

from casbah.http.context import WriterContext, json_response
from casbah.identity.token import Session


async def list_sessions(context: WriterContext) -> Response:
    """The active sessions of the caller's tenant and who signed in, oldest first."""
    caller, tokens = context.caller, context.services.tokens
    sessions = await context.quick(lambda: tokens.sessions(governs=caller.governs))
    return json_response({"data": list(map(_shown, sessions)), "hasNext": False, "total": len(sessions)})


async def end_session(context: WriterContext) -> Response:
    """End a session. Its cookie stops working at once. The token or person can sign in again."""
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
