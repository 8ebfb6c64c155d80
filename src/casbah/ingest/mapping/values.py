"""The value and condition syntax of mapping files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from casbah.ingest.mapping.paths import BadPathError, Path

_PLACE = re.compile(r"\{([^{}]+)\}")
_LITERAL = "="
_IF = " ? "
_COMPARED = re.compile(r"""(?P<path>(?:[^=!\["]|"[^"]*"|\[[^\]]*\])+)(?P<sign>!?=)(?P<glob>.*)""", re.DOTALL)
_MAX_TEXT = 4_000
_MAX_DIGITS = 100
_NOTHING = r"(?!)"
"""The pattern that matches no text."""


class Globs:
    """Patterns with `*` and `?`, ignoring case. Compiled when first used: most commands read no events."""

    __slots__ = ("_pattern", "_patterns")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = tuple(patterns)
        self._pattern: re.Pattern[str] | None = None

    def match(self, text: str) -> bool:
        """Whether a pattern matches the whole text."""
        pattern = self._pattern or self._compiled()
        return pattern.match(text) is not None

    def _compiled(self) -> re.Pattern[str]:
        joined = "|".join(map(translate, self._patterns)) or _NOTHING
        self._pattern = re.compile(joined, re.IGNORECASE)
        return self._pattern


@dataclass(frozen=True, slots=True)
class Compared:
    """`path`, `path=pattern` or `path!=pattern`: the values at a path, all or only those that match or do not match."""

    path: Path
    globs: Globs | None = None
    like: bool = True

    @classmethod
    def of(cls, source: str) -> "Compared":
        """Raises BadPathError."""
        compared = _COMPARED.fullmatch(source)
        if compared is None:
            return cls(Path(source))
        return cls(Path(compared["path"]), Globs([compared["glob"]]), compared["sign"] == "=")

    def all(self, event: Any) -> list[Any]:
        """The values, in order."""
        values = self.path.all(event)
        if self.globs is None:
            return values
        return [value for value in values if self.globs.match(scalar_text(value)) is self.like]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement: the event has a value of `compared` or, with a leading `!`, has none."""

    compared: Compared
    absent: bool

    @classmethod
    def of(cls, source: str) -> "Requirement":
        """Raises BadPathError."""
        return cls(Compared.of(source.removeprefix("!")), source.startswith("!"))

    def met(self, event: Any) -> bool:
        """Whether the event meets it."""
        return bool(self.compared.all(event)) is not self.absent


@dataclass(frozen=True, slots=True)
class TextSource:
    """One way to find a text: a path, a template with paths in braces, `=text`, or `requirement ? text`."""

    paths: tuple[Compared, ...]
    template: str = ""
    literal: str = ""
    requirement: Requirement | None = None

    @classmethod
    def of(cls, source: str) -> "TextSource":
        """Raises BadPathError."""
        if source.startswith(_LITERAL):
            return cls((), literal=source.removeprefix(_LITERAL))
        named = _PLACE.findall(source)
        if named:
            return cls(tuple(map(Compared.of, named)), template=source)
        requirement, wants, text = source.partition(_IF)
        if not wants:
            return cls((Compared.of(source),))
        if not text.strip():
            raise BadPathError(f"{source!r} has no text after the question mark")
        return cls((), literal=text.strip(), requirement=Requirement.of(requirement.strip()))

    @property
    def tops(self) -> frozenset[str]:
        """The top-level keys of which an event needs one to have a text here; "" among them if any key may do."""
        compared = (*self.paths, *([self.requirement.compared] if self.requirement else []))
        return frozenset(each_path.path.top for each_path in compared) or frozenset({""})

    def first(self, event: Any) -> str:
        """The first text found, or ""; the same as of `texts`, but faster."""
        if self.literal or self.template:
            return next(self.texts(event), "")
        for path in self.paths:
            for value in path.all(event):
                text = scalar_text(value)
                if text:
                    return text
        return ""

    def texts(self, event: Any) -> Iterator[str]:
        """Every text found. A template uses the first text of each path, and yields nothing if one is missing."""
        if self.literal:
            if self.requirement is None or self.requirement.met(event):
                yield self.literal
        elif not self.template:
            yield from (text for path in self.paths for text in map(scalar_text, path.all(event)) if text)
        else:
            parts = [next(filter(None, map(scalar_text, path.all(event))), "") for path in self.paths]
            if all(parts):
                rest = iter(parts)
                yield _PLACE.sub(lambda _: next(rest), self.template)


@dataclass(frozen=True, slots=True)
class First:
    """Several ways to find a value, of which the first that finds something counts."""

    ways: tuple[TextSource, ...] = ()

    def text(self, event: Any) -> str:
        """The text, or ""."""
        for way in self.ways:
            text = way.first(event)
            if text:
                return text
        return ""

    @property
    def tops(self) -> frozenset[str]:
        """The top-level keys of which an event needs one to have a text here; empty if it needs none of them."""
        tops = frozenset(top for way in self.ways for top in way.tops)
        return frozenset() if "" in tops else tops

    def every(self, event: Any) -> list[str]:
        """The distinct texts that all ways find."""
        return list(dict.fromkeys(text for way in self.ways for text in way.texts(event)))

    def raw(self, event: Any) -> Any:
        """The value itself, of any type, or None."""
        values = (value for way in self.ways for path in way.paths for value in path.all(event))
        return next((value for value in values if value != ""), None)


@dataclass(frozen=True, slots=True)
class EventCondition:
    """Always, never, or if one of some values matches one of its patterns."""

    always: bool = False
    rows: tuple[tuple[TextSource, Globs], ...] = ()

    def holds(self, event: Any) -> bool:
        """Whether the condition is true for the event."""
        return self.always or any(globs.match(text) for value, globs in self.rows for text in value.texts(event))


def scalar_text(value: Any) -> str:
    """A scalar as stripped text; "" for everything else."""
    kind = type(value)
    if kind is str:
        return str(value[:_MAX_TEXT]).strip()
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if abs(value) < 10**_MAX_DIGITS else ""
    return repr(value) if kind is float else ""
