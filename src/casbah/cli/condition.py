"""Filters as they are typed: `--filter 'user.domain eq contoso.example'`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

_PARTS = 3


def filters(conditions: Sequence[str], given: str | None) -> dict[str, Any]:
    """The `filters` object: `given` (JSON, or @file), and the conditions beside it.

    The same filter and operator twice means either value; anything else twice means both.
    """
    result: dict[str, Any] = _given(given) if given else {}
    for text in conditions:
        name, operator, value = parsed(text)
        operators = result.setdefault(name, {})
        if not isinstance(operators, dict):
            raise typer.BadParameter(f"{name}: expected an object {{operator: value}}", param_hint="--filters")
        known = operators.get(operator, [])
        added = value if isinstance(value, list) else [value]
        operators[operator] = [*(known if isinstance(known, list) else [known]), *added]
    return result


def parsed(text: str) -> tuple[str, str, Any]:
    """`NAME OPERATOR VALUE`; a value that is JSON counts as such, any other is text, blanks and all."""
    parts = text.split(maxsplit=_PARTS - 1)
    if len(parts) != _PARTS:
        raise typer.BadParameter(
            f"{text!r}: expected NAME OPERATOR VALUE, such as 'user.domain eq contoso.example'", param_hint="--filter"
        )
    name, operator, value = parts
    return name, operator, _value(value)


def _value(text: str) -> Any:
    if text[0] not in '[{"' and text not in ("true", "false", "null"):
        return text  # Numbers too: the API reads them from text, and an id may look like one.
    try:
        return json.loads(text)
    except ValueError:
        return text


def _given(text: str) -> dict[str, Any]:
    try:
        source = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        found = json.loads(source, object_pairs_hook=_distinct)
    except OSError as error:
        raise typer.BadParameter(f"{text[1:]}: {error.strerror}", param_hint="--filters") from None
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--filters") from None
    if not isinstance(found, Mapping):
        raise typer.BadParameter('expected an object, such as {"service": {"eq": 11161}}', param_hint="--filters")
    return dict(found)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. Parsers keep the last of repeated keys, and so would drop a condition."""
    names = [name for name, _ in pairs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated!r} is given more than once")
    return dict(pairs)
