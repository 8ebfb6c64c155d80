"""Tokens over the wire: create, list with status, revoke. Administrators only."""

import re
from typing import Any

from starlette.responses import Response

from casbah.activity.text import sound
from casbah.errors import (
    BadSettingError,
    BadTenantError,
    MalformedBodyError,
    NoSuchTokenError,
    PermissionDeniedError,
    RouteNotFoundError,
    describe,
)
from casbah.http.exchange import Exchange, json_response
from casbah.http.irreversible import read_irreversible
from casbah.identity.grants import SCOPES
from casbah.identity.token import Token

_MOMENT = re.compile(r"[0-9]{1,15}")


async def create_token(exchange: Exchange) -> Response:
    """A new token: `{"name", "tenant"?, "scopes"?, "expires"?}`. The answer is the only place where its key is ever shown."""
    body = await read_irreversible(exchange, known=("name", "tenant", "scopes", "expires"))
    name, tenant = _string(body, "name"), _string(body, "tenant", exchange.scope.tenant)
    if not exchange.caller.governs(tenant):
        raise PermissionDeniedError
    try:
        key, token = await exchange.quick(
            lambda: exchange.services.tokens.create(name, tenant=tenant, scopes=_scopes(body), expires=_expires(body))
        )
    except (BadTenantError, BadSettingError) as wrong:
        raise MalformedBodyError(str(wrong)) from None
    return json_response({"token": key, **shown(token, exchange.services.clock())}, status=201)


async def list_tokens(exchange: Exchange) -> Response:
    """Every token and its status."""
    found = await exchange.quick(exchange.services.tokens.all)
    now = exchange.services.clock()
    data = [shown(token, now) for token in found if exchange.caller.governs(token.tenant)]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def revoke_token(exchange: Exchange) -> Response:
    """Revoke a token by its id, or by its name where only one has it; it stops working at once."""
    try:
        token = await exchange.quick(
            lambda: exchange.services.tokens.revoke(exchange.path["token"], governs=exchange.caller.governs)
        )
    except NoSuchTokenError:
        raise RouteNotFoundError from None
    return json_response({**shown(token, exchange.services.clock()), "status": "Revoked"})


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
    return sound(found)


def _scopes(body: dict[str, Any]) -> tuple[str, ...]:
    found = body["scopes"] if body.get("scopes") is not None else list(SCOPES)
    listed = [each for each in found.split(",") if each] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise MalformedBodyError(f"scopes: expected a list of strings, got {describe(found)}")
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
