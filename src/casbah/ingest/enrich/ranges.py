"""The IP ranges that tenants have named.

    draft --read--> Drawn --Book--> stored --Ranges--> Networks, which enrichment asks

Names are unique, and a prefix stands in one range alone: of ranges that lie within each other the narrowest counts, and
between two of the same prefix nothing could decide. A tag is named by its id or its name; a name that nobody knows yet makes
a new tag.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

from casbah import key_value
from casbah.activity.scope import Scope
from casbah.errors import BadRangeError, NoSuchRangeError
from casbah.ingest.enrich.networks import IpRange, IpRanges, network, overlap
from casbah.ingest.enrich.tags import BUILT_IN
from casbah.key_value import KeyValueStore, Value

MOST_RANGES = 10_000
MOST_NETWORKS = 1_000
"""Networks of one range."""

_TAG_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDefinition:
    """A range as somebody draws it; `networks` as they spell them, `tags` by id or name."""

    name: str
    category: int
    networks: tuple[str, ...]
    tags: tuple[str, ...] = ()
    organization: str = ""
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredRange:
    """A range as it is kept: `changed` is when, in ms; its tags are ids."""

    id: str
    drawn: RangeDefinition
    changed: int

    def range(self) -> IpRange:
        """The same as enrichment knows it."""
        said = self.drawn
        return IpRange(
            id=self.id,
            name=said.name,
            cidrs=said.networks,
            category=said.category,
            tags=said.tags,
            organization=said.organization,
            location={key: value for key, value in said.location.items() if key in PLACE},
        )


PLACE = ("countryCode", "city", "region", "latitude", "longitude")
"""What of a range's location is said of its addresses too."""


@dataclass(frozen=True, slots=True)
class _RangePage:
    """All ranges and tags of a tenant; `number` is another one after every change."""

    number: int = 0
    ranges: tuple[StoredRange, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Value | None) -> "_RangePage":
        """As it is kept."""
        if value is None:
            return cls()
        return cls(value["number"], tuple(map(_kept, value["ranges"])), value["tags"])

    @property
    def value(self) -> Value:
        """As it is kept."""
        ranges = [
            {"id": ip_range.id, **asdict(ip_range.drawn), "changed": ip_range.changed} for ip_range in self.ranges
        ]
        return {"number": self.number, "ranges": ranges, "tags": self.tags}

    def with_range(self, kept: StoredRange, *, instead_of: str | None = None) -> "_RangePage":
        """With one more range, or one in place of another of that id. Raises BadRangeError."""
        drawn, tags = _tagged(kept.drawn, self.tags)
        kept, others = (
            replace(kept, drawn=drawn),
            tuple(ip_range for ip_range in self.ranges if ip_range.id != instead_of),
        )
        if any(other.drawn.name == drawn.name for other in others):
            raise BadRangeError(f"name: there is an IP range {drawn.name!r} already")
        found = overlap([*(other.range() for other in others), kept.range()])
        if found:
            raise BadRangeError(f"subnets: {found[0]}")
        return _RangePage(self.number + 1, tuple(sorted((*others, kept), key=lambda each: each.drawn.name)), tags)


class RangeBook:
    """All tenants' ranges on a shelf, a page a tenant. Methods may be called from any thread, and raise as a shelf's do."""

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._key_values = key_values
        self._clock = clock
        self._known: dict[str, tuple[key_value.Entry | None, IpRanges]] = {}

    @property
    def is_remote(self) -> bool:
        """Whether asking may mean waiting for a network."""
        return self._key_values.is_remote

    def ranges(self, scope: Scope) -> IpRanges:
        """What enrichment is to know of a tenant. Cheap to ask: it is read anew only after a change."""
        seen, known = self._known.get(scope.tenant, (None, None))
        kept = self._key_values.get(_DRAWER, scope.tenant, seen=seen)
        if known is None or kept is not seen:
            page = _RangePage.of(None if kept is None else kept.value)
            known = IpRanges(scope.tenant, page.number, tuple(ip_range.range() for ip_range in page.ranges))
            self._known[scope.tenant] = kept, known
        return known

    def tenants(self) -> Sequence[str]:
        """The tenants that have drawn any."""
        return [kept.name for kept in self._key_values.all(_DRAWER)]

    def all(self, scope: Scope) -> Sequence[StoredRange]:
        """Every range of a tenant, by name."""
        return self._page(scope).ranges

    def tags(self, scope: Scope) -> Mapping[str, str]:
        """Every tag that a tenant can use, by id: those built in, and its own."""
        return {**BUILT_IN, **self._page(scope).tags}

    def add(self, drawn: RangeDefinition, scope: Scope, *, range_id: str | None = None) -> str:
        """Keep a new range; returns its id, which is a new one if none is chosen. Raises BadRangeError."""
        kept = StoredRange(range_id or secrets.token_hex(12), drawn, self._clock())

        def added(page: _RangePage) -> _RangePage:
            if len(page.ranges) >= MOST_RANGES:
                raise BadRangeError(f"there are {MOST_RANGES} IP ranges already, which is as many as there may be")
            return page.with_range(kept)

        self._change(scope, added)
        return kept.id

    def change(self, range_id: str, drawn: RangeDefinition, scope: Scope) -> None:
        """Keep a range in place of the one of that id. Raises NoSuchRangeError or BadRangeError."""
        kept = StoredRange(range_id, drawn, self._clock())
        self._change(scope, lambda page: _knowing(page, range_id).with_range(kept, instead_of=range_id))

    def remove(self, range_id: str, scope: Scope) -> None:
        """Forget a range. Raises NoSuchRangeError."""

        def without(page: _RangePage) -> _RangePage:
            left = tuple(ip_range for ip_range in _knowing(page, range_id).ranges if ip_range.id != range_id)
            return replace(page, number=page.number + 1, ranges=left)

        self._change(scope, without)

    def _page(self, scope: Scope) -> _RangePage:
        kept = self._key_values.get(_DRAWER, scope.tenant)
        return _RangePage.of(None if kept is None else kept.value)

    def _change(self, scope: Scope, how: Callable[[_RangePage], _RangePage]) -> None:
        key_value.change(self._key_values, _DRAWER, scope.tenant, lambda value: how(_RangePage.of(value)).value)


def tag_id(name: str) -> str:
    """The id of a new tag: the same in every tenant, so that exports of one mean something in another."""
    return sha256(f"tag {name.casefold()}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _knowing(page: _RangePage, range_id: str) -> _RangePage:
    if not any(ip_range.id == range_id for ip_range in page.ranges):
        raise NoSuchRangeError(range_id)
    return page


def _kept(value: Value) -> StoredRange:
    said = dict(value)
    range_id, changed = said.pop("id"), said.pop("changed")
    return StoredRange(
        range_id, RangeDefinition(**{**said, **{key: tuple(said[key]) for key in ("networks", "tags")}}), changed
    )


def _tagged(drawn: RangeDefinition, own: Mapping[str, str]) -> tuple[RangeDefinition, Mapping[str, str]]:
    """The same with ids for tags, and a tenant's own tags with those that are new."""
    known, tags = {**BUILT_IN, **own}, dict(own)
    by_name = {name.casefold(): identity for identity, name in known.items()}
    found = []
    for tag in drawn.tags:
        identity = tag if tag in known else by_name.get(tag.casefold())
        if identity is None:
            if _TAG_ID.fullmatch(tag):
                raise BadRangeError(f"tags: there is no tag with the id {tag!r}; a new one is made by its name")
            identity = tag_id(tag)
            tags[identity] = tag
            by_name[tag.casefold()] = identity
        found.append(identity)
    return replace(drawn, tags=tuple(dict.fromkeys(found))), tags


def checked(networks: Sequence[str]) -> tuple[str, ...]:
    """The networks of a range as they are spelled, each once. Raises BadRangeError for what is none."""
    for text in networks:
        try:
            network(text)
        except ValueError as error:
            raise BadRangeError(f"subnets: {error}") from None
    return tuple(dict.fromkeys(text.strip() for text in networks))


_DRAWER = "ranges"
