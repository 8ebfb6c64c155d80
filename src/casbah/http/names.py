"""Names that people give to values of filters: to users, addresses, groups, app instances and others."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS
from casbah.activity.record import integer
from casbah.activity.text import sound
from casbah.errors import LimitExceededError, MalformedBodyError, describe
from casbah.http.answers import Answer, FilterValue, Moment, WholeList, answer_from
from casbah.http.context import RequestContext, WriterContext
from casbah.http.queries import MAX_NAME, name_of
from casbah.http.request_schemas import BLANK, NOT_BLANK, Schema, either, open_body, ref
from casbah.ingest.enrich.given_names import NAMEABLE

MAX_VALUE = 1_000
BODIES: Mapping[str, Schema] = {
    "NewName": open_body(
        {
            "filter": {"enum": list(NAMEABLE), "description": "What kind of thing gets a name"},
            "value": either(
                {"type": "string", "maxLength": MAX_VALUE, "pattern": NOT_BLANK},
                ref("Whole"),
                description="Which one, as the filter's `eq` takes it; an integer for `instance`",
            ),
            "name": either(
                {"type": "string", "maxLength": MAX_NAME, "pattern": NOT_BLANK},
                BLANK,
                description="Its name; null or empty removes it",
            ),
        },
        required=("filter", "value"),
    )
}


class NameAnswer(Answer):
    filter: str
    value: FilterValue
    name: Annotated[str, Meta(description="Empty if it has none any more")]
    changed: Moment


async def list_names(context: RequestContext) -> WholeList[NameAnswer]:
    names = await context.quick(context.services.names.all, context.tenant_id)
    return WholeList.of(answer_from(NameAnswer, name) for name in names)


async def give_name(context: WriterContext) -> NameAnswer:
    body = await context.parameters()
    filter_name = _filter_name(body.get("filter"))
    value, name = _value(body.get("value"), filter_name), body.get("name")
    wanted = "" if name in (None, "") else name_of(name)
    entry = await context.quick(context.services.names.give, filter_name, value, wanted, context.tenant_id)
    return answer_from(NameAnswer, entry)


def _filter_name(value: Any) -> str:
    if value not in NAMEABLE:
        raise MalformedBodyError(f"filter: expected one of {', '.join(NAMEABLE)}, got {describe(value)}")
    return str(value)


def _value(value: Any, filter_name: str) -> str | int:
    if FILTERS[filter_name].field.kind is Kind.INT:
        number = integer(value)
        if number is None:
            raise MalformedBodyError(f"value: expected an integer, got {describe(value)}")
        return number
    if not isinstance(value, str) or not value.strip():
        raise MalformedBodyError(f"value: expected a value of {filter_name}, got {describe(value)}")
    if len(value) > MAX_VALUE:
        raise LimitExceededError(f"value: at most {MAX_VALUE} characters, got {len(value)}")
    return sound(value.strip())
