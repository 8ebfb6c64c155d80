"""Which entities a list holds: MDCA's filters of entities, as far as activities can answer them.

A filter holds for an entity if it does for some activity of it, a negation if it does for all of them.
Documented: learn.microsoft.com/defender-cloud-apps/api-entities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from casbah.activity import predicate as p
from casbah.activity.language import FILTERS as ACTIVITY_FILTERS
from casbah.activity.language import Filter
from casbah.activity.predicate import Predicate
from casbah.activity.query import Bounds, choice_of, conditions, count_of, filters_of, page_limit_of
from casbah.errors import UnanswerableFilterError, UnknownFilterError
from casbah.http.request_schemas import PAGE_PARAMETERS, Parameter, Schema, choice, filters_schema, query_body

_ENTITY = "entity"
_UNANSWERABLE = ("type", "isAdmin", "isExternal", "status", "score")
"""Filters that MDCA documents (`score` in earlier editions), and that nothing in an activity answers."""


def _filter(name: str, activity_filter: str, help_text: str, *, aliases: tuple[str, ...] = ()) -> Filter:
    return replace(ACTIVITY_FILTERS[activity_filter], name=name, help=help_text, aliases=aliases, by_role=())


# fmt: off
FILTERS: Mapping[str, Filter] = {row.name: row for row in (
    _filter(_ENTITY,         "entity",        "The entities of these keys; without `saas`, those of all apps"),
    _filter("userGroups",    "user.tags",     "Ids of groups of the user"),
    _filter("app",           "service",       "The apps that it did something in"),
    _filter("instance",      "instance",      "The instances of apps that it did something in"),
    _filter("domain",        "user.domain",   "The domains of its user names", aliases=("user.domain",)),
    _filter("organization",  "user.orgUnit",  "Its organizational units"),
    _filter("user.username", "user.username", "Its user names"),
)}
# fmt: on
_BY_NAME = {name: row for row in FILTERS.values() for name in (row.name, *row.aliases)}
ENTITY_PARAMETERS = (
    *PAGE_PARAMETERS,
    Parameter("sortField", choice("id"), "The order is that of app, instance and id"),
    Parameter("sortDirection", choice("asc", "desc"), "Default: asc"),
)
BODIES: Mapping[str, Schema] = {
    "EntityQuery": query_body(ENTITY_PARAMETERS, filters="EntityFilters", text="Which entities"),
    "EntityFilters": filters_schema(FILTERS),
}


@dataclass(frozen=True, slots=True)
class EntityCondition:
    """What an entity must have done, or if `negated`, must never have done.

    `of_key`: it is about the entity's own key, of which an activity may have several.
    """

    predicate: Predicate
    negated: bool
    of_key: bool


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """A validated query."""

    conditions: Sequence[EntityCondition]
    descending: bool
    skip: int
    limit: int


def read(body: Mapping[str, Any], *, now: int, bounds: Bounds) -> EntityQuery:
    """The query of a request's parameters. Raises RequestError."""
    choice_of(body, "sortField", ("id",))
    return EntityQuery(
        conditions=_conditions(filters_of(body), now=now, bounds=bounds),
        descending=choice_of(body, "sortDirection", ("asc", "desc")) == "desc",
        skip=count_of(body, "skip"),
        limit=page_limit_of(body),
    )


def _conditions(filters: Any, *, now: int, bounds: Bounds) -> Sequence[EntityCondition]:
    predicates = list(conditions(filters, now=now, bounds=bounds, named=_filter_named))
    names = [name for name, operators in filters.items() for _ in operators]
    return [_condition(name, predicate) for name, predicate in zip(names, predicates, strict=True)]


def _condition(name: str, predicate: Predicate) -> EntityCondition:
    negated = isinstance(predicate, p.Not)
    return EntityCondition(
        predicate.part if isinstance(predicate, p.Not) else predicate, negated, of_key=name == _ENTITY
    )


def _filter_named(name: str) -> Filter:
    if name in _UNANSWERABLE:
        raise UnanswerableFilterError(name, tuple(FILTERS))
    if name not in _BY_NAME:
        raise UnknownFilterError(name, tuple(_BY_NAME))
    return _BY_NAME[name]
