"""API tokens: create, list with status, revoke; for callers with `Tokens.manage`."""

import re
from typing import Any

from starlette.responses import Response

from casbah.activity.text import sound
from casbah.errors import (
    BadSettingError,
    BadTenantError,
    CannotGrantError,
    MalformedBodyError,
    NoSuchTokenError,
    PermissionDeniedError,
    RouteNotFoundError,
    describe,
)
from casbah.http.context import WriterContext, json_response
from casbah.http.irreversible import read_irreversible
from casbah.identity.grants import SCOPES, Caller
from casbah.identity.token import Token

_MOMENT = re.compile(r"[0-9]{1,15}")


async def create_token(context: WriterContext) -> Response:
    """Create a token: `{"name", "tenant"?, "scopes"?, "expires"?}`. Its key is shown only in this answer.

    A token never has more scopes than the caller. Default: the caller's scopes.
    """
    body = await read_irreversible(context, known=("name", "tenant", "scopes", "expires"))
    name, tenant = _string(body, "name"), sound(_string(body, "tenant", context.tenant_id.name))
    scopes, expires = _scopes(body, context.caller), _expires(body)
    if not context.caller.governs(tenant):
        raise PermissionDeniedError
    try:
        key, token = await context.quick(
            lambda: context.services.tokens.create(name, tenant=tenant, scopes=scopes, expires=expires)
        )
    except (BadTenantError, BadSettingError) as error:
        raise MalformedBodyError(str(error)) from None
    return json_response({"token": key, **shown(token, context.services.clock())}, status=201)


async def list_tokens(context: WriterContext) -> Response:
    """Every token and its status."""
    tokens = await context.quick(context.services.tokens.all)
    now = context.services.clock()
    data = [shown(token, now) for token in tokens if context.caller.governs(token.tenant)]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def revoke_token(context: WriterContext) -> Response:
    """Revoke a token by its id, or by its name if only one has it. It stops working at once."""
    try:
        token = await context.quick(
            lambda: context.services.tokens.revoke(context.path["token"], governs=context.caller.governs)
        )
    except NoSuchTokenError:
        raise RouteNotFoundError from None
    return json_response({**shown(token, context.services.clock()), "status": "Revoked"})


def shown(token: Token, now: int) -> dict[str, Any]:
    """A token as an administrator sees it."""
    return {
        "id": token.id,
        "name": token.name,
        "tenant": token.tenant,
        "scopes": list(token.scopes),
        "status": token.status(now),
        "created": token.created,
        "used": token.used,
        "expires": token.expires,
    }


def _string(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = default if body.get(key) in (None, "") else body[key]
    if not isinstance(value, str):
        raise MalformedBodyError(f"{key}: expected a string, got {describe(body.get(key))}")
    return value


def _scopes(body: dict[str, Any], caller: Caller) -> tuple[str, ...]:
    """The token's scopes; default: the caller's. Raises MalformedBodyError, or CannotGrantError if the caller has fewer."""
    requested = body.get("scopes")
    if requested is None:
        return tuple(scope for scope in SCOPES if caller.may_grant(scope))
    listed = [scope for scope in requested.split(",") if scope] if isinstance(requested, str) else requested
    if not isinstance(listed, list) or not all(isinstance(scope, str) for scope in listed):
        raise MalformedBodyError(f"scopes: expected a list of strings, got {describe(requested)}")
    lacking = [scope for scope in SCOPES if scope in listed and not caller.may_grant(scope)]
    if lacking:
        raise CannotGrantError(lacking)
    return tuple(listed)


def _expires(body: dict[str, Any]) -> int | None:
    moment = body.get("expires")
    if isinstance(moment, str) and _MOMENT.fullmatch(moment):
        return int(moment)  # From a form.
    if type(moment) is float and moment.is_integer():
        return int(moment)
    if moment is not None and type(moment) is not int:
        raise MalformedBodyError(f"expires: expected a moment in ms since the epoch, or null, got {describe(moment)}")
    return moment
