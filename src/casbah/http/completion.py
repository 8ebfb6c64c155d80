"""Completion: what may be typed at a place of a search, with how many activities match it beside the rest of the search.

A request lists the values of one field, or for a word those of the fields with facets. It counts at most `MAX_LIMIT`
conditions, for at most `SECONDS`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import Field
from casbah.activity.language import FILTERS
from casbah.activity.predicate import Predicate
from casbah.activity.query import filters_of, limit_of, where, whole_of
from casbah.activity.search.compiled import SearchContext
from casbah.activity.search.completion import (
    Suggestion,
    Typed,
    fields_like,
    forms_of,
    grouped_fields,
    meaning,
    moments_of,
    typed_at,
    value_suggestion,
)
from casbah.activity.search.forms import FieldTarget, field_of
from casbah.errors import MalformedBodyError, SearchTooLongError
from casbah.http.answers import Answer, Count
from casbah.http.context import RequestContext
from casbah.http.facets import shown, stored_prefix
from casbah.http.request_schemas import Parameter, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, search_context_of, search_of
from casbah.store.contract import FacetQuery, FieldValue

DEFAULT_LIMIT, MAX_LIMIT = 10, 50
SECONDS = 2
_ALL_NAMED = 1_000
_PER_FIELD = 3
_MIN_WORD = 2
COMPLETION_PARAMETERS = (
    Parameter("cursor", ref("Count"), "Where in `q` the next character is typed, in characters. Default: at its end"),
    Parameter("limit", ref("Count"), f"Maximum number of suggestions: {DEFAULT_LIMIT} by default, {MAX_LIMIT} at most"),
    *SEARCH_PARAMETERS,
)


class SuggestionAnswer(Answer):
    kind: Annotated[str, Meta(description="A `field`, an `operator` or a `value`")]
    complete: Annotated[
        bool, Meta(description="Whether a condition ends with it; after a field or a sign comes a value")
    ]
    text: Annotated[str, Meta(description="What replaces the characters from `start` to `end`")]
    label: Annotated[
        str, Meta(description="The name of the field, of what the operator does, or of the value; may be empty")
    ]
    help: str
    total: Annotated[
        Count | None,
        Meta(
            description="How many activities match it and the rest; null where it is not complete, or counting took too long"
        ),
    ]


class Completions(Answer):
    start: Count
    end: Count
    suggestions: Annotated[Sequence[SuggestionAnswer], Meta(description="The most useful first")]
    timed_out: Annotated[bool, Meta(description=f"Whether counting took longer than {SECONDS} seconds")]


async def complete_search(context: RequestContext) -> Completions:
    body = await context.parameters()
    text = search_of(body, context)
    search_context = await search_context_of(body, context)
    typed = typed_at(text, _cursor(body, text), search_context)
    limit = limit_of(body, usual=DEFAULT_LIMIT, most=MAX_LIMIT)
    bounds = context.services.bounds
    rest = p.both(
        *(where(one, now=search_context.now, bounds=bounds, groups=True) for one in (filters_of(body), typed.rest))
    )
    deadline = Deadline.after(SECONDS, gone=context.gone)
    return await context.search(_completions, _Completion(typed, rest, limit, search_context, deadline, context))


def _cursor(body: Mapping[str, Any], text: str) -> int:
    cursor = whole_of(body, "cursor")
    if cursor is None:
        return len(text)
    if not 0 <= cursor <= len(text):
        raise MalformedBodyError(f"cursor: expected a place in q, from 0 to {len(text)}, got {cursor}")
    return cursor


_EQUAL = ("", "=")
_Counted = tuple[Suggestion, int | None]
_USUAL = sorted((row for row in FILTERS.values() if row.facet is not None), key=lambda row: row.facet or 0)


@dataclass(frozen=True, slots=True)
class _Completion:
    """A validated request; `rest` is what else must hold."""

    typed: Typed
    rest: Predicate
    limit: int
    search_context: SearchContext
    deadline: Deadline
    context: RequestContext

    def chosen(self, values: Sequence[_Counted]) -> Sequence[_Counted]:
        """The suggestions to answer, of these values and of what needs no data."""
        written = [(one, None) for one in self._written()]
        first, second = (values, written) if self.typed.target else (written, values)
        room = max(self.limit - len(second), (self.limit + 1) // 2)
        return [*first[:room], *second][: self.limit]

    def values(self) -> Sequence[_Counted]:
        """Values that may be typed, with counts where these are known already."""
        if self.typed.target is not None:
            return list(islice(self._values(self.typed, self.limit), self.limit))
        is_word = len(self.typed.text) >= _MIN_WORD and not self.typed.names_field
        return list(self._anywhere()) if is_word else []

    def total(self, suggestion: Suggestion) -> int | None:
        """How many activities match a suggestion beside the rest; None if it is not complete."""
        if not suggestion.counted:
            return None
        meant = where(meaning(self.typed, suggestion, self.search_context), now=self.search_context.now, groups=True)
        return self.context.tenant.count(p.both(self.rest, meant), deadline=self.deadline)

    def _written(self) -> Iterator[Suggestion]:
        if self.typed.names_field:
            return grouped_fields(self.typed.text)
        if self.typed.target is None:
            return fields_like(self.typed.text)
        return chain(moments_of(self.typed), forms_of(self.typed))

    def _anywhere(self) -> Iterator[_Counted]:
        """Values of the usual fields that a word may mean."""
        for row in _USUAL:
            word = Typed(0, 0, self.typed.text, {}, FieldTarget(row))
            for one, total in islice(self._values(word, _PER_FIELD), _PER_FIELD):
                if total:
                    yield replace(one, text=f"{field_of(row)}:{one.text}"), total

    def _values(self, typed: Typed, limit: int) -> Iterator[_Counted]:
        """Values of a field among the activities, the most frequent first; then those with names that none of them has."""
        if typed.target is None or not typed.target.row.countable or not typed.takes_values:
            return
        row = typed.target.row
        names = {_key(value): (value, name) for value, name in self.search_context.names(row.name)}
        counts = self._frequent(typed.target, typed, limit, named=bool(row.choices))
        present = {_key(value) for value, _ in counts}
        absent = [
            (value, None)
            for key, (value, _) in names.items()
            if key not in present and (typed.text or value is None or not counts)
        ]
        for value, total in [*counts, *absent]:
            name = names.get(_key(value), (value, ""))[1]
            suggestion = value_suggestion(typed, value, name, self.search_context)
            begins = not row.choices and total is not None
            if begins or not names or _is_meant(typed.text, value, suggestion):
                yield suggestion, total if typed.sign in _EQUAL else None

    def _frequent(
        self, target: FieldTarget, typed: Typed, limit: int, *, named: bool
    ) -> Sequence[tuple[Any, int | None]]:
        """The most frequent values that begin with what was typed, or all if they have names.

        What an activity did and whom it did it to may be one and the same value, so those of two fields are counted later.
        """
        row = target.row
        prefix = ("" if typed.text else row.facet_prefix) if named else typed.text
        fields = dict(row.by_role).get(target.role or 1, (row.field,))
        counts = {
            _key(shown(field, value)): (shown(field, value), total if len(fields) == 1 else None)
            for field in fields
            for value, total in self._top(field, prefix, _ALL_NAMED if named else limit)
        }
        return list(counts.values())

    def _top(self, field: Field, prefix: str, limit: int) -> Sequence[FieldValue]:
        wanted = FacetQuery(field, self.rest, limit, stored_prefix(field, prefix))
        return self.context.tenant.top_values(wanted, deadline=self.deadline)


def _completions(request: _Completion) -> Completions:
    answers: list[SuggestionAnswer] = []
    values: Sequence[_Counted] = ()
    timed_out = False
    try:
        values = request.values()
    except SearchTooLongError:
        timed_out = True
    for suggestion, known in request.chosen(values):
        total = known
        if total is None and not timed_out:
            try:
                total = request.total(suggestion)
            except SearchTooLongError:
                timed_out = True
        answers.append(_answer(suggestion, total))
    return Completions(request.typed.start, request.typed.end, answers, timed_out)


def _answer(suggestion: Suggestion, total: int | None) -> SuggestionAnswer:
    return SuggestionAnswer(
        suggestion.kind, suggestion.complete, suggestion.text, suggestion.label, suggestion.help, total
    )


def _key(value: Any) -> str:
    return str(value).casefold()


def _is_meant(text: str, value: Any, suggestion: Suggestion) -> bool:
    """Whether a typed text may mean a value with a name: it begins the value, or is part of the name."""
    wanted = text.casefold()
    if not wanted:
        return True
    return wanted in suggestion.label.casefold() or any(
        one.casefold().startswith(wanted) for one in (_key(value), suggestion.text)
    )
