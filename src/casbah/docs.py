"""Writes the generated pages of `docs/` from the tables, or checks that they are current (`--check`)."""

import sys
from collections.abc import Callable
from pathlib import Path

from casbah.activity.language import FILTERS, OPERATORS, OPERATORS_OF, Filter
from casbah.settings import SETTINGS

_FOLDER = Path("docs")
_NOTE = "<!-- Written by `make docs` from the tables in src/casbah; change those. -->\n\n"


def filters() -> str:
    """docs/filters.md: every filter, every operator, and which go together."""
    rows = "\n".join(map(_filter_row, FILTERS.values()))
    operators = "\n".join(f"| `{row.name}` | {_operator_help(row.name)} |" for row in OPERATORS.values())
    kinds = "\n".join(
        f"| {kind.value} | {', '.join(f'`{name}`' for name in names)} |" for kind, names in OPERATORS_OF.items()
    )
    return _FILTERS.format(rows=rows, operators=operators, kinds=kinds)


def settings() -> str:
    """docs/settings.md: every setting, its variable and default."""
    rows = "\n".join(
        f"| `{row.variable}` | {f'`{row.default}`' if row.default else ''} | {row.help} |" for row in SETTINGS.values()
    )
    return _SETTINGS.format(rows=rows)


PAGES: dict[str, Callable[[], str]] = {"filters.md": filters, "settings.md": settings}


def main(arguments: list[str]) -> int:
    """Write the pages; with `--check`, only say which are not current and fail."""
    stale = [name for name, page in PAGES.items() if _text(name) != _NOTE + page()]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"docs/{name} is not current; `make docs` writes it\n")
        return 1 if stale else 0
    for name in stale:
        (_FOLDER / name).write_text(_NOTE + PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"wrote docs/{name}\n")
    return 0


def _text(name: str) -> str:
    file = _FOLDER / name
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _filter_row(row: Filter) -> str:
    operators = ", ".join(f"**{name}**" if name in row.documented else name for name in row.operators)
    names = "<br>".join(f"`{name}`" for name in (row.name, *row.aliases))
    return f"| {names} | {row.field.kind.value} | {operators} | {row.help} |"


def _operator_help(name: str) -> str:
    row = OPERATORS[name]
    return f"{row.help}; the exact complement of `{row.complement_of}`" if row.complement_of else row.help


_FILTERS = """# Filters and operators

A query's `filters` is an object: `{{"<filter>": {{"<operator>": <value or list of values>}}}}`. Filters are ANDed, several operators of
one filter are ANDed, the values of one operator are ORed. A negation is the exact complement of its positive: it matches
records that lack the field, too. Text is compared in lower case, ids as they are.

## Filters

Operators in **bold** are documented by MDCA; the others are Casbah's.

| Filter | Kind | Operators | What it reads |
|---|---|---|---|
{rows}

## Operators

| Operator | An activity matches if the field |
|---|---|
{operators}

## Which operators a kind of field takes

| Kind | Operators |
|---|---|
{kinds}

## Values

- Integers may be numeric strings; moments are milliseconds since the epoch; `range` takes `{{"start": ms, "end": ms}}` or a list of them.
- `null` or `"null"` as a value of `device.type` or `activity.takenAction` means: has no value.
- `ip.address` takes addresses and networks in CIDR form with `eq`, `neq` and `deq`.
- `user.tags` takes group ids, and beside them at most one modifier: `{{"role": 1}}` asks for the groups of those acted on, `{{"role": 3}}`
  for either; without one, or with `{{"role": 2}}`, for the groups of whoever performed it.
- `entity` takes `{{"id": "...", "saas": 11161, "inst": 0}}`; `saas` and `inst` may be left out.
- `source` takes a type (`2`, `"2"`, `"t:2"`), a stream (`"s:<id>"`), or both at once (`"s:<id>,t:2"`).
- A field holds the first 8,000 characters of a value for filters to compare; the record keeps all of it.
"""

_SETTINGS = """# Settings

Read once, at the start, from the environment. Options of the command line win.

| Variable | Default | What it is |
|---|---|---|
{rows}
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
