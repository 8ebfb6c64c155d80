"""Answers of the API: each is a Struct next to its handler, from which its JSON and its OpenAPI schema derive.

A handler returns its answer. One that sets headers or splices records returns an encoded Response, and names the answer
in its return type: `Annotated[Response, PageAnswer]`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Generic, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta
from starlette.responses import Response

from casbah.base import jsontext
from casbah.http.request_schemas import Schema, ref

_SUFFIX = "Answer"
_WHOLE_LIST = re.compile(r"WholeList_(\w+)_")

Count = Annotated[int, Meta(ge=0)]
Moment = Annotated[int, Meta(description="ms since the epoch")]
Record = Annotated[
    msgspec.Raw, Meta(description="One activity, byte for byte as it was stored", extra_json_schema=ref("Activity"))
]
Filters = Annotated[Mapping[str, Any], Meta(extra_json_schema=ref("Filters"))]
SentFilters = Annotated[Mapping[str, Any], Meta(description="As they were sent")]
FilterValue = Annotated[Any, Meta(description="As the filter's `eq` takes it")]
NoMore = Annotated[bool, Meta(extra_json_schema={"const": False})]

BEFORE_RECORDS = b'{"data":['
Item = TypeVar("Item")
Shown = TypeVar("Shown", bound="Answer")


class Answer(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The base of all answers, whose members are camelCase. UNSET members are left out.

    A class name without `Answer` at its end is the name of the schema.
    """


class WholeList(Answer, Generic[Item]):
    """A list that is never divided into pages."""

    data: Annotated[Sequence[Item], Meta(description="All of them")]
    has_next: NoMore
    total: Count

    @classmethod
    def of(cls, items: Iterable[Item]) -> Self:
        """The list of these."""
        data = list(items)
        return cls(data, has_next=False, total=len(data))


class CountedPage(Answer, kw_only=True):
    """A page in the shape of MDCA's lists of alerts and entities. Its kinds add `data`."""

    has_next: bool
    maximum: Annotated[int, Meta(ge=1, description="The page size")] = msgspec.field(name="max")
    total: Count
    more_than_total: Annotated[
        bool, Meta(description="Whether there are more than `total`, which is then the limit of CASBAH_MAX_DISTINCT")
    ]


class DeletedAnswer(Answer):
    id: str


def encoded(answer: Any) -> bytes:
    """An answer as JSON. jsontext, unlike msgspec, writes the lone surrogates that texts of a source may contain."""
    return jsontext.dump(msgspec.to_builtins(answer))


def answer_from(kind: type[Shown], value: object) -> Shown:
    """The answer whose members are attributes of a value."""
    return msgspec.convert(value, kind, from_attributes=True)


def spliced(answer: Answer, records: Sequence[bytes]) -> bytes:
    """An answer with these records as `data`, its first member. At some 400 KB every copy costs measurable time."""
    pieces = [BEFORE_RECORDS]
    for record in records:
        pieces += (record, b",")
    if records:
        pieces.pop()
    return b"".join((*pieces, after_records(answer)))


def after_records(answer: Answer) -> bytes:
    """What follows the records of an answer. Its own `data` is empty."""
    return encoded(answer).removeprefix(BEFORE_RECORDS)


def respond(answer: Any, status: int = 200) -> Response:
    """The response with an answer, unless it is one already."""
    return answer if isinstance(answer, Response) else Response(encoded(answer), status, media_type="application/json")


@cache
def answer_type(handler: Callable[..., Any]) -> Any:
    """The type of a handler's answers. None if they are not JSON."""
    returned = get_type_hints(handler, include_extras=True)["return"]
    if get_origin(returned) is Annotated and get_args(returned)[0] is Response:
        return get_args(returned)[1]
    return None if returned is Response else returned


def answer_schemas(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The JSON Schema of each type, and all named schemas that these refer to."""
    schemas, named = msgspec.json.schema_components(list(types), ref_template=ref("{name}")["$ref"])
    return (
        [_plain(schema) for schema in schemas],
        {_schema_name(name): _without_class(_plain(schema)) for name, schema in named.items()},
    )


def _schema_name(name: str) -> str:
    """The name of a schema. A WholeList of rules is a RulePage."""
    item = _WHOLE_LIST.fullmatch(name)
    return f"{_schema_name(item[1])}Page" if item else name.removesuffix(_SUFFIX)


def _without_class(schema: Schema) -> Schema:
    """Docstrings and names of classes are for developers."""
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _plain(value: Any) -> Any:
    """A schema in the form of this document: short names, and `type: [..., null]` where one schema may be null."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _plain(item) for key, item in value.items()}
    if isinstance(schema.get("$ref"), str):
        schema |= ref(_schema_name(schema["$ref"].removeprefix(ref("")["$ref"])))
    match schema.get("anyOf"):
        case [{"type": str(name), **more}, {"type": "null"}]:
            del schema["anyOf"]
            schema |= {**more, "type": [name, "null"]}
    return schema
