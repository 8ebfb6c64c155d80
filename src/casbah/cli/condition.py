"""What is typed to find activities: `--filter 'user.domain eq contoso.example'`, or a search such as `user:ann* since:7d`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

_PARTS = 3
_OPENING = ('"', "(", "-")
"""What a search may begin with, unlike NAME OPERATOR VALUE."""


def searched(
    search: Sequence[str] | None, conditions: Sequence[str], filters_text: str | None, zone: str | None = None
) -> dict[str, Any]:
    """The parameters `filters`, `q` and `zone` of a request; searches become `q`. Raises typer.BadParameter."""
    texts = [text for text in (" ".join(search or ()), *filter(is_search, conditions)) if text.strip()]
    parameters: dict[str, Any] = {
        "filters": filters([text for text in conditions if not is_search(text)], filters_text)
    }
    if texts:
        parameters["q"] = texts[0] if len(texts) == 1 else " ".join(f"({text})" for text in texts)
    return parameters if zone is None else {**parameters, "zone": zone}


def is_search(text: str) -> bool:
    """Whether a `--filter` is a search, not NAME OPERATOR VALUE: its first word has a colon, or begins as no name does."""
    first = text.split(maxsplit=1)[:1]
    return bool(first) and (":" in first[0] or first[0].startswith(_OPENING))


def filters(conditions: Sequence[str], text: str | None) -> dict[str, Any]:
    """The `filters` object: `text` (JSON, or @FILE) combined with the conditions.

    Values of the same filter and operator are ORed; everything else is ANDed. Raises typer.BadParameter.
    """
    result: dict[str, Any] = _decoded(text) if text else {}
    for item in conditions:
        name, operator, value = parsed(item)
        operators = result.setdefault(name, {})
        if not isinstance(operators, dict):
            raise typer.BadParameter(f"{name}: expected an object {{operator: value}}", param_hint="--filters")
        known = operators.get(operator, [])
        added = value if isinstance(value, list) else [value]
        operators[operator] = [*(known if isinstance(known, list) else [known]), *added]
    return result


def parsed(text: str) -> tuple[str, str, Any]:
    """Parse `NAME OPERATOR VALUE`. A JSON value is decoded; anything else is text, including its blanks."""
    parts = text.split(maxsplit=_PARTS - 1)
    if len(parts) != _PARTS:
        raise typer.BadParameter(
            f"{text!r}: expected NAME OPERATOR VALUE, such as 'user.domain eq contoso.example', "
            "or a search, such as 'domain:contoso.example'",
            param_hint="--filter",
        )
    name, operator, value = parts
    return name, operator, _value(value)


def _value(text: str) -> Any:
    if text[0] not in '[{"' and text not in ("true", "false", "null"):
        return text  # Numbers too: the API accepts them as text, and an id may look like a number.
    try:
        return json.loads(text)
    except ValueError:
        return text


def _decoded(text: str) -> dict[str, Any]:
    try:
        source = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
        value = json.loads(source, object_pairs_hook=_distinct)
    except OSError as error:
        raise typer.BadParameter(f"{text[1:]}: {error.strerror}", param_hint="--filters") from None
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--filters") from None
    if not isinstance(value, Mapping):
        raise typer.BadParameter('expected an object, such as {"service": {"eq": 11161}}', param_hint="--filters")
    return dict(value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. Raises ValueError for a repeated key: parsers keep the last, which would drop a condition."""
    names = [name for name, _ in pairs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated!r} occurs more than once")
    return dict(pairs)
