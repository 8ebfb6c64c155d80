"""Names of values in tables: those of catalogs, such as apps, and those that people have given, such as users."""

import json
from collections.abc import Mapping
from typing import Any

from casbah.cli.connection import Api

Names = Mapping[tuple[str, str | int], str]
"""Names of values, by filter and value; texts without regard to case, as filters compare them."""


def names_of(api: Api) -> Names:
    """The names of all values that have one."""
    answer = api.ask("GET", "/api/ext/v1/choices").json()
    return {
        (row["filter"], _key(value["value"])): value["name"]
        for row in (*answer["data"], *answer.get("givenNames", ()))  # Servers of older versions give no names.
        for value in row["values"]
        if isinstance(value["value"], str | int)
    }


def named(value: Any, filter_name: str, names: Names) -> str:
    """A value of a filter as text, with its name if it has one; entities are objects."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    name = names.get((filter_name, _key(value))) if isinstance(value, str | int) else None
    return text if name is None or name.casefold() == text.casefold() else f"{name} ({text})"


def _key(value: str | int) -> str | int:
    return value.casefold() if isinstance(value, str) else value
