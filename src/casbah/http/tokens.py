"""API tokens: create, list with status, revoke; for callers with `Tokens.manage`."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import asdict

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
from casbah.http.answers import Answer, Moment, WholeList
from casbah.http.context import WriterContext
from casbah.http.irreversible import read_irreversible
from casbah.http.request_schemas import BLANK, Schema, either, strict_body
from casbah.identity.name import MAX_CHARACTERS
from casbah.identity.permissions import SCOPES, Caller
from casbah.identity.token import LAST_MS, Token

_MOMENT = re.compile(r"[0-9]{1,15}")
_ONE = "|".join(SCOPES).replace(".", r"\.")
BODIES: Mapping[str, Schema] = {
    "NewToken": strict_body(
        {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_CHARACTERS,
                "description": "What people call it: unlike the name of any other token in use, without invisible characters",
            },
            "tenant": either(
                {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
                BLANK,
                description="Whose activities it sees; by default the caller's",
            ),
            "scopes": either(
                {"type": "null"},
                {"type": "array", "items": {"enum": list(SCOPES)}, "minItems": 1},
                {"type": "string", "pattern": f"^,*(?:{_ONE})(?:,+(?:{_ONE}))*,*$"},
                description="What it may do, as a list or with commas between; by default all that the caller may",
            ),
            "expires": either(
                {"type": ["integer", "null"], "minimum": 1, "maximum": LAST_MS},
                {"type": "string", "pattern": "^0{0,2}[1-9][0-9]{12}$"},
                description="When it expires, in ms since the epoch: a moment in the future; by default never",
            ),
        },
        required=("name",),
    )
}
_Scope = Annotated[str, Meta(extra_json_schema={"enum": list(SCOPES)})]
_STATUSES = ["Generated", "Active", "Inactive", "Expired", "Revoked"]


class TokenAnswer(Answer, kw_only=True):
    id: str
    name: str
    tenant: str
    scopes: Sequence[_Scope]
    status: Annotated[str, Meta(extra_json_schema={"enum": _STATUSES})]
    created: Moment
    used: Annotated[int | None, Meta(description="When it was last used, to the minute")]
    expires: Annotated[int | None, Meta(description="When it expires; null: never")]


class CreatedToken(TokenAnswer):
    """A token with its key, which comes first."""

    token: Annotated[str, Meta(pattern="^[0-9a-zA-Z=]{64,192}$", description="The key, shown here and never again")]


async def create_token(context: WriterContext) -> CreatedToken:
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
    return CreatedToken(key, **asdict(_token_answer(token, token.status(context.services.clock()))))


async def list_tokens(context: WriterContext) -> WholeList[TokenAnswer]:
    tokens = await context.quick(context.services.tokens.all)
    now = context.services.clock()
    return WholeList.of(
        _token_answer(token, token.status(now)) for token in tokens if context.caller.governs(token.tenant)
    )


async def revoke_token(context: WriterContext) -> TokenAnswer:
    try:
        token = await context.quick(
            lambda: context.services.tokens.revoke(context.path["token"], governs=context.caller.governs)
        )
    except NoSuchTokenError:
        raise RouteNotFoundError from None
    return _token_answer(token, "Revoked")


def _token_answer(token: Token, status: str) -> TokenAnswer:
    return TokenAnswer(
        id=token.id,
        name=token.name,
        tenant=token.tenant,
        scopes=token.scopes,
        status=status,
        created=token.created,
        used=token.used,
        expires=token.expires,
    )


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
