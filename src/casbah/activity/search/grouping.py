"""Groups in a search: `by:ip distinct:user` beside its conditions. They say how matches are counted, not what matches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from casbah.activity.language import FILTERS, Filter
from casbah.activity.search import syntax
from casbah.activity.search.forms import TARGETS, field_of
from casbah.activity.search.syntax import Either, Every, Excluded, FieldCondition, Node, SearchValue
from casbah.errors import SearchError, nearest

BY, DISTINCT = "by", "distinct"
FIELDS = frozenset((*TARGETS, BY, DISTINCT))
"""Every field of a search that may have groups."""

MAX_BY, MAX_DISTINCT = 2, 4
_MOST = {BY: MAX_BY, DISTINCT: MAX_DISTINCT}
_COUNTABLE = {name: target.row for name, target in TARGETS.items() if target.row.countable and target.role is None}
_BY_LABEL = {row.label.lower().replace(" ", ""): field_of(row) for row in _COUNTABLE.values()}
"""Fields by what the pages call them, for suggestions: `activity` means `action`."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The filters whose values make groups, and those whose distinct values are counted in each."""

    by: tuple[Filter, ...] = ()
    distinct: tuple[Filter, ...] = ()

    def __str__(self) -> str:
        """As it is written in a search."""
        parts = ((BY, self.by), (DISTINCT, self.distinct))
        return " ".join(f"{name}:{','.join(map(field_of, rows))}" for name, rows in parts if rows)


NONE = Grouping()


def separated(text: str) -> tuple[Node, Grouping]:
    """The conditions of a search, and its groups. Raises SearchError."""
    conditions, written = _split(syntax.parse(text, FIELDS))
    _refuse_inside(conditions)
    rows = {name: [row for part in written if part.field.lower() == name for row in _rows(part)] for name in _MOST}
    for part in written:
        name = part.field.lower()
        if len(rows[name]) > _MOST[name]:
            raise _error_at(part, f"{name}: takes at most {_MOST[name]} fields")
    grouping = Grouping(tuple(rows[BY]), tuple(rows[DISTINCT]))
    if grouping.distinct and not grouping.by:
        raise _error_at(written[0], "distinct: counts in groups; say which with by:, such as by:ip distinct:user")
    return conditions, grouping


def ungrouped(text: str) -> Node:
    """The conditions of a search that may not have groups. Raises SearchError."""
    conditions, written = _split(syntax.parse(text, FIELDS))
    _refuse_inside(conditions)
    for part in written:
        raise _error_at(part, f"{part.field.lower()}: makes groups, which /api/ext/v1/search/groups answers")
    return conditions


def without_groups(node: Node) -> Node:
    """The conditions of a search that was read already."""
    return _split(node)[0]


def has_groups(text: str) -> bool:
    """Whether a search asks for groups, be it for some that cannot be made; an unreadable one does not."""
    try:
        return bool(_split(syntax.parse(text, FIELDS))[1])
    except SearchError:
        return False


def names() -> Sequence[str]:
    """The names of the fields that may be grouped by, in the order of the public table."""
    return [field_of(row) for row in FILTERS.values() if row.countable]


def _split(node: Node) -> tuple[Node, list[FieldCondition]]:
    """What must hold, without the `by:` and `distinct:` beside it; and these."""
    if isinstance(node, FieldCondition) and node.field.lower() in _MOST:
        return Every(()), [node]
    if not isinstance(node, Every):
        return node, []
    parts = [_split(part) for part in node.parts]
    left = tuple(part for part, _ in parts if part != Every(()))
    return Every(left) if len(left) != 1 else left[0], [item for _, written in parts for item in written]


def _refuse_inside(node: Node) -> None:
    for part in _inside(node):
        if isinstance(part, FieldCondition) and part.field.lower() in _MOST:
            raise _error_at(part, f"{part.field.lower()}: stands beside conditions, not after a minus nor in an OR")


def _inside(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts if isinstance(node, Every | Either) else (node.part,) if isinstance(node, Excluded) else ():
        yield from _inside(part)


def _rows(part: FieldCondition) -> Iterator[Filter]:
    """The filters that a `by:` or `distinct:` names."""
    for value in part.values:
        yield _row(value)


def _row(value: SearchValue) -> Filter:
    piece, span = value.piece, value.span
    plain = piece is not None and not (
        value.sign or value.is_range or piece.star_before or piece.star_after or piece.below
    )
    name = piece.text.lower() if piece is not None and plain else ""
    if name in _COUNTABLE:
        return _COUNTABLE[name]
    reason = f"the values of {name!r} cannot be counted one by one" if name in TARGETS else "expected a field"
    hint = nearest(_BY_LABEL.get(name, name), names()) or f": {', '.join(names())}"
    raise SearchError(f"{reason}{hint}", position=span.start, length=span.end - span.start)


def _error_at(part: FieldCondition, message: str) -> SearchError:
    span = part.field_span
    return SearchError(message, position=span.start, length=span.end - span.start)
