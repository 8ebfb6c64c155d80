"""The answer that lists filters, of activities and of IP ranges."""

from collections.abc import Container, Sequence
from typing import Annotated

from msgspec import Meta

from casbah.activity.fields import Kind
from casbah.http.answers import Answer


class OperatorAnswer(Answer):
    id: str
    documented: Annotated[bool, Meta(description="Whether MDCA documents it for this filter")]


class InputType(Answer):
    type: Annotated[str, Meta(description="The kind of its field")]


class FilterAnswer(Answer):
    name: str
    operators: Sequence[OperatorAnswer]
    input_type: InputType
    deprecated: bool


class Metadata(Answer):
    filters: Sequence[FilterAnswer]


def metadata(
    name: str, operators: Sequence[str], kind: Kind, *, documented: Container[str] | None = None
) -> FilterAnswer:
    """What the API says of a filter. Without `documented`, MDCA documents all of its operators."""
    listed = [OperatorAnswer(operator, documented is None or operator in documented) for operator in operators]
    return FilterAnswer(name, listed, InputType(kind.value), deprecated=False)
