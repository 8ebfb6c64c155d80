"""Answers: their bytes, and the schemas that derive from them."""

from typing import Annotated

import pytest
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from casbah.activity.query import Bounds
from casbah.http.answers import (
    Answer,
    Count,
    Record,
    WholeList,
    answer_schemas,
    answer_type,
    encoded,
    respond,
    spliced,
)
from casbah.http.body_schemas import BODIES
from casbah.http.request_schemas import language
from casbah.http.routes import PUBLIC, ROUTES


class Item(Answer):
    """A name."""

    first_name: Annotated[str, Meta(description="What people say")]
    age: Count | None
    more: str | UnsetType = UNSET


class ListAnswer(Answer):
    data: Annotated[list[Record], Meta(description="Some")]
    has_next: bool


def test_members_are_in_camel_case_and_unset_ones_are_left_out():
    assert encoded(Item("Ann", None)) == b'{"firstName":"Ann","age":null}'
    assert encoded(Item("Ann", 3, "x")) == b'{"firstName":"Ann","age":3,"more":"x"}'


@pytest.mark.parametrize(
    "item, text",
    [
        (Item("\ud800", 1), rb'{"firstName":"\ud800","age":1}'),
        (Item("Ann\x00", 2**80), b'{"firstName":"Ann\\u0000","age":1208925819614629174706176}'),
    ],
    ids=["lone surrogate", "large number"],
)
def test_what_a_source_wrote_can_be_answered(item, text):
    assert encoded(item) == text


@pytest.mark.parametrize("records, text", [([], b""), ([b"{1}"], b"{1}"), ([b"{1}", b"{ 2 }"], b"{1},{ 2 }")])
def test_records_are_spliced_byte_for_byte(records, text):
    assert spliced(ListAnswer([], has_next=True), records) == b'{"data":[%b],"hasNext":true}' % text


def test_a_response_stays_what_it_is():
    response = Response(b"file")
    assert respond(response, 201) is response
    assert (respond("abc", 201).status_code, respond("abc", 201).body) == (201, b'"abc"')


def test_schemas_derive_from_structs():
    (lists, own), named = answer_schemas([WholeList[Item], ListAnswer])
    assert lists == {"$ref": "#/components/schemas/ItemPage"}
    assert own == {"$ref": "#/components/schemas/List"}
    assert named["Item"] == {
        "type": "object",
        "properties": {
            "firstName": {"type": "string", "description": "What people say"},
            "age": {"type": ["integer", "null"], "minimum": 0},
            "more": {"type": "string"},
        },
        "required": ["firstName", "age"],
        "additionalProperties": False,
    }
    assert named["ItemPage"]["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert named["List"]["properties"]["data"]["items"]["$ref"] == "#/components/schemas/Activity"


def test_every_schema_has_a_name_of_its_own():
    types = [kind for route in (*ROUTES, *PUBLIC) if (kind := answer_type(route.handler)) is not None]
    _, answers = answer_schemas(types)
    names = [*language(Bounds()), *BODIES, *answers]
    assert sorted(names) == sorted(set(names))
