"""What a mapping file may write where it means a value, a list of values, or a condition."""

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
_MOST_TEXT = 4_000
_MOST_DIGITS = 100


class Globs:
    """Patterns with `*` and `?`, in any letter case."""

    __slots__ = ("_pattern",)

    def __init__(self, patterns: Sequence[str]) -> None:
        joined = "|".join(translate(pattern) for pattern in patterns)
        self._pattern = re.compile(joined, re.IGNORECASE) if patterns else None

    def match(self, text: str) -> bool:
        """Whether one of them is the whole text."""
        return self._pattern is not None and self._pattern.match(text) is not None


@dataclass(frozen=True, slots=True)
class Compared:
    """`path`, `path=pattern` or `path!=pattern`: the values at a path, or those that are like a pattern, or are not."""

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
        return [value for value in values if self.globs.match(said(value)) is self.like]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an event must have: a value of `compared`, or, written with a leading `!`, none."""

    compared: Compared
    absent: bool

    @classmethod
    def of(cls, source: str) -> "Requirement":
        """Raises BadPathError."""
        return cls(Compared.of(source.removeprefix("!")), source.startswith("!"))

    def met(self, event: Any) -> bool:
        """Whether the event has it."""
        return bool(self.compared.all(event)) is not self.absent


@dataclass(frozen=True, slots=True)
class Value:
    """One way to find a text: a path, a template with paths in braces, `=` and the text itself, or a requirement, ` ? ` and
    the text.
    """

    paths: tuple[Compared, ...]
    template: str = ""
    literal: str = ""
    requirement: Requirement | None = None

    @classmethod
    def of(cls, source: str) -> "Value":
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

    def texts(self, event: Any) -> Iterator[str]:
        """Every text there. Of a template the first of each place; without one of them it has none."""
        if self.literal:
            if self.requirement is None or self.requirement.met(event):
                yield self.literal
        elif not self.template:
            yield from (text for path in self.paths for text in map(said, path.all(event)) if text)
        else:
            parts = [next(filter(None, map(said, path.all(event))), "") for path in self.paths]
            if all(parts):
                rest = iter(parts)
                yield _PLACE.sub(lambda _: next(rest), self.template)


@dataclass(frozen=True, slots=True)
class First:
    """The first of several ways that finds something."""

    ways: tuple[Value, ...] = ()

    def text(self, event: Any) -> str:
        """The text, or ""."""
        return next((text for way in self.ways for text in way.texts(event)), "")

    def every(self, event: Any) -> list[str]:
        """The texts that all ways find, each once."""
        return list(dict.fromkeys(text for way in self.ways for text in way.texts(event)))

    def raw(self, event: Any) -> Any:
        """The value itself, whatever it is, or None."""
        values = (value for way in self.ways for path in way.paths for value in path.all(event))
        return next((value for value in values if value != ""), None)


@dataclass(frozen=True, slots=True)
class Condition:
    """Always or never, or where one of some values is like one of its patterns."""

    always: bool = False
    rows: tuple[tuple[Value, Globs], ...] = ()

    def holds(self, event: Any) -> bool:
        """Whether it does."""
        return self.always or any(globs.match(text) for value, globs in self.rows for text in value.texts(event))


def said(value: Any) -> str:
    """A scalar as text, without blanks around; "" for everything else."""
    kind = type(value)
    if kind is str:
        return str(value[:_MOST_TEXT]).strip()
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if abs(value) < 10**_MOST_DIGITS else ""
    return repr(value) if kind is float else ""
