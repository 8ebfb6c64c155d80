"""What a mapping file may write where it means a value, a list of values, or a condition."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from casbah.ingest.mapping.paths import Path

_PLACE = re.compile(r"\{([^{}]+)\}")
_LITERAL = "="
_MOST_TEXT = 4_000
_MOST_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Value:
    """One way to find a text: a path, a template with paths in braces, or `=` and the text itself."""

    source: str
    paths: tuple[Path, ...]

    @classmethod
    def of(cls, source: str) -> "Value":
        """Raises BadPathError."""
        if source.startswith(_LITERAL):
            return cls(source, ())
        named = _PLACE.findall(source)
        return cls(source, tuple(map(Path, named)) if named else (Path(source),))

    def texts(self, event: Any) -> Iterator[str]:
        """Every text there. Of a template the first of each place; without one of them it has none."""
        if not self.paths:
            yield self.source.removeprefix(_LITERAL)
        elif "{" not in self.source:
            yield from filter(None, map(said, self.paths[0].all(event)))
        else:
            parts = [next(filter(None, map(said, path.all(event))), "") for path in self.paths]
            if all(parts):
                rest = iter(parts)
                yield _PLACE.sub(lambda _: next(rest), self.source)


@dataclass(frozen=True, slots=True)
class First:
    """The first of several ways that finds something."""

    ways: tuple[Value, ...] = ()

    def text(self, event: Any) -> str:
        """The text, or ""."""
        return next((found for way in self.ways for found in way.texts(event)), "")

    def every(self, event: Any) -> list[str]:
        """The texts that all ways find, each once."""
        return list(dict.fromkeys(found for way in self.ways for found in way.texts(event)))

    def raw(self, event: Any) -> Any:
        """The value itself, whatever it is, or None."""
        return next((each for way in self.ways for path in way.paths for each in path.all(event) if each != ""), None)


class Globs:
    """Patterns with `*` and `?`, in any letter case."""

    __slots__ = ("_pattern",)

    def __init__(self, patterns: Sequence[str]) -> None:
        joined = "|".join(translate(each) for each in patterns)
        self._pattern = re.compile(joined, re.IGNORECASE) if patterns else None

    def match(self, text: str) -> bool:
        """Whether one of them is the whole text."""
        return self._pattern is not None and self._pattern.match(text) is not None


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
