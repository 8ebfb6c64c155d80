"""What clients asked of a server, what it answered, and which states are possible after that.

A request that was acknowledged leaves one state. One that was refused or not answered may have been carried out or not.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from making import NOW, record

APP = 11161
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing that clients create. `body` makes a request's body from a name and a version, `version_of` reads the
    version from an item of the list, where `name_of` and `id_of` find its name and its id. `deleted` is the version
    that remains after deleting, None where the item leaves the list.

    The operations are those that the trail records.
    """

    path: str
    create: str
    change: str | None
    body: Callable[[str, str], Mapping[str, Any]]
    version_of: Callable[[Mapping[str, Any]], str]
    operations: Mapping[str, str]
    name_of: Callable[[Mapping[str, Any]], str] = lambda row: str(row["name"])
    id_of: Callable[[Any], str] = lambda answer: str(answer["id"])
    deleted: str | None = None


def _rule(action: str) -> Resource:
    days = {} if action == "hold" else {"days": 9_999}
    return Resource(
        path="/api/ext/v1/retention",
        create="/api/ext/v1/retention",
        change=None,
        body=lambda name, prefix: {
            "name": name,
            "action": action,
            "filters": {"activity.id": {"startswith": prefix}},
            **days,
        },
        version_of=lambda row: str(row["filters"]["activity.id"]["startswith"]),
        operations={"create": "add_rule", "delete": "remove_rule"},
    )


RESOURCES: Mapping[str, Resource] = {
    "token": Resource(
        path="/api/ext/v1/tokens",
        create="/api/ext/v1/tokens",
        change=None,
        body=lambda name, _: {"name": name, "scopes": ["Investigation.read"]},
        version_of=lambda row: "Revoked" if row["status"] == "Revoked" else "usable",
        operations={"create": "create_token", "delete": "revoke_token"},
        deleted="Revoked",
    ),
    "query": Resource(
        path="/api/ext/v1/queries",
        create="/api/ext/v1/queries",
        change="/api/ext/v1/queries/{id}",
        body=lambda name, version: {"name": name, "filters": {"activity.id": {"eq": [version]}}},
        version_of=lambda row: str(row["filters"]["activity.id"]["eq"][0]),
        operations={"create": "save_query", "change": "change_query", "delete": "delete_query"},
    ),
    "range": Resource(
        path="/api/v1/subnet",
        create="/api/v1/subnet/create_rule",
        change="/api/v1/subnet/{id}/update_rule",
        body=lambda name, version: {"name": name, "category": 1, "subnets": [f"198.51.100.{version}/32"]},
        version_of=lambda row: str(row["subnets"][0]["originalString"]).removeprefix("198.51.100.").removesuffix("/32"),
        operations={"create": "create_range", "change": "update_range", "delete": "delete_range"},
        id_of=lambda answer: str(answer["_id"] if isinstance(answer, Mapping) else answer),
    ),
    "hold": _rule("hold"),
    "rule": _rule("delete"),
    "export": Resource(
        path="/api/ext/v1/exports",
        create="/api/ext/v1/exports",
        change=None,
        body=lambda name, _: {
            "format": "ndjson",
            "filters": {"service": {"eq": [APP]}, "activity.id": {"neq": [name]}},
        },
        version_of=lambda _: "begun",
        operations={"create": "begin_export", "delete": "delete_export"},
        name_of=lambda row: str(row["filters"]["activity.id"]["neq"][0]),
    ),
}


@dataclass(slots=True)
class Item:
    """Something that a client created. `versions` are the possible ones, None among them: it is not there.

    `id` is None where the creation was not acknowledged. `key` is a token's; `sha256` that of an export which was seen ready;
    `contains` are the activities that it has to have.
    """

    kind: str
    name: str
    versions: set[str | None]
    id: str | None = None
    key: str = ""
    sha256: str = ""
    contains: frozenset[str] = frozenset()


@dataclass(slots=True)
class Model:
    """`activities` are the possible states of each id: there, or not. `acts` are operations that the trail has to have, each
    with a text that stands in its record.
    """

    activities: dict[str, set[bool]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    feedback: set[tuple[str, str]] = field(default_factory=set)
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    acts: list[tuple[str, str]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    """Checkpoints of the transparency log that the server has handed out."""

    def stored(self) -> set[str]:
        """The activities that are there for certain."""
        return {name for name, states in self.activities.items() if states == {True}}

    def protected(self, name: str) -> bool | None:
        """Whether a hold keeps an activity; None: perhaps."""
        holds = [item.versions for item in self.items.values() if item.kind == "hold"]
        matching = [versions for versions in holds if any(prefix and name.startswith(prefix) for prefix in versions)]
        if any(None not in versions for versions in matching):
            return True
        return None if matching else False

    def ingested(self, names: Iterable[str], *, acknowledged: bool) -> None:
        for name in names:
            self.activities[name] = {True} if acknowledged else self.activities.get(name, {False}) | {True}

    def removed(self, prefix: str, *, acknowledged: bool) -> None:
        """All activities whose ids begin so were to be deleted, but for those that are held."""
        for name in [name for name in self.activities if name.startswith(prefix)]:
            protected = self.protected(name)
            if protected:
                continue
            self.deleted.add(name)
            self.feedback = {entry for entry in self.feedback if entry[0] != name}
            sure = acknowledged and protected is False
            self.activities[name] = {False} if sure else self.activities[name] | {False}
        if acknowledged:
            self.acts += [("begin_delete_activities", prefix), ("delete_activities", prefix)]

    def created(self, kind: str, name: str, version: str, answer: Any) -> None:
        """`answer` is None where it was not acknowledged."""
        item = Item(kind, name, {version} if answer is not None else {version, None})
        if answer is not None:
            item.id = RESOURCES[kind].id_of(answer)
            item.key = answer["token"] if kind == "token" else ""
            item.contains = frozenset(self.stored()) if kind == "export" else frozenset()
            self.acts.append((RESOURCES[kind].operations["create"], name))
        self.items[kind, name] = item

    def changed(self, kind: str, name: str, version: str | None, *, acknowledged: bool) -> None:
        """`version` is the new one, or what deleting leaves."""
        item = self.items[kind, name]
        item.versions = {version} if acknowledged else item.versions | {version}
        if acknowledged:
            verb = "delete" if version == RESOURCES[kind].deleted else "change"
            self.acts.append((RESOURCES[kind].operations[verb], str(item.id)))


def activity(name: str) -> dict[str, Any]:
    """The record of an id."""
    dice = random.Random(name)
    text = "".join(dice.choices("abcdefghij ", k=dice.randrange(40, 2_000)))
    return record(0, _id=name, uid=name, timestamp=NOW - dice.randrange(60 * _DAY), description=text)


def lines(names: Iterable[str]) -> bytes:
    """The body of a request that brings activities."""
    return b"\n".join(json.dumps(activity(name)).encode() for name in names)
