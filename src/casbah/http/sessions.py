"""Administration of the tenant's sessions. The caller's own session is in `session`."""

from typing import Annotated

from msgspec import Meta

from casbah.http.answers import Answer, Moment, WholeList, answer_from
from casbah.http.context import WriterContext


class OpenSession(Answer):
    id: str
    name: Annotated[str, Meta(description="Of who signed in: for display")]
    tenant: str
    caller: Annotated[str, Meta(description="The id of the token, or of the issuer and its subject")]
    created: Moment
    expires: Moment


class SessionPage(WholeList[OpenSession]):
    """The sessions under way."""


async def list_sessions(context: WriterContext) -> SessionPage:
    caller, tokens = context.caller, context.services.tokens
    sessions = await context.quick(lambda: tokens.sessions(governs=caller.governs))
    return SessionPage.of(answer_from(OpenSession, session) for session in sessions)


async def end_session(context: WriterContext) -> OpenSession:
    caller, tokens = context.caller, context.services.tokens
    ended = await context.quick(lambda: tokens.end(context.path["session"], governs=caller.governs))
    return answer_from(OpenSession, ended)
