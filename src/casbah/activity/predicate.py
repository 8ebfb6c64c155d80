"""The predicate algebra: filters and operators translate to it; every engine and `matching` evaluate it.

    Everything
    Terms(field, values)            some value of the field is one of these
    Other(field, values)            some value of the field is not one of these
    Range(field, low, high)         some value lies between these numbers
    Prefix / Infix / Suffix(field, text)
    Words(words)                    every word occurs in the record, in any order
    Phrase(words, open_ended)       the words are adjacent in one string; open-ended: the last is a prefix
    Present(field)                  the field has a value
    All / Any(parts), Not(part)

A node holds a Field and normalized values, never text to be parsed.
"""

from dataclasses import dataclass

from casbah.activity.fields import Field, Value


@dataclass(frozen=True, slots=True)
class Everything:
    """Every activity."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Some value of `field` is one of `values`; with no values, nothing matches."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """Some value of `field` is not one of `values`."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Some value of `field`, which holds numbers, lies between the bounds, inclusive by default; None: open."""

    field: Field
    low: int | None = None
    high: int | None = None
    with_low: bool = True
    with_high: bool = True

    @property
    def closed(self) -> tuple[int | None, int | None]:
        """The bounds as inclusive numbers."""
        low = self.low if self.low is None or self.with_low else self.low + 1
        high = self.high if self.high is None or self.with_high else self.high - 1
        return low, high


@dataclass(frozen=True, slots=True)
class Prefix:
    """Some value of `field` begins with `text`."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Infix:
    """Some value of `field` contains `text`."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Suffix:
    """Some value of `field` ends with `text`."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Every one of `words` occurs somewhere in the record; there is at least one."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """`words` (at least one) are adjacent in one string value; `open_ended`: the last is a prefix."""

    words: tuple[str, ...]
    open_ended: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """`field` has a value."""

    field: Field


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; with no parts, everything matches."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Some part holds; with no parts, nothing matches."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The exact complement of `part`, records without the field included."""

    part: "Predicate"


Predicate = Everything | Terms | Other | Range | Prefix | Infix | Suffix | Words | Phrase | Present | All | Any | Not


def both(*parts: Predicate) -> Predicate:
    """All of `parts`, without needless nesting."""
    needed = tuple(part for part in parts if part != Everything())
    return needed[0] if len(needed) == 1 else All(needed) if needed else Everything()


def either(*parts: Predicate) -> Predicate:
    """Any of `parts`, without needless nesting."""
    return parts[0] if len(parts) == 1 else Any(parts)
