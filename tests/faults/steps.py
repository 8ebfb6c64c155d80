"""Requests at random: which one comes next follows from a seed, a number and what was answered so far."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faults.model import RESOURCES, Item, Model, lines

_INGEST = "/api/ext/v1/activities"
CLIENT = "client"
"""The name of the token that requests are sent with."""

_SMALL, _LARGE = (1, 1, 5, 12), 260
"""How many activities a body has; a large one goes through a process that prepares it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None where there was none; `body` is its JSON, or its bytes where it is none."""

    status: int | None
    body: Any = None

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and self.status < 300


@dataclass(frozen=True, slots=True)
class Step:
    """A request, and what its answer means. `effect` yields what is wrong about the answer."""

    method: str
    path: str
    body: Any
    effect: "Callable[[Model, Answer], str | None]"
    may_be_missing: bool = False
    """Whether 404 is a right answer, because an earlier request may have deleted it."""


def sign_in() -> Step:
    """A token for all other requests: processes beside the owner do not answer the owner's key."""

    def effect(model: Model, answer: Answer) -> str | None:
        model.created("token", CLIENT, "usable", answer.body if answer.acknowledged else None)
        return None

    return Step("POST", RESOURCES["token"].create, {"name": CLIENT}, effect)


def step(model: Model, seed: int, number: int) -> Step:
    """The request of a number."""
    dice = random.Random(f"{seed}/{number}")
    if number < 2:
        return ingest(seed, number)
    names = ("ingest", "large", "again", "feedback", "create", "change", "delete", "export", "remove", "checkpoint")
    for name in dice.choices(names, weights=(4, 1, 1, 2, 6, 2, 4, 3, 2, 3), k=10):
        made = _MAKERS[name](model, dice, seed, number)
        if made is not None:
            return made
    return ingest(seed, number)


def ingest(seed: int, number: int, *, large: bool = False) -> Step:
    """The activities of a number."""
    size = _LARGE if large else random.Random(f"{seed}:{number}").choice(_SMALL)
    return _ingest([f"{seed}-{number}-{place}" for place in range(size)])


def _ingest(names: list[str]) -> Step:
    def effect(model: Model, answer: Answer) -> str | None:
        model.ingested(names, acknowledged=answer.acknowledged)
        if answer.acknowledged and answer.body["stored"] + answer.body["duplicates"] != len(names):
            return f"{len(names)} activities were sent, the answer is {answer.body}"
        return None

    return Step("POST", f"{_INGEST}?source=mdca", lines(names), effect)


def _again(model: Model, dice: random.Random, seed: int, number: int) -> Step | None:  # noqa: ARG001
    """Something is delivered once more."""
    known = sorted(model.activities)
    return _ingest(dice.sample(known, min(3, len(known)))) if known else None


def _feedback(model: Model, dice: random.Random, seed: int, number: int) -> Step | None:
    if not (known := sorted(model.stored())):
        return None
    name, text = dice.choice(known), f"{seed}/{number}"

    def effect(model: Model, answer: Answer) -> str | None:
        if answer.acknowledged:
            model.feedback.add((name, text))
            model.acts.append(("give_feedback", name))
        return None

    return Step("POST", f"/api/v1/activities/{name}/feedback", {"feedback": text}, effect)


def _create(model: Model, dice: random.Random, seed: int, number: int) -> Step:
    kind = dice.choice(sorted(RESOURCES))
    version = {
        "token": "usable",
        "export": "begun",
        "hold": _prefix(model, dice, seed),
        "rule": _prefix(model, dice, seed),
    }.get(kind, str(number % 256))
    return create(kind, f"{kind}-{seed}-{number}", version)


def create(kind: str, name: str, version: str) -> Step:
    """Create something of a kind."""

    def effect(model: Model, answer: Answer) -> str | None:
        model.created(kind, name, version, answer.body if answer.acknowledged else None)
        return None

    return Step("POST", RESOURCES[kind].create, RESOURCES[kind].body(name, version), effect)


def _change(model: Model, dice: random.Random, seed: int, number: int) -> Step | None:  # noqa: ARG001
    item = _known(model, dice, [kind for kind, resource in RESOURCES.items() if resource.change])
    if item is None:
        return None
    return _changed(item, str(number % 256), "POST", str(RESOURCES[item.kind].change).format(id=item.id))


def _delete(model: Model, dice: random.Random, seed: int, number: int) -> Step | None:  # noqa: ARG001
    item = _known(model, dice, list(RESOURCES))
    return None if item is None else delete(item)


def delete(item: Item) -> Step:
    """Delete something, or revoke it."""
    return _changed(item, RESOURCES[item.kind].deleted, "DELETE", f"{RESOURCES[item.kind].path}/{item.id}")


def _changed(item: Item, version: str | None, method: str, path: str) -> Step:
    kind, name = item.kind, item.name
    gone = RESOURCES[kind].deleted

    def effect(model: Model, answer: Answer) -> str | None:
        if answer.status == 404:
            model.items[kind, name].versions = {gone}
        else:
            model.changed(kind, name, version, acknowledged=answer.acknowledged)
        return None

    body = None if method == "DELETE" else RESOURCES[kind].body(name, str(version))
    return Step(method, path, body, effect, may_be_missing=gone in item.versions)


def _export(model: Model, dice: random.Random, seed: int, number: int) -> Step | None:  # noqa: ARG001
    item = _known(model, dice, ["export"])
    return None if item is None else look(item)


def look(item: Item) -> Step:
    """Ask how far an export is."""
    name = item.name

    def effect(model: Model, answer: Answer) -> str | None:
        if answer.status == 200 and answer.body["state"] == "ready":
            model.items["export", name].sha256 = answer.body["sha256"]
        return None

    return Step("GET", f"/api/ext/v1/exports/{item.id}", None, effect, may_be_missing=None in item.versions)


def checkpoint() -> Step:
    """Ask for the last checkpoint of the transparency log."""

    def effect(model: Model, answer: Answer) -> str | None:
        if answer.status == 200:
            model.signed.append(answer.body.decode())
        return None

    return Step("GET", "/api/ext/v1/log/checkpoint", None, effect)


def _remove(model: Model, dice: random.Random, seed: int, number: int) -> Step:  # noqa: ARG001
    """Activities are deleted."""
    return remove(_prefix(model, dice, seed))


def remove(prefix: str) -> Step:
    """Delete the activities whose ids begin so."""

    def effect(model: Model, answer: Answer) -> str | None:
        model.removed(prefix, acknowledged=answer.acknowledged)
        return None

    body = {"filters": {"activity.id": {"startswith": prefix}}, "dryRun": False}
    return Step("POST", f"{_INGEST}/delete", body, effect)


def _prefix(model: Model, dice: random.Random, seed: int) -> str:
    """What the ids of one request begin with."""
    numbers = sorted({int(name.split("-")[1]) for name in model.activities}) or [0]
    return f"{seed}-{dice.choice(numbers)}-"


def _known(model: Model, dice: random.Random, kinds: list[str]) -> Item | None:
    """Something whose id is known and that may still be there."""
    found = [
        item
        for item in model.items.values()
        if item.kind in kinds
        and item.name != CLIENT
        and item.id is not None
        and item.versions != {RESOURCES[item.kind].deleted}
    ]
    return dice.choice(sorted(found, key=lambda item: item.name)) if found else None


_MAKERS: dict[str, Callable[[Model, random.Random, int, int], Step | None]] = {
    "ingest": lambda model, dice, seed, number: ingest(seed, number),  # noqa: ARG005
    "large": lambda model, dice, seed, number: ingest(seed, number, large=True),  # noqa: ARG005
    "again": _again,
    "feedback": _feedback,
    "create": _create,
    "change": _change,
    "delete": _delete,
    "export": _export,
    "remove": _remove,
    "checkpoint": lambda model, dice, seed, number: checkpoint(),  # noqa: ARG005
}


def encoded(body: Any) -> bytes:
    """A request's body."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()
