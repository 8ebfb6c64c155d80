"""The operators of each kind of filter, as methods; written by `make docs` from the tables of `casbah.activity.language`."""

# ruff: noqa: A002  parameters have the wire's names

import casbah.client.condition as _c


class PresenceFilter(_c.Filter):
    """Operators on whether there is a value."""

    __slots__ = ()

    def isset(self, *, value: bool = True) -> _c.Condition:
        """Has a value (true) or has none (false)."""
        return self._one("isset", _c.flag, value)

    def isnotset(self, *, value: bool = True) -> _c.Condition:
        """Has no value (true) or has one (false); the exact complement of `isset`."""
        return self._one("isnotset", _c.flag, value)


class WordsFilter(_c.Filter):
    """Operators that `text` and its like take."""

    __slots__ = ()

    def eq(self, *values: str) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.text, values)

    def startswithsingle(self, *values: str) -> _c.Condition:
        """Begins with the text; for words, a phrase whose last word may be a beginning."""
        return self._many("startswithsingle", _c.text, values)

    def text(self, *values: str) -> _c.Condition:
        """Has every word, in any order."""
        return self._many("text", _c.text, values)


class BoolFilter(PresenceFilter):
    """Operators that `activity.impersonated` and its like take."""

    __slots__ = ()

    def eq(self, *values: bool) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.flag, values)

    def neq(self, *values: bool) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.flag, values)

    def deq(self, *values: bool) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.flag, values)


class EnumerationFilter(PresenceFilter):
    """Operators that `activity.takenAction` and its like take."""

    __slots__ = ()

    def eq(self, *values: str | None) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.text, values, nullable=True)

    def neq(self, *values: str | None) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.text, values, nullable=True)

    def deq(self, *values: str | None) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.text, values, nullable=True)


class SourceFilter(PresenceFilter):
    """Operators that `source` and its like take."""

    __slots__ = ()

    def eq(self, *values: int | str, type: int | None = None, stream: str | None = None) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.source, _c.sources(values, type=type, stream=stream))

    def neq(self, *values: int | str, type: int | None = None, stream: str | None = None) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.source, _c.sources(values, type=type, stream=stream))

    def deq(self, *values: int | str, type: int | None = None, stream: str | None = None) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.source, _c.sources(values, type=type, stream=stream))


class EntityFilter(PresenceFilter):
    """Operators that `entity` and its like take."""

    __slots__ = ()

    def eq(
        self, *values: _c.Entity, id: str | int | None = None, saas: int | None = None, inst: int | None = None
    ) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.entity, _c.entities(values, id=id, saas=saas, inst=inst))

    def neq(
        self, *values: _c.Entity, id: str | int | None = None, saas: int | None = None, inst: int | None = None
    ) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.entity, _c.entities(values, id=id, saas=saas, inst=inst))

    def startswith(
        self, *values: _c.Entity, id: str | int | None = None, saas: int | None = None, inst: int | None = None
    ) -> _c.Condition:
        """Begins with one of the texts."""
        return self._many("startswith", _c.entity, _c.entities(values, id=id, saas=saas, inst=inst))

    def doesnotstartwith(
        self, *values: _c.Entity, id: str | int | None = None, saas: int | None = None, inst: int | None = None
    ) -> _c.Condition:
        """Begins with none of the texts; the exact complement of `startswith`."""
        return self._many("doesnotstartwith", _c.entity, _c.entities(values, id=id, saas=saas, inst=inst))


class IdFilter(PresenceFilter):
    """Operators that `activity.id` and its like take."""

    __slots__ = ()

    def eq(self, *values: str | int) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.identity, values)

    def neq(self, *values: str | int) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.identity, values)

    def deq(self, *values: str | int) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.identity, values)

    def startswith(self, *values: str | int) -> _c.Condition:
        """Begins with one of the texts."""
        return self._many("startswith", _c.identity, values)

    def doesnotstartwith(self, *values: str | int) -> _c.Condition:
        """Begins with none of the texts; the exact complement of `startswith`."""
        return self._many("doesnotstartwith", _c.identity, values)


class UserTagsFilter(PresenceFilter):
    """Operators that `user.tags` and its like take."""

    __slots__ = ()

    def eq(self, *values: str | int, role: int | None = None) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.identity, values, role=role)

    def neq(self, *values: str | int, role: int | None = None) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.identity, values, role=role)

    def deq(self, *values: str | int, role: int | None = None) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.identity, values, role=role)

    def startswith(self, *values: str | int, role: int | None = None) -> _c.Condition:
        """Begins with one of the texts."""
        return self._many("startswith", _c.identity, values, role=role)

    def doesnotstartwith(self, *values: str | int, role: int | None = None) -> _c.Condition:
        """Begins with none of the texts; the exact complement of `startswith`."""
        return self._many("doesnotstartwith", _c.identity, values, role=role)


class IntFilter(PresenceFilter):
    """Operators that `service` and its like take."""

    __slots__ = ()

    def eq(self, *values: int) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.whole, values)

    def neq(self, *values: int) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.whole, values)

    def deq(self, *values: int) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.whole, values)

    def gt(self, value: int) -> _c.Condition:
        """Is more than the number."""
        return self._one("gt", _c.whole, value)

    def gte(self, value: int) -> _c.Condition:
        """Is the number or more."""
        return self._one("gte", _c.whole, value)

    def lt(self, value: int) -> _c.Condition:
        """Is less than the number."""
        return self._one("lt", _c.whole, value)

    def lte(self, value: int) -> _c.Condition:
        """Is the number or less."""
        return self._one("lte", _c.whole, value)

    def range(self, *spans: _c.Span[int], start: int | None = None, end: int | None = None) -> _c.Condition:
        """Lies between start and end, both included."""
        return self._spans("range", _c.whole, spans, (start, end))


class TextFilter(PresenceFilter):
    """Operators that `activity.eventActionType` and its like take."""

    __slots__ = ()

    def eq(self, *values: str) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.text, values)

    def neq(self, *values: str) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.text, values)

    def deq(self, *values: str) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.text, values)

    def contains(self, *values: str) -> _c.Condition:
        """Contains one of the texts."""
        return self._many("contains", _c.text, values)

    def ncontains(self, *values: str) -> _c.Condition:
        """Contains none of the texts; the exact complement of `contains`."""
        return self._many("ncontains", _c.text, values)

    def startswith(self, *values: str) -> _c.Condition:
        """Begins with one of the texts."""
        return self._many("startswith", _c.text, values)

    def doesnotstartwith(self, *values: str) -> _c.Condition:
        """Begins with none of the texts; the exact complement of `startswith`."""
        return self._many("doesnotstartwith", _c.text, values)

    def startswithsingle(self, *values: str) -> _c.Condition:
        """Begins with the text; for words, a phrase whose last word may be a beginning."""
        return self._many("startswithsingle", _c.text, values)

    def endswith(self, *values: str) -> _c.Condition:
        """Ends with one of the texts."""
        return self._many("endswith", _c.text, values)


class IpFilter(PresenceFilter):
    """Operators that `ip.address` and its like take."""

    __slots__ = ()

    def eq(self, *values: _c.Address) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.address, values)

    def neq(self, *values: _c.Address) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.address, values)

    def deq(self, *values: _c.Address) -> _c.Condition:
        """Has a value other than those listed."""
        return self._many("deq", _c.address, values)

    def contains(self, *values: _c.Address) -> _c.Condition:
        """Contains one of the texts."""
        return self._many("contains", _c.address, values)

    def ncontains(self, *values: _c.Address) -> _c.Condition:
        """Contains none of the texts; the exact complement of `contains`."""
        return self._many("ncontains", _c.address, values)

    def startswith(self, *values: _c.Address) -> _c.Condition:
        """Begins with one of the texts."""
        return self._many("startswith", _c.address, values)

    def doesnotstartwith(self, *values: _c.Address) -> _c.Condition:
        """Begins with none of the texts; the exact complement of `startswith`."""
        return self._many("doesnotstartwith", _c.address, values)

    def startswithsingle(self, *values: _c.Address) -> _c.Condition:
        """Begins with the text; for words, a phrase whose last word may be a beginning."""
        return self._many("startswithsingle", _c.address, values)

    def endswith(self, *values: _c.Address) -> _c.Condition:
        """Ends with one of the texts."""
        return self._many("endswith", _c.address, values)


class MsFilter(PresenceFilter):
    """Operators that `date` and its like take."""

    __slots__ = ()

    def eq(self, *values: _c.Moment) -> _c.Condition:
        """Has one of the values."""
        return self._many("eq", _c.moment, values)

    def neq(self, *values: _c.Moment) -> _c.Condition:
        """Has none of the values; the exact complement of `eq`."""
        return self._many("neq", _c.moment, values)

    def gt(self, value: _c.Moment) -> _c.Condition:
        """Is more than the number."""
        return self._one("gt", _c.moment, value)

    def gte(self, value: _c.Moment) -> _c.Condition:
        """Is the number or more."""
        return self._one("gte", _c.moment, value)

    def lt(self, value: _c.Moment) -> _c.Condition:
        """Is less than the number."""
        return self._one("lt", _c.moment, value)

    def lte(self, value: _c.Moment) -> _c.Condition:
        """Is the number or less."""
        return self._one("lte", _c.moment, value)

    def range(
        self, *spans: _c.Span[_c.Moment], start: _c.Moment | None = None, end: _c.Moment | None = None
    ) -> _c.Condition:
        """Lies between start and end, both included."""
        return self._spans("range", _c.moment, spans, (start, end))

    def gte_ndays(self, days: float) -> _c.Condition:
        """Is at most N days ago."""
        return self._one("gte_ndays", _c.days, days)

    def lte_ndays(self, days: float) -> _c.Condition:
        """Is at least N days ago."""
        return self._one("lte_ndays", _c.days, days)


class PathFilter(TextFilter):
    """Operators that `user.orgUnit` and its like take."""

    __slots__ = ()

    def descendantof(self, *values: str) -> _c.Condition:
        """Is one of the paths, or below one."""
        return self._many("descendantof", _c.text, values)

    def ndescendantof(self, *values: str) -> _c.Condition:
        """Is not one of the paths, nor below one; the exact complement of `descendantof`."""
        return self._many("ndescendantof", _c.text, values)


class UrlFilter(PathFilter):
    """Operators that `office365url` and its like take."""

    __slots__ = ()
