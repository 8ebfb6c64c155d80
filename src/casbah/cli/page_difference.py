"""How two servers' answers to the same query differ, as `casbah compare` shows it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from casbah.activity.record import integer
from casbah.cli.query_set import ComparedQuery
from casbah.client.page import Page, Record

_TIME_OF = {"date": "timestamp", "created": "created"}
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Refused:
    """A query that a server refused, with its message."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A query that a server could not answer, with its message. It says nothing about the query, so nothing equals it."""

    message: str


ServerAnswer = Page | Refused | Failed


@dataclass(frozen=True, slots=True)
class Pair:
    """The same value of both servers."""

    mdca: Any
    casbah: Any


@dataclass(frozen=True, slots=True)
class PageDifference:
    """The difference of both answers to one query.

    `totals` are None where a server sends no total. The ids are those of activities that only one server has, among the
    `compared` activities: those in the part of the result that both pages cover.
    """

    query: ComparedQuery
    totals: Pair
    refused: Pair
    failed: Pair
    compared: int = 0
    only_mdca: Sequence[str] = ()
    only_casbah: Sequence[str] = ()
    excess: int = 0
    """How many more of the activities that `apart_from` left out are MDCA's than Casbah's."""

    def apart_from(self, known: Collection[str]) -> "PageDifference":
        """The difference without these activities, which other queries show to be on one server only."""
        only_mdca, only_casbah = (
            [name for name in names if name not in known] for names in (self.only_mdca, self.only_casbah)
        )
        excess = (len(self.only_mdca) - len(only_mdca)) - (len(self.only_casbah) - len(only_casbah))
        return replace(self, only_mdca=only_mdca, only_casbah=only_casbah, excess=excess)

    @property
    def equal(self) -> bool:
        totals = (self.totals.mdca, self.totals.casbah)
        totals_differ = None not in totals and self.totals.mdca - self.totals.casbah != self.excess
        one_refused = bool(self.refused.mdca) != bool(self.refused.casbah)
        return not (self.any_failed or totals_differ or one_refused or self.one_sided)

    @property
    def any_failed(self) -> bool:
        return bool(self.failed.mdca or self.failed.casbah)

    @property
    def one_sided(self) -> bool:
        """Whether a server has an activity that the other lacks."""
        return bool(self.only_mdca or self.only_casbah)


def page_difference(query: ComparedQuery, mdca: ServerAnswer, casbah: ServerAnswer) -> PageDifference:
    """The difference of two answers. Two pages may end with different activities of the same time, so ids are compared only
    for the times that both pages cover completely.
    """
    totals = Pair(_total(mdca), _total(casbah))
    refused, failed = (Pair(_message(mdca, kind), _message(casbah, kind)) for kind in (Refused, Failed))
    if not (isinstance(mdca, Page) and isinstance(casbah, Page)):
        return PageDifference(query, totals, refused, failed)
    ends = [end for end in (_end(query, mdca), _end(query, casbah)) if end is not None]
    first, second = (_covered(query, page, ends) for page in (mdca, casbah))
    return PageDifference(
        query,
        totals,
        refused,
        failed,
        compared=len(first.keys() | second.keys()),
        only_mdca=[name for name in first if name not in second],
        only_casbah=[name for name in second if name not in first],
    )


@dataclass(slots=True)
class FieldDifference:
    """A field that differs: in how many records, and the values of the first."""

    records: int
    id: str
    values: Pair


@dataclass(slots=True)
class FieldComparison:
    """Compares the fields of records, each record once. `added` counts fields that only Casbah has, by path."""

    different: dict[str, FieldDifference] = field(default_factory=dict)
    added: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)

    def add(self, mdca: ServerAnswer, casbah: ServerAnswer) -> None:
        """Compare the records that are in both answers."""
        if not (isinstance(mdca, Page) and isinstance(casbah, Page)):
            return
        known = {record["_id"]: record for record in casbah.data}
        for record in mdca.data:
            name = record["_id"]
            if name in known and name not in self.seen:
                self.seen.add(name)
                self._compare(name, dict(_leaves(record)), dict(_leaves(known[name])))

    def _compare(self, name: str, mdca: Mapping[str, Any], casbah: Mapping[str, Any]) -> None:
        for path, value in mdca.items():
            other = casbah.get(path, _MISSING)
            if other is _MISSING or other != value or type(other) is not type(value):
                pair = Pair(value, None if other is _MISSING else other)
                self.different.setdefault(path, FieldDifference(0, name, pair)).records += 1
        self.added.update(casbah.keys() - mdca.keys())


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a record by path. An item of a list has the path of a member of that name, as in `entityData`."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not members or not value:
        yield path, value
    for key, inner in members:
        yield from _leaves(inner, f"{path}.{key}" if path else str(key))


def _total(answer: ServerAnswer) -> int | None:
    return answer.total if isinstance(answer, Page) else None


def _message(answer: ServerAnswer, kind: type[Refused | Failed]) -> str:
    return answer.message if isinstance(answer, kind) else ""


def _moment(query: ComparedQuery, record: Record) -> int:
    """The time by which a query sorts a record, in ms."""
    return integer(record.get(_TIME_OF[query.sort])) or 0


def _end(query: ComparedQuery, page: Page) -> int | None:
    """The time at which a page ends, of which the next page may have more; None if it is the last."""
    if not page.has_next or not page.data:
        return None
    return (min if query.descending else max)(_moment(query, record) for record in page.data)


def _covered(query: ComparedQuery, page: Page, ends: Iterable[int]) -> dict[str, Record]:
    """The records of a page before any of the times at which the pages end, by id."""
    sign = 1 if query.descending else -1
    end = max((sign * moment for moment in ends), default=None)
    return {record["_id"]: record for record in page.data if end is None or sign * _moment(query, record) > end}
