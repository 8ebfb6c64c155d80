"""The generated modules of the Python client, `operators` and `where`, from the tables of filters and operators."""

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, Filter, positive
from casbah.activity.value import Takes
from tools.docs.pages import operator_help

Shape = tuple[Kind, tuple[str, ...], bool, bool]


def operators() -> str:
    """src/casbah/client/operators.py: a class for each kind of filter, with a method per operator."""
    return _OPERATORS + "".join(_classes(_shapes().values()))


def where() -> str:
    """src/casbah/client/where.py: every filter as a value."""
    shapes = _shapes()
    groups: dict[str, list[Filter]] = {}
    for row in FILTERS.values():
        groups.setdefault(row.name.rpartition(".")[0], []).append(row)
    single = groups.pop("", [])
    return _WHERE.format(
        groups="".join(_group(name, rows, shapes) for name, rows in groups.items()),
        single="".join(_attribute(row, shapes, indent="") for row in single),
        grouped="".join(f"{_snake(name)} = {_pascal(name)}Filters()\n" for name in groups),
    )


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


def _classes(shapes: Iterable[tuple[str, Filter]]) -> Iterator[str]:
    """The classes, those with few operators first: one that has all methods of another inherits them."""
    any_filter = next(iter(FILTERS.values()))
    presence = [_method(any_filter, name) for name in OPERATORS if positive(OPERATORS[name]).takes is Takes.FLAGS]
    yield _class("PresenceFilter", "_c.Filter", "Operators on whether there is a value.", presence)
    written: dict[str, list[str]] = {"_c.Filter": [], "PresenceFilter": presence}
    for name, row in sorted(shapes, key=lambda shape: len(shape[1].operators)):
        methods = [_method(row, operator) for operator in row.operators]
        bases = [base for base, inherited in written.items() if set(inherited) <= set(methods)]
        base = max(bases, key=lambda base: len(written[base]))
        own = [method for method in methods if method not in written[base]]
        yield _class(name, base, f"Operators that `{row.name}` and its like take.", own)
        written[name] = methods


def _class(name: str, base: str, doc: str, methods: list[str]) -> str:
    body = "".join(f"\n{method}" for method in methods)
    return f'\n\nclass {name}({base}):\n    """{doc}"""\n\n    __slots__ = ()\n{body}'


def _method(row: Filter, name: str) -> str:
    operator = OPERATORS[name]
    takes, kind = positive(operator).takes, row.field.kind
    parameters, body = _BY_TAKES.get(takes) or _BY_KIND.get(kind) or _plain(row)
    typed, read = _READERS[kind]
    head = _signature(name, ["self", *(parameter.replace("TYPE", typed) for parameter in parameters)])
    body = body.replace("READ", f"_c.{read}").replace("NAME", f'"{name}"')
    return f'{head}\n        """{_sentence(operator_help(name))}"""\n        return {body}\n'


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
    origin = f"MDCA documents {', '.join(row.documented)}." if row.documented else "MDCA has no such filter."
    lines = list(_docstring(f"{_sentence(row.help)} {origin}", indent))
    return f'{indent}{name} = _o.{shapes[_shape(row)][0]}("{row.name}")\n' + "\n".join(lines) + "\n"


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

_OPERATORS = '''"""The operators of each kind of filter, as methods; written by `make docs` from the tables of `casbah.activity.language`."""

# ruff: noqa: A002  parameters have the wire's names

import casbah.client.condition as _c
'''

_WHERE = '''"""The filters of the Activities API as typed values; written by `make docs` from the tables of `casbah.activity.language`.

A filter has a method per operator, which returns a Condition: `where.service.eq(11770, 20893)`. The values of one operator
are ORed; `&` combines conditions. Names are the wire's in snake case: `user.orgUnit` is `where.user.org_unit`.
"""

import casbah.client.operators as _o
{groups}

{grouped}{single}'''
