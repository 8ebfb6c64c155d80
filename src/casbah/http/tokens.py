"""Tokens over the wire: create, list with status, revoke; for callers with `Tokens.manage`."""

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
from casbah.http.context import RequestContext, json_response
from casbah.http.irreversible import read_irreversible
from casbah.identity.grants import SCOPES, Caller
from casbah.identity.token import Token

_MOMENT = re.compile(r"[0-9]{1,15}")


async def create_token(context: RequestContext) -> Response:
    """A new token: `{"name", "tenant"?, "scopes"?, "expires"?}`. The answer is the only place where its key is ever shown.

    Nobody grants what they do not have: by default it may do what the caller may, and never more.
    """
    body = await read_irreversible(context, known=("name", "tenant", "scopes", "expires"))
    name, tenant = _string(body, "name"), sound(_string(body, "tenant", context.scope.tenant))
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


async def list_tokens(context: RequestContext) -> Response:
    """Every token and its status."""
    found = await context.quick(context.services.tokens.all)
    now = context.services.clock()
    data = [shown(token, now) for token in found if context.caller.governs(token.tenant)]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def revoke_token(context: RequestContext) -> Response:
    """Revoke a token by its id, or by its name where only one has it; it stops working at once."""
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
    found = default if body.get(key) in (None, "") else body[key]
    if not isinstance(found, str):
        raise MalformedBodyError(f"{key}: expected a string, got {describe(body.get(key))}")
    return found


def _scopes(body: dict[str, Any], caller: Caller) -> tuple[str, ...]:
    """What the token may do: by default what the caller may. Raises CannotGrantError where it is more."""
    given = body.get("scopes")
    if given is None:
        return tuple(scope for scope in SCOPES if caller.may_grant(scope))
    listed = [scope for scope in given.split(",") if scope] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(scope, str) for scope in listed):
        raise MalformedBodyError(f"scopes: expected a list of strings, got {describe(given)}")
    lacking = [scope for scope in SCOPES if scope in listed and not caller.may_grant(scope)]
    if lacking:
        raise CannotGrantError(lacking)
    return tuple(listed)


def _expires(body: dict[str, Any]) -> int | None:
    found = body.get("expires")
    if isinstance(found, str) and _MOMENT.fullmatch(found):
        return int(found)  # As a form spells it.
    if type(found) is float and found.is_integer():
        return int(found)
    if found is not None and type(found) is not int:
        raise MalformedBodyError(f"expires: expected a moment in ms since the epoch, or null, got {describe(found)}")
    return found
