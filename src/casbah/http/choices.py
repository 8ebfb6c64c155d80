"""Choices: the values of filters that have few, each with a display name; and how the pages show filters and operators."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.language import FILTERS, OPERATORS, Catalog, Filter, Operator
from casbah.activity.search.forms import Names
from casbah.http.answers import Answer, FilterValue, WholeList
from casbah.http.context import RequestContext
from casbah.ingest.apps import APPS
from casbah.ingest.enrich import agents, countries
from casbah.ingest.enrich.given_names import NAMEABLE, Named
from casbah.ingest.mapping.file import CATEGORIES
from casbah.ingest.verbs import VERBS


class NamedValue(Answer):
    value: FilterValue
    name: str


class Choice(Answer):
    filter: str
    values: Annotated[Sequence[NamedValue], Meta(description="By name")]


class FilterDisplay(Answer):
    name: str
    label: str
    nameable: Annotated[bool, Meta(description="Whether people can give its values names")]
    countable: Annotated[bool, Meta(description="Whether facets count its values")]
    button: Annotated[bool, Meta(description="Whether it has a button; the others are in a menu")]
    facet: Annotated[int | None, Meta(description="Its position among the facets that are shown by default")]
    facet_prefix: Annotated[str, Meta(description="The prefix of the values that are counted")]


class OperatorDisplay(Answer):
    name: str
    label: str
    labels: Annotated[Mapping[str, str], Meta(description="Instead of `label`, for filters of some types")]
    complement_of: Annotated[str | None, Meta(description="The operator that it negates")]


class Choices(WholeList[Choice]):
    given_names: Annotated[
        Sequence[Choice], Meta(description="Names that people have given to values of other filters")
    ]
    filters: Annotated[
        Sequence[FilterDisplay],
        Meta(description="How to show filters: those with a button of their own, then the others by label"),
    ]
    operators: Annotated[Sequence[OperatorDisplay], Meta(description="How to show operators")]


async def list_choices(context: RequestContext) -> Choices:
    catalogs, named = await _catalogs(context), await _given_names(context)
    data = [Choice(row.name, _values(_names(row, catalogs, named))) for row in FILTERS.values() if row.choices]
    others = [Choice(name, _values(names.items())) for name, names in named.items() if not FILTERS[name].choices]
    return Choices(data, has_next=False, total=len(data), given_names=others, filters=_FILTERS, operators=_OPERATORS)


async def names_of_values(context: RequestContext) -> Names:
    """The display names of the values of each filter, as a search takes them."""
    catalogs, named = await _catalogs(context), await _given_names(context)

    def names(filter_name: str) -> Sequence[tuple[Any, str]]:
        return tuple(_names(FILTERS[filter_name], catalogs, named))

    return names


async def _given_names(context: RequestContext) -> Named:
    return await context.quick(context.services.names.by_filter, context.tenant_id)


async def _catalogs(context: RequestContext) -> Mapping[Catalog, Mapping[Any, str]]:
    return {
        Catalog.APPS: APPS,
        Catalog.VERBS: _VERBS,
        Catalog.EVENT_CATEGORIES: _EVENT_CATEGORIES,
        Catalog.COUNTRIES: {short.lower(): name for short, name in countries.names().items()},
        Catalog.AGENT_TAGS: agents.TAGS,
        Catalog.IP_TAGS: await context.quick(context.services.ranges.tags, context.tenant_id),
    }


_EVENT_CATEGORIES = {f"event_category_{name.lower()}": name.replace("_", " ").capitalize() for name in CATEGORIES}
_VERBS: Mapping[str | None, str] = {
    **{name: name.replace("-", " ").capitalize() for name in VERBS},
    "mfa": "MFA",
    None: "No verb",
}


def _names(row: Filter, catalogs: Mapping[Catalog, Mapping[Any, str]], named: Named) -> Iterable[tuple[Any, str]]:
    """The names of a filter's values; those that people have given come in place of others."""
    known = catalogs[row.choices] if isinstance(row.choices, Catalog) else dict(row.choices)
    return {**known, **named.get(row.name, {})}.items()


def _values(pairs: Iterable[tuple[Any, str]]) -> list[NamedValue]:
    """Sorted by name; "no value" comes last."""
    ordered = sorted(pairs, key=lambda pair: (pair[0] is None, pair[1]))
    return [NamedValue(value, name) for value, name in ordered]


def _filter(row: Filter) -> FilterDisplay:
    return FilterDisplay(
        name=row.name,
        label=row.label,
        nameable=row.name in NAMEABLE,
        countable=row.countable,
        button=row.button is not None,
        facet=row.facet,
        facet_prefix=row.facet_prefix,
    )


def _operator(row: Operator) -> OperatorDisplay:
    labels = {kind.value: label for kind, label in row.labels}
    return OperatorDisplay(row.name, row.label, labels, row.complement_of)


def _place(row: Filter) -> tuple[bool, int, str]:
    return row.button is None, row.button or 0, row.label


_FILTERS = [_filter(row) for row in sorted(FILTERS.values(), key=_place)]
_OPERATORS = [_operator(row) for row in OPERATORS.values()]
