"""The parts of a mapping file that say what an event was about, compiled: objects, changes, flags."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from casbah.ingest.fields import plain
from casbah.ingest.mapping.file import ChangePart, ObjectPart, When, Words
from casbah.ingest.mapping.paths import BadPathError, Path
from casbah.ingest.mapping.values import EventCondition, First, Globs, TextSource, scalar_text
from casbah.ingest.record_builder import (
    ACCOUNT,
    ADDRESS,
    APPLICATION,
    DIRECTORY_USER,
    FILE,
    FOLDER,
    GROUP,
    MAIL,
    NAMED_ACCOUNT,
    PARAMETER,
    PERMISSION,
    ROLE,
    ROLE_ACTED_ON,
    ROLE_ACTOR,
    ROLE_APPLICATION,
    ROLE_CONTEXT,
    RULE,
    TARGET,
    PropertyChange,
    Target,
)

OPERATION, EXCEPT = "@operation", "!"
_TYPES: Mapping[str, tuple[int, str]] = {
    "target": (TARGET, ""),
    "user": (DIRECTORY_USER, ""),
    "file": (FILE, ""),
    "folder": (FOLDER, ""),
    "application": (APPLICATION, ""),
    "parameter": (PARAMETER, ""),
    "account": (NAMED_ACCOUNT, ""),
    "account_id": (ACCOUNT, ""),
    **{part: (TARGET, part) for part in (ADDRESS, GROUP, MAIL, PERMISSION, ROLE, RULE)},
}
"""The type of an object and its part in the activity, if the type does not say that."""

_ROLES = {
    "application": ROLE_APPLICATION,
    "context": ROLE_CONTEXT,
    "actor": ROLE_ACTOR,
    "acted_on": ROLE_ACTED_ON,
}
_USUAL_ROLES = {
    APPLICATION: ROLE_APPLICATION,
    NAMED_ACCOUNT: ROLE_ACTED_ON,
    ACCOUNT: ROLE_ACTED_ON,
    DIRECTORY_USER: ROLE_ACTED_ON,
}


@dataclass(frozen=True, slots=True)
class Items:
    """What a row of [[objects]] or [[changes]] looks at: the event, values at a path, or matches in the texts there."""

    path: Path | None = None
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, path: str, match: str) -> "Items":
        """Raises BadPathError."""
        try:
            pattern = re.compile(match) if match else None
        except re.error as error:
            raise BadPathError(f"match {match!r} is not a regular expression: {error}") from None
        if pattern is not None and not path:
            raise BadPathError(f"match {match!r} needs each, the path of the text")
        return cls(Path(path) if path else None, pattern)

    def all(self, event: Any) -> Iterable[Any]:
        """The items, in order; of a match, the text of its named groups by their names."""
        if self.path is None:
            return (event,)
        values = self.path.all(event)
        if self.pattern is None:
            return values
        matches = (match for value in values for match in self.pattern.finditer(scalar_text(value)))
        return [{name.lower(): text or "" for name, text in match.groupdict().items()} for match in matches]


@dataclass(frozen=True, slots=True)
class EventObject:
    """One row of [[objects]], compiled."""

    items: Items
    tops: frozenset[str]
    type: tuple[int, str]
    type_of: First
    types: Mapping[str, tuple[int, str]]
    role: int | None
    id: First
    alias: First
    name: First
    value: First
    kind: First
    labels: First

    def may_be_in(self, present: Collection[str]) -> bool:
        """Whether an event with these keys (in `plain` form) may have one."""
        return not self.tops or not self.tops.isdisjoint(present)

    def targets(self, event: Any) -> Iterator[Target]:
        """The targets in an event. If the file defines an id, only those that have one; else those with a value or name."""
        for item in self.items.all(event):
            if not self._decisive.text(item):
                continue
            identity, name, value = _bare(self.id.text(item)), _bare(self.name.text(item)), self.value.text(item)
            kind = self.type_of.text(item)
            number, part = self.types.get(kind.lower(), self.type)
            yield Target(
                number,
                self.role or _USUAL_ROLES.get(number, ROLE_CONTEXT),
                identity,
                name or identity,
                value,
                self.kind.text(item) or kind,
                tuple(self.labels.every(item)) if self.labels.ways else (),
                part,
            )
            alias = self.alias.text(item) if number == ACCOUNT else ""
            if alias:
                yield Target(NAMED_ACCOUNT, ROLE_ACTED_ON, alias, alias, service_type=kind)

    @property
    def _decisive(self) -> First:
        """What an object has, if there is one."""
        return self.id if self.id.ways else self.value if self.value.ways else self.name


@dataclass(frozen=True, slots=True)
class EventChange:
    """One row of [[changes]], compiled. A value that is not a scalar is JSON."""

    items: Items
    tops: frozenset[str]
    name: First
    old: First
    new: First

    def may_be_in(self, present: Collection[str]) -> bool:
        """Whether an event with these keys (in `plain` form) may have one."""
        return not self.tops or not self.tops.isdisjoint(present)

    def changes(self, event: Any) -> Iterator[PropertyChange]:
        """The changes in an event that have a value."""
        for item in self.items.all(event):
            old, new = _value(self.old, item), _value(self.new, item)
            if old or new:
                yield PropertyChange(self.name.text(item), old, new)


def _bare(text: str) -> str:
    """An id or name without the quotes of JSON, in which Entra writes the values of properties."""
    return plain(text) if text[:1] == '"' else text


def _value(value: First, item: Any) -> str:
    raw = value.raw(item)
    return "" if raw is None else plain(value.text(item) or raw)


@dataclass(frozen=True, slots=True)
class Flag:
    """One of [flags], compiled: conditions on the event, patterns for the operation, and the exceptions from both."""

    condition: EventCondition
    operations: Globs
    exceptions: EventCondition
    excepted: Globs

    def holds(self, event: Any, operation: str) -> bool:
        """Whether the flag is set for an event."""
        if not (self.condition.holds(event) or self.operations.match(operation)):
            return False
        return not (self.exceptions.holds(event) or self.excepted.match(operation))


def event_object(part: ObjectPart) -> EventObject:
    return EventObject(
        items=Items.of(part.items, part.match),
        tops=_tops(part.items, part.id or part.value or part.name),
        type=_TYPES[part.type],
        type_of=first(part.type_of),
        types={text.lower(): _TYPES[name] for text, name in part.types.items()},
        role=_ROLES[part.role] if part.role else None,
        id=first(part.id),
        alias=first(part.alias),
        name=first(part.name),
        value=first(part.value),
        kind=first(part.kind),
        labels=first(part.labels),
    )


def event_change(part: ChangePart) -> EventChange:
    return EventChange(
        Items.of(part.items, part.match),
        _tops(part.items, [*listed(part.old), *listed(part.new)]),
        first(part.name),
        first(part.old),
        first(part.new),
    )


def _tops(items: str, needed: Words) -> frozenset[str]:
    """The top-level keys of which an event needs one to have such an object or change; empty if any event may have one."""
    return first(items or needed).tops


def flag(when: When) -> Flag:
    if isinstance(when, bool):
        return Flag(*condition(when), *condition(when=False))
    exceptions = {path.removeprefix(EXCEPT): globs for path, globs in when.items() if path.startswith(EXCEPT)}
    rules = {path: globs for path, globs in when.items() if not path.startswith(EXCEPT)}
    return Flag(*condition(rules), *condition(exceptions))


def condition(when: When) -> tuple[EventCondition, Globs]:
    """The condition on the event, and the patterns for the operation."""
    if isinstance(when, bool):
        return EventCondition(when), Globs(())
    rows = tuple((TextSource.of(path), Globs(listed(globs))) for path, globs in when.items() if path != OPERATION)
    return EventCondition(rows=rows), Globs(listed(when.get(OPERATION, [])))


def first(words: Words) -> First:
    return First(tuple(map(TextSource.of, listed(words))))


def listed(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else words
