"""The IP ranges that tenants have defined.

    request --read--> RangeDefinition --RangeBook--> StoredRange --ranges--> IpRanges, which enrichment looks up

Names are unique. A prefix is in at most one range: of nested ranges the narrowest wins, but two equal prefixes would be
ambiguous. Tags are given by id or name; an unknown name creates a new tag.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.base import key_value
from casbah.base.key_value import KeyValueStore, Value
from casbah.errors import BadRangeError, NoSuchRangeError
from casbah.ingest.enrich.networks import IpRange, IpRanges, network, overlap
from casbah.ingest.enrich.tags import BUILT_IN

MAX_RANGES = 10_000
MAX_NETWORKS = 1_000
"""Networks of one range."""

_TAG_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDefinition:
    """A range as the user defines it; `networks` as written, `tags` by id or name."""

    name: str
    category: int
    networks: tuple[str, ...]
    tags: tuple[str, ...] = ()
    organization: str = ""
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredRange:
    """A range as stored: `changed` is a time in ms; its tags are ids."""

    id: str
    definition: RangeDefinition
    changed: int

    def range(self) -> IpRange:
        """The range for enrichment."""
        definition = self.definition
        return IpRange(
            id=self.id,
            name=definition.name,
            cidrs=definition.networks,
            category=definition.category,
            tags=definition.tags,
            organization=definition.organization,
            location={key: value for key, value in definition.location.items() if key in PLACE},
        )


PLACE = ("countryCode", "city", "region", "latitude", "longitude")
"""The keys of a range's location that are added to its addresses."""


@dataclass(frozen=True, slots=True)
class _RangePage:
    """All ranges and tags of a tenant; `number` increases with every change."""

    number: int = 0
    ranges: tuple[StoredRange, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Value | None) -> "_RangePage":
        """Decode a stored value."""
        if value is None:
            return cls()
        return cls(value["number"], tuple(map(_decoded, value["ranges"])), value["tags"])

    @property
    def value(self) -> Value:
        """The value to store."""
        ranges = [
            {"id": ip_range.id, **asdict(ip_range.definition), "changed": ip_range.changed} for ip_range in self.ranges
        ]
        return {"number": self.number, "ranges": ranges, "tags": self.tags}

    def with_range(self, kept: StoredRange, *, instead_of: str | None = None) -> "_RangePage":
        """A copy with one more range, or with the range `instead_of` replaced. Raises BadRangeError."""
        definition, tags = _tagged(kept.definition, self.tags)
        kept, others = (
            replace(kept, definition=definition),
            tuple(ip_range for ip_range in self.ranges if ip_range.id != instead_of),
        )
        if any(other.definition.name == definition.name for other in others):
            raise BadRangeError(f"name: there is an IP range {definition.name!r} already")
        overlaps = overlap([*(other.range() for other in others), kept.range()])
        if overlaps:
            raise BadRangeError(f"subnets: {overlaps[0]}")
        ranges = tuple(sorted((*others, kept), key=lambda stored: stored.definition.name))
        return _RangePage(self.number + 1, ranges, tags)


class RangeBook:
    """All tenants' ranges in a key-value store, one entry per tenant. Thread-safe; methods also raise the store's errors."""

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._key_values = key_values
        self._clock = clock
        self._known: dict[str, tuple[key_value.Entry | None, IpRanges]] = {}

    @property
    def is_remote(self) -> bool:
        """Whether reading may wait for the network."""
        return self._key_values.is_remote

    def ranges(self, tenant_id: TenantId) -> IpRanges:
        """A tenant's ranges for enrichment. Cheap: they are decoded again only after a change."""
        seen, known = self._known.get(tenant_id.name, (None, None))
        kept = self._key_values.get(_NAMESPACE, tenant_id.name, seen=seen)
        if known is None or kept is not seen:
            page = _RangePage.of(None if kept is None else kept.value)
            known = IpRanges(tenant_id.name, page.number, tuple(ip_range.range() for ip_range in page.ranges))
            self._known[tenant_id.name] = kept, known
        return known

    def tenants(self) -> Sequence[str]:
        """The tenants that have defined ranges."""
        return [kept.name for kept in self._key_values.all(_NAMESPACE)]

    def all(self, tenant_id: TenantId) -> Sequence[StoredRange]:
        """Every range of a tenant, by name."""
        return self._page(tenant_id).ranges

    def tags(self, tenant_id: TenantId) -> Mapping[str, str]:
        """A tenant's tags by id: the built-in ones and its own."""
        return {**BUILT_IN, **self._page(tenant_id).tags}

    def add(self, definition: RangeDefinition, tenant_id: TenantId, *, range_id: str | None = None) -> str:
        """Store a new range. Returns its id, by default a new one. Raises BadRangeError."""
        kept = StoredRange(range_id or secrets.token_hex(12), definition, self._clock())

        def added(page: _RangePage) -> _RangePage:
            if len(page.ranges) >= MAX_RANGES:
                raise BadRangeError(f"there are {MAX_RANGES} IP ranges already, which is the maximum")
            return page.with_range(kept)

        self._change(tenant_id, added)
        return kept.id

    def change(self, range_id: str, definition: RangeDefinition, tenant_id: TenantId) -> None:
        """Replace the range with that id. Raises NoSuchRangeError or BadRangeError."""
        kept = StoredRange(range_id, definition, self._clock())
        self._change(tenant_id, lambda page: _having(page, range_id).with_range(kept, instead_of=range_id))

    def remove(self, range_id: str, tenant_id: TenantId) -> None:
        """Delete a range. Raises NoSuchRangeError."""

        def without(page: _RangePage) -> _RangePage:
            left = tuple(ip_range for ip_range in _having(page, range_id).ranges if ip_range.id != range_id)
            return replace(page, number=page.number + 1, ranges=left)

        self._change(tenant_id, without)

    def _page(self, tenant_id: TenantId) -> _RangePage:
        kept = self._key_values.get(_NAMESPACE, tenant_id.name)
        return _RangePage.of(None if kept is None else kept.value)

    def _change(self, tenant_id: TenantId, how: Callable[[_RangePage], _RangePage]) -> None:
        key_value.change(self._key_values, _NAMESPACE, tenant_id.name, lambda value: how(_RangePage.of(value)).value)


def tag_id(name: str) -> str:
    """The id of a new tag: the same in every tenant, so that exports can be used in another."""
    return sha256(f"tag {name.casefold()}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _having(page: _RangePage, range_id: str) -> _RangePage:
    if not any(ip_range.id == range_id for ip_range in page.ranges):
        raise NoSuchRangeError
    return page


def _decoded(value: Value) -> StoredRange:
    fields = dict(value)
    range_id, changed = fields.pop("id"), fields.pop("changed")
    return StoredRange(
        range_id, RangeDefinition(**{**fields, **{key: tuple(fields[key]) for key in ("networks", "tags")}}), changed
    )


def _tagged(definition: RangeDefinition, own: Mapping[str, str]) -> tuple[RangeDefinition, Mapping[str, str]]:
    """The definition with ids for tags, and the tenant's own tags including new ones."""
    known, tags = {**BUILT_IN, **own}, dict(own)
    by_name = {name.casefold(): identity for identity, name in known.items()}
    tag_ids = []
    for tag in definition.tags:
        identity = tag if tag in known else by_name.get(tag.casefold())
        if identity is None:
            if _TAG_ID.fullmatch(tag):
                raise BadRangeError(f"tags: there is no tag with the id {tag!r}; create a new one by its name")
            identity = tag_id(tag)
            tags[identity] = tag
            by_name[tag.casefold()] = identity
        tag_ids.append(identity)
    return replace(definition, tags=tuple(dict.fromkeys(tag_ids))), tags


def checked(networks: Sequence[str]) -> tuple[str, ...]:
    """The distinct networks of a range as written. Raises BadRangeError for an invalid one."""
    for text in networks:
        try:
            network(text)
        except ValueError as error:
            raise BadRangeError(f"subnets: {error}") from None
    return tuple(dict.fromkeys(text.strip() for text in networks))


_NAMESPACE = "ranges"
