"""Writes the generated pages of `docs/` and the client's `where` from the tables, or checks that they are current (`--check`)."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, OPERATORS_OF, Filter, positive
from casbah.activity.value import Takes
from casbah.export.columns import COLUMNS, RECORD
from casbah.export.formats import FORMATS
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


def mimic() -> str:
    """docs/mimic.md: emulation options, each with its source."""
    rows = "\n".join(
        f"| `{row.name}` | {f'`{row.mdca}`' if row.mdca else ''} | {row.help} | {row.quirk} |"
        for row in SETTINGS.values()
        if row.quirk
    )
    return _MIMIC.format(rows=rows)


def export() -> str:
    """docs/export.md: how to export, the formats, and the columns."""
    forms = "\n".join(
        f"| `{row.name}` | {row.help} | {'all' if len(row.usual) == len(COLUMNS) else 'the record' if row.usual == (RECORD,) else 'all but the record'} |"
        for row in FORMATS.values()
    )
    columns = "\n".join(f"| `{row.name}` | {row.kind.value} | {row.help} |" for row in COLUMNS.values())
    return _EXPORT.format(forms=forms, columns=columns)


PAGES: dict[str, Callable[[], str]] = {
    "filters.md": filters,
    "settings.md": settings,
    "mimic.md": mimic,
    "export.md": export,
}


def where() -> str:
    """src/casbah/client/where.py: every filter as a value, with a method per operator."""
    shapes = _shapes()
    classes = "".join(_class(name, row) for name, row in shapes.values())
    groups: dict[str, list[Filter]] = {}
    for row in FILTERS.values():
        groups.setdefault(row.name.rpartition(".")[0], []).append(row)
    single = groups.pop("", [])
    return _WHERE.format(
        classes=classes,
        groups="".join(_group(name, rows, shapes) for name, rows in groups.items()),
        single="".join(_attribute(row, shapes, indent="") for row in single),
        grouped="".join(f"{_snake(name)} = {_pascal(name)}Filters()\n" for name in groups),
    )


MODULES: dict[str, Callable[[], str]] = {"src/casbah/client/where.py": where}


def main(arguments: list[str]) -> int:
    """Write the files. With `--check`, only report stale ones and return 1."""
    files = {f"{_FOLDER}/{name}": _NOTE + page() for name, page in PAGES.items()}
    files |= {name: module() for name, module in MODULES.items()}
    stale = [name for name, text in files.items() if _text(name) != text]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"{name} is not current; `make docs` writes it\n")
        return 1 if stale else 0
    for name in stale:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(files[name], encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


def _text(name: str) -> str:
    file = Path(name)
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _filter_row(row: Filter) -> str:
    operators = ", ".join(f"**{name}**" if name in row.documented else name for name in row.operators)
    names = "<br>".join(f"`{name}`" for name in (row.name, *row.aliases))
    return f"| {names} | {row.field.kind.value} | {operators} | {row.help} |"


def _operator_help(name: str) -> str:
    row = OPERATORS[name]
    return f"{row.help}; the exact complement of `{row.complement_of}`" if row.complement_of else row.help


Shape = tuple[Kind, tuple[str, ...], bool, bool]


def _shape(row: Filter) -> Shape:
    """The properties of a filter that determine its class."""
    return row.field.kind, row.operators, row.nullable, bool(row.by_role)


def _shapes() -> dict[Shape, tuple[str, Filter]]:
    """Each shape of filter with its class name: the kind's, or the filter's own if that is taken."""
    shapes: dict[Shape, tuple[str, Filter]] = {}
    for row in FILTERS.values():
        taken = {name for name, _ in shapes.values()}
        of_kind = f"{_pascal(row.field.kind.value)}Filter"
        shapes.setdefault(_shape(row), (f"{_pascal(row.name)}Filter" if of_kind in taken else of_kind, row))
    return shapes


def _class(name: str, row: Filter) -> str:
    methods = "".join(f"\n{_method(row, operator)}" for operator in row.operators)
    return f'\n\nclass {name}(_c.Filter):\n    """Operators that `{row.name}` and its like take."""\n\n    __slots__ = ()\n{methods}'


def _method(row: Filter, name: str) -> str:
    operator = OPERATORS[name]
    takes, kind = positive(operator).takes, row.field.kind
    parameters, body = _BY_TAKES.get(takes) or _BY_KIND.get(kind) or _plain(row)
    typed, read = _READERS[kind]
    head = _signature(name, ["self", *(parameter.replace("TYPE", typed) for parameter in parameters)])
    body = body.replace("READ", f"_c.{read}").replace("NAME", f'"{name}"')
    return f'{head}\n        """{_sentence(_operator_help(name))}"""\n        return {body}\n'


def _signature(name: str, parameters: list[str]) -> str:
    """The head of a method, wrapped like the formatter does."""
    joined = ", ".join(parameters)
    line = f"    def {name}({joined}) -> _c.Condition:"
    if len(line) <= _WIDTH:
        return line
    inner = (
        f"        {joined}\n"
        if len(joined) + 8 <= _WIDTH
        else "".join(f"        {parameter},\n" for parameter in parameters)
    )
    return f"    def {name}(\n{inner}    ) -> _c.Condition:"


def _plain(row: Filter) -> tuple[tuple[str, ...], str]:
    """Parameters and body of an operator that takes any number of values."""
    if row.by_role:
        return ("*values: TYPE", "role: int | None = None"), "self._many(NAME, READ, values, role=role)"
    if row.nullable:
        return ("*values: TYPE | None",), "self._many(NAME, READ, values, nullable=True)"
    return ("*values: TYPE",), "self._many(NAME, READ, values)"


def _group(name: str, rows: list[Filter], shapes: dict[Shape, tuple[str, Filter]]) -> str:
    attributes = "".join("\n" + _attribute(row, shapes, indent="    ") for row in rows)
    return f'\n\nclass {_pascal(name)}Filters:\n    """The filters `{name}.*`."""\n\n    __slots__ = ()\n{attributes}'


def _attribute(row: Filter, shapes: dict[Shape, tuple[str, Filter]], *, indent: str) -> str:
    name = _snake(row.name.rpartition(".")[2])
    lines = list(_docstring(f"{_sentence(row.help)} MDCA documents {', '.join(row.documented)}.", indent))
    return f'{indent}{name} = {shapes[_shape(row)][0]}("{row.name}")\n' + "\n".join(lines) + "\n"


def _docstring(text: str, indent: str) -> Iterator[str]:
    """The lines of a docstring."""
    quotes = '"""'
    lines = wrap(text, _WIDTH - len(indent) - 2 * len(quotes), break_on_hyphens=False)
    yield f"{indent}{quotes}{lines[0]}" + (quotes if len(lines) == 1 else "")
    yield from (f"{indent}{line}" for line in lines[1:])
    if len(lines) > 1:
        yield f"{indent}{quotes}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("."))


_WIDTH = 120

# The annotation of one value of a kind, and the function of `client.condition` that reads it.
_READERS = {
    Kind.INT: ("int", "whole"),
    Kind.BOOL: ("bool", "flag"),
    Kind.ENUMERATION: ("str", "text"),
    Kind.ID: ("str | int", "identity"),
    Kind.TEXT: ("str", "text"),
    Kind.PATH: ("str", "text"),
    Kind.URL: ("str", "text"),
    Kind.IP: ("_c.Address", "address"),
    Kind.MS: ("_c.Moment", "moment"),
    Kind.WORDS: ("str", "text"),
    Kind.ENTITY: ("_c.Entity", "entity"),
    Kind.SOURCE: ("int | str", "source"),
}

# Parameters and body of operators that do not take a list of values. TYPE, READ and NAME are placeholders.
_BY_TAKES: dict[Takes, tuple[tuple[str, ...], str]] = {
    Takes.FLAGS: (("*", "value: bool = True"), "self._one(NAME, _c.flag, value)"),
    Takes.NUMBERS: (("value: TYPE",), "self._one(NAME, READ, value)"),
    Takes.DAYS: (("days: float",), "self._one(NAME, _c.days, days)"),
    Takes.RANGES: (
        ("*spans: _c.Span[TYPE]", "start: TYPE | None = None", "end: TYPE | None = None"),
        "self._spans(NAME, READ, spans, (start, end))",
    ),
}

# The same for kinds whose values have parts.
_BY_KIND: dict[Kind, tuple[tuple[str, ...], str]] = {
    Kind.ENTITY: (
        ("*values: TYPE", "id: str | int | None = None", "saas: int | None = None", "inst: int | None = None"),
        "self._many(NAME, READ, _c.entities(values, id=id, saas=saas, inst=inst))",
    ),
    Kind.SOURCE: (
        ("*values: TYPE", "type: int | None = None", "stream: str | None = None"),
        "self._many(NAME, READ, _c.sources(values, type=type, stream=stream))",
    ),
}

_WHERE = '''"""The filters of the Activities API as typed values; written by `make docs` from the tables of `casbah.activity.language`.

A filter has a method per operator, which returns a Condition: `where.service.eq(11770, 20893)`. The values of one operator
are ORed; `&` combines conditions. Names are the wire's in snake case: `user.orgUnit` is `where.user.org_unit`.
"""

# ruff: noqa: A002  parameters have the wire's names

import casbah.client.condition as _c
{classes}{groups}

{grouped}{single}'''

_FILTERS = """# Filters and operators

A query's `filters` is an object: `{{"<filter>": {{"<operator>": <value or list of values>}}}}`. Filters are ANDed, several operators of
one filter are ANDed, the values of one operator are ORed. A negation is the exact complement of its positive: it matches
records that lack the field, too. Text comparison ignores case, id comparison does not.

## Filters

Operators in **bold** are documented by MDCA; the others are Casbah's.

| Filter | Kind | Operators | Description |
|---|---|---|---|
{rows}

## Operators

| Operator | An activity matches if the field |
|---|---|
{operators}

## Operators by kind of field

| Kind | Operators |
|---|---|
{kinds}

## Values

- Integers may be numeric strings; times are milliseconds since the epoch; `range` takes `{{"start": ms, "end": ms}}` or a list of them.
- `null` or `"null"` as a value of `device.type` or `activity.takenAction` matches records without a value.
- `ip.address` takes addresses and networks in CIDR form with `eq`, `neq` and `deq`.
- `user.tags` takes group ids and at most one modifier: `{{"role": 2}}` for the groups of users acted on, `{{"role": 3}}` for either.
  Without a modifier, or with `{{"role": 1}}`, it compares the groups of the user who performed the activity.
- `entity` takes `{{"id": "...", "saas": 11161, "inst": 0}}`; `saas` and `inst` are optional.
- `source` takes a type (`2`, `"2"`, `"t:2"`), a stream (`"s:<id>"`), or both at once (`"s:<id>,t:2"`).
- Filters compare the first 8,000 characters of a value; the record keeps all of it.
"""

_SETTINGS = """# Settings

Read once from the environment, at the start. Command line options take precedence.

| Variable | Default | Description |
|---|---|---|
{rows}
"""

_EXPORT = """# Export

Export all activities that match a query to a file:

```console
$ casbah export all.ndjson.zst                                                        # every record, whole
$ casbah export failed.parquet --filter 'activity.eventActionType eq EVENT_CATEGORY_FAILED_LOGIN'
$ casbah export month.csv --filter 'date gte_ndays 30' --columns time,user,activity,ip
$ casbah export all.ndjson.zst --resume 9f2c4b7a1d3e5f60                              # resumes an interrupted export
```

The file's suffix sets format and compression. The download is verified by its SHA-256 before it gets its name. In the web UI, use the
button *Export*.

## Over HTTP

The server writes the file in the background; fetch it when it is ready:

```sh
api="$URL/api/ext/v1/exports"; auth="Authorization: Token $TOKEN"
id=$(curl -s -H "$auth" "$api" -d '{{"format": "parquet", "filters": {{"date": {{"gte_ndays": 30}}}}}}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -s -H "$auth" "$api/$id"                                  # state, rows of total, bytes, sha256
curl -s -H "$auth" -C - -o activities.parquet "$api/$id/file"  # -C -: resumes a partial download
curl -s -H "$auth" -X DELETE "$api/$id"
```

`ETag` and `Repr-Digest` contain the file's SHA-256; `Range` fetches a part. An export is visible only to its creator. It contains the
activities stored before it started. The server's memory use does not grow with its size. After a restart or crash, an unfinished
export is written again from the beginning. An export is deleted after `CASBAH_EXPORT_KEEP`, and fails if it would leave less free disk
space than `CASBAH_EXPORT_SPARE` ([settings.md](settings.md)).

## Formats

| Format | | Default columns |
|---|---|---|
{forms}

`csv`, `ndjson` and `cef` can be compressed: `"compress": "gzip"` or `"zstd"`; the others are compressed internally.

- **CSV** follows RFC 4180, in UTF-8. Times are ISO 8601 in UTC, lists are JSON. Text that a spreadsheet would read as a formula is
  prefixed with an apostrophe; use another format for unchanged text.
- **NDJSON** has the stored records byte for byte, one per line; with columns, objects of them, times in ms.
- **CEF** has the exact line format of MDCA's retired SIEM agent: every key, in its order. It holds less than a record.
  `casbah ingest` reads such lines, including MDCA's own from a syslog collector.
- **Parquet and Arrow** have times as `timestamp[ms, UTC]`, lists as `list<string>`, numbers as `int64`, and null for missing values.

## Columns

Text is spelled as in the source.

| Column | Type | Description |
|---|---|---|
{columns}
"""

_MIMIC = """# Emulating MDCA, to test clients

Casbah answers MDCA's Activities API without its limits: exact totals, no limit on age, no throttling. To test a client, you want those
limits. `casbah serve --mimic mdca` turns them on; each has its own setting:

```console
$ casbah serve --mimic mdca                                # all of them
$ casbah serve --mimic mdca --set throttle=off             # all but one
$ casbah serve --set mimic_fail=429:0.05,502:0.01 --set mimic_slow=300ms
$ CASBAH_MIMIC_LIST_END=5000 casbah serve
```

## Options

Sources: D is documented by MDCA, C was seen in its clients, O is our decision, as there is no public source.

| Setting | With `--mimic mdca` | Description | Source |
|---|---|---|---|
{rows}

In any case, pages of a list have 100 records by default and at most 250, pages of a scan 500 to 5,000, and errors have MDCA's texts
([compatibility.md](compatibility.md)).

## On demand

With any of these options on, a token with `Admin.manage` can control the answers to requests of its tenant:

| Request | Effect |
|---|---|
| `POST /api/ext/v1/mimic/answers` `{{"answers": [{{"status": 502}}, {{"status": 429, "retryAfter": 3}}, {{"slow": 1500}}]}}` | the next three requests to the Activities API get these, one each; `slow` is in ms |
| `POST /api/ext/v1/mimic/arrivals?after=2&source=mdca`, activities as NDJSON | stored after two more requests have been answered: late events in the middle of a scan |
| `DELETE /api/ext/v1/mimic` | cancels both |

## In pytest

If Casbah is installed (`pip install ./casbah` from the cloned folder), pytest has the fixture `casbah_server`: a server for one test, on a free port, with its own
store. It starts in about 0.1 s, the first one in under 2 s.

```python
import time

import pytest


@pytest.mark.casbah(mimic="mdca", seed=1_200, ties=40)  # settings by name; 1,200 activities, 40 in each ms
def test_my_client_survives(casbah_server):
    casbah_server.next(502, {{"status": 429, "retryAfter": 1}}, {{"slow": 2_000}})
    now = time.time_ns() // 1_000_000  # older than 30 days would not match
    late = {{"_id": "late", "timestamp": now, "appId": 11161}}
    casbah_server.late([late], after=3)  # stored just before the fourth request is answered
    result = my_client(casbah_server.url, casbah_server.token).everything()  # ids, oldest first
    assert sorted(result) == sorted(set(result))
    assert len(result) == 1_201
    assert "late" in result
    assert [request.status for request in casbah_server.requests][:3] == [502, 429, 200]
```

| Member | Description |
|---|---|
| `url`, `token`, `headers` | the address, and a token with all permissions in the tenant `default` |
| `add(activities)`, `fill(n, ties=, until=, step=)` | store records in MDCA's format, your own or generated |
| `next(...)`, `late(activities, after=n)` | answers and late events as above (requires an option such as `mimic="mdca"`) |
| `requests` | the requests of your client: method, path, query, body, status |
| `create_token(name, tenant=, scopes=)` | other tenants, other scopes |

Without pytest: `with casbah.testing.server.casbah_server(mimic="mdca") as server:`.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
