"""The wire contract as data: what a file of `scenarios/` holds, apart from who is asked. The keys: `scenarios/README.md`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent.parent / "scenarios"
NOT_SCENARIOS = {"coverage.yaml"}
LIST = "/api/v1/activities/"
FORM = "application/x-www-form-urlencoded"
MARKS = {"D": "documented", "C": "seen in clients", "R": "seen in real records", "O": "our decision"}

_SOURCE = re.compile(r"([DCRO](?:, [DCRO])*); ((?:wire|activities-api|filters|records)\.md.*)")


@dataclass(frozen=True)
class Unlike:
    """Where Casbah differs from MDCA on purpose: what MDCA does, as far as that is public, what Casbah does, and why."""

    mdca: str
    casbah: str
    why: str


@dataclass(frozen=True)
class Step:
    name: str
    why: str
    source: str
    request: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    every: Sequence[str] = ()
    walk: Mapping[str, Any] | None = None
    halves: Sequence[Sequence[Mapping[str, Any]]] = ()
    save: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    unlike: Unlike | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """How sure it is: D, C, R, O."""
        found = _SOURCE.fullmatch(self.source)
        if not found:
            raise ValueError(f"step {self.name!r}: source {self.source!r} is not like 'D, C; wire.md 4'")
        return tuple(found[1].split(", "))

    def asked(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each request of the step with the answer to it; a row's `filters` and `request` ask, its other keys answer."""
        for row in self.rows or ({},):
            answer = {**self.answer, **row}
            request = {**self.request, **answer.pop("request", {})}
            if "filters" in row:
                request["filters"] = answer.pop("filters")
            for each in self.spelled(request):
                yield each, answer

    def spelled(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The request, or with `every` each way to say it: its parameters in six encodings, its path in four spellings."""
        rest = {name: each for name, each in request.items() if name != "parameters"}
        if "encoding" not in self.every and "parameters" in request:
            raise ValueError(f"step {self.name!r}: parameters stand only in a step that says `every: [encoding]`")
        encoded = [encode(request["parameters"]) for encode in ENCODINGS.values()] if "encoding" in self.every else [{}]
        path = request.get("path", LIST).rstrip("/")
        paths = [f"{under}{path}{slash}" for under in ("", "/cas") for slash in ("/", "")]
        for one in encoded:
            for other in [{"path": each} for each in paths] if "spelling" in self.every else [{}]:
                yield {**rest, **one, **other}


@dataclass(frozen=True)
class Scenario:
    file: str
    about: str
    steps: Sequence[Step]
    seed: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    jwts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    store: str = "open"


def read(path: Path) -> Scenario:
    found = loaded(path)
    source = found.pop("source")
    steps = [_step({"source": source, **each}) for each in found.pop("steps")]
    names = [step.name for step in steps]
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name}: two steps have the same name")
    return Scenario(file=path.stem, steps=steps, **found)


def loaded(path: Path) -> Any:
    """What a YAML file says; the library in C, where it is there, takes a tenth of the time."""
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506  both are safe


def scenarios(*beginnings: str) -> list[Scenario]:
    """The files, or those whose names begin so."""
    paths = [path for path in sorted(FOLDER.glob("*.yaml")) if path.name not in NOT_SCENARIOS]
    return [read(path) for path in paths if path.name.startswith(beginnings or "")]


def seeded(seed: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records of a seed. `many` stands for so many, `{n}` in `_id` for the number; timestamps are `step` apart."""
    for row in seed:
        each = dict(row)
        count, step = each.pop("many", 1), each.pop("step", 0)
        for number in range(count):
            name = each["_id"].replace("{n}", f"{number:05}")
            moment = each["timestamp"] + number * step if isinstance(each["timestamp"], int) else each["timestamp"]
            yield {"appId": 11161, "entityData": {}, **each, "_id": name, "uid": name, "timestamp": moment}


def _step(found: dict[str, Any]) -> Step:
    unlike = found.pop("unlike", None)
    return Step(**found, unlike=Unlike(**unlike) if unlike else None)


def _texts(values: Mapping[str, Any], *, yes: str, no: str) -> dict[str, str]:
    """As query strings and forms say it: text is itself, the rest its JSON; booleans as the clients of that encoding do."""
    flags = {True: yes, False: no}
    return {
        name: flags[value] if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


ENCODINGS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "JSON body": lambda values: {"method": "POST", "json": values},
    "GET with a JSON body": lambda values: {"method": "GET", "json": values},
    "JSON labelled as a form": lambda values: {
        "method": "POST",
        "headers": {"Content-Type": FORM},
        "body": json.dumps(values),
    },
    "query string": lambda values: {"method": "GET", "query": _texts(values, yes="true", no="false")},
    "form": lambda values: {"method": "POST", "form": _texts(values, yes="True", no="False")},
    "multipart": lambda values: {"method": "POST", "multipart": _texts(values, yes="True", no="False")},
}
"""The six encodings (docs/compatibility.md, 3), in its order."""
