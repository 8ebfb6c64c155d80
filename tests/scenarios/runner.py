"""Plays `scenarios/*.yaml` against any server: the wire contract as data, apart from who is asked.

A file is `about`, `source`, optional `settings`, `store` and `seed`, and `steps`; `scenarios/README.md` describes the keys.
`Target` says where the server is; `play` asks it every step of a file and tells what was not as the file says.
"""

import base64
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

FOLDER = Path(__file__).parent.parent.parent / "scenarios"
LIST = "/api/v1/activities/"
DAY_MS = 86_400_000
BAD_KEY = "0" * 80

# What a file may call its tokens. `tenant` is a suffix to the file's own.
TOKENS: dict[str, dict[str, Any]] = {
    "default": {},
    "read": {"scopes": ["Investigation.read"]},
    "manage": {"scopes": ["Investigation.manage"]},
    "ingest": {"scopes": ["Ingest.write"]},
    "admin": {"scopes": ["Admin.manage"]},
    "revoked": {"revoked": True},
    "other-tenant": {"tenant": "-other"},
}


@dataclass(frozen=True)
class Target:
    """A server, and the key of whoever owns its data: it may make tokens for any tenant."""

    url: str
    owner: str


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [each["_id"] for each in self.json["data"]]


@dataclass(frozen=True)
class Step:
    name: str
    why: str
    source: str
    request: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    walk: Mapping[str, Any] | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    unlike: str = ""

    def asked(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each request of the step with the answer to it; a row's `filters` and `request` ask, its other keys answer."""
        for row in self.rows or ({},):
            answer = {**self.answer, **row}
            request = {**self.request, **answer.pop("request", {})}
            if "filters" in row:
                request["filters"] = answer.pop("filters")
            yield request, answer


@dataclass(frozen=True)
class Scenario:
    file: str
    about: str
    steps: Sequence[Step]
    seed: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    store: str = "open"


@dataclass(frozen=True)
class Played:
    """What came of one file: the problems of each step, and every error that was seen, as (status, detail)."""

    problems: Mapping[str, Sequence[str]]
    errors: frozenset[tuple[int, str]]


def read(path: Path) -> Scenario:
    found = yaml.safe_load(path.read_text("utf-8"))
    source = found.pop("source")
    steps = [Step(**{"source": source, **each}) for each in found.pop("steps")]
    names = [step.name for step in steps]
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name}: two steps have the same name")
    return Scenario(file=path.stem, steps=steps, **found)


def scenarios(folder: Path = FOLDER) -> list[Scenario]:
    return [read(path) for path in sorted(folder.glob("*.yaml"))]


class Play:
    """One file being played: its tenant, its tokens, what its steps have saved."""

    def __init__(self, scenario: Scenario, target: Target, client: httpx.Client) -> None:
        self.scenario, self.target, self.client = scenario, target, client
        self.tenant = re.sub(r"[^a-z0-9-]", "-", f"s{scenario.file}"[:48]) + f"-{time.time_ns() % 10**9}"
        self.now = time.time_ns() // 1_000_000
        self.keys: dict[str, str] = {}
        self.saved: dict[str, Any] = {}
        self.errors: set[tuple[int, str]] = set()

    def prepare(self) -> None:
        if self.scenario.seed:
            lines = [json.dumps(self.filled(each)) for each in seeded(self.scenario.seed)]
            answer = self.client.post(
                "/api/ext/v1/activities?source=mdca",
                content="\n".join(lines).encode(),
                headers={"Authorization": f"Token {self.target.owner}", "Casbah-Tenant": self.tenant},
            )
            if answer.status_code != 200 or answer.json() != {"stored": len(lines), "duplicates": 0, "refused": []}:
                raise AssertionError(f"{self.scenario.file}: seed: {answer.status_code} {answer.text[:500]}")
        for name in TOKENS:
            self.key(name)

    def key(self, name: str) -> str:
        if name == "bad":
            return BAD_KEY
        if name not in self.keys:
            row = TOKENS[name]
            wanted = {"name": name, "tenant": self.tenant + row.get("tenant", ""), "scopes": row.get("scopes")}
            made = self.staff("POST", "/api/ext/v1/tokens", wanted, name)
            self.keys[name] = made["token"]
            if row.get("revoked"):
                self.staff("DELETE", f"/api/ext/v1/tokens/{made['id']}", None, f"{name}-r")
        return self.keys[name]

    def staff(self, method: str, path: str, body: Any, note: str) -> Any:
        """What the owner does behind the scenes; under a tenant of its own each time, so that no throttle counts it."""
        headers = {
            "Authorization": f"Token {self.target.owner}",
            "Casbah-Tenant": f"{self.tenant}-{note}"[-60:].lstrip("-"),
        }
        return self.client.request(method, path, json=body, headers=headers).raise_for_status().json()

    def filled(self, value: Any) -> Any:
        """`value` with every `${name}` in it filled in; one that is the whole string keeps its type."""
        if isinstance(value, Mapping):
            return {self.filled(key): self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = _HOLE.fullmatch(value)
        return self.named(whole[1]) if whole else _HOLE.sub(lambda found: str(self.named(found[1])), value)

    def named(self, name: str) -> Any:
        kind, _, rest = name.partition(":")
        if kind in _MADE:
            return _MADE[kind](rest)
        if kind == "key":
            return self.key(rest)
        moment = re.fullmatch(r"now(?:-(\d+)d)?", name)
        return self.now - DAY_MS * int(moment[1] or 0) if moment else self.saved[name]

    def ask(self, request: Mapping[str, Any]) -> Answer:
        known = {
            "method",
            "path",
            "query",
            "headers",
            "json",
            "body",
            "body_base64",
            "form",
            "multipart",
            "token",
            "filters",
        }
        if set(request) - known:
            raise ValueError(f"a request has no {sorted(set(request) - known)}")
        headers = dict(self.filled(request.get("headers", {})))
        token = request.get("token", "default")
        if token != "none" and "Authorization" not in headers:
            headers["Authorization"] = f"Token {self.key(token)}"
        content: dict[str, Any] = {}
        if "filters" in request:
            content["json"] = {"filters": self.filled(request["filters"])}
        if "json" in request:
            content["json"] = self.filled(request["json"])
        if "body" in request:
            content = {"content": self.filled(request["body"]).encode()}
        if "body_base64" in request:
            content = {"content": base64.b64decode(request["body_base64"])}
        if "form" in request:
            content = {"data": self.filled(request["form"])}
        if "multipart" in request:
            content = {"files": {name: (None, text) for name, text in self.filled(request["multipart"]).items()}}
        got = self.client.request(
            request.get("method", "POST"),
            self.filled(request.get("path", LIST)),
            params=self.filled(request.get("query")) if request.get("query") else None,
            headers=headers,
            **content,
        )
        return Answer(got.status_code, {name.lower(): each for name, each in got.headers.items()}, got.content)

    def send(self, raw: str) -> Answer:
        """Bytes as the file has them, for what no client library would send."""
        url = httpx.URL(self.target.url)
        head, blank, body = self.filled(raw).partition("\n\n")
        with socket.create_connection((url.host, url.port), timeout=30) as connection:
            connection.sendall(
                head.rstrip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n" + (body if blank else "").encode()
            )
            got = http.client.HTTPResponse(connection)
            try:
                got.begin()
                return Answer(got.status, {name.lower(): each for name, each in got.getheaders()}, got.read())
            finally:
                got.close()

    def problems(self, step: Step) -> list[str]:
        """What was not as the step says; a step that breaks off leaves the next ones to be played."""
        found: list[str] = []
        try:
            found += self.differing(step)
        except (httpx.HTTPError, OSError, http.client.HTTPException, LookupError, ValueError, TypeError) as wrong:
            found.append(f"broke off: {wrong!r}")
        return found

    def differing(self, step: Step) -> Iterator[str]:
        if step.walk is not None:
            yield from self.walk(step)
            return
        for _ in range(step.times):
            for request, expected in step.asked():
                answer = self.send(request["raw"]) if "raw" in request else self.ask(request)
                if answer.status >= 400:
                    self.errors.add((answer.status, str(_detail(answer))))
                for problem in self.compared(answer, expected):
                    yield f"{problem}\n    asked    {json.dumps(request)[:400]}\n    answered {answer.status} {answer.body[:600]!r}"
                for name, path in step.save.items():
                    self.saved[name] = _at(answer.json, path)

    def compared(self, answer: Answer, expected: Mapping[str, Any]) -> Iterator[str]:
        checks = {**_ALWAYS, **{name: _CHECKS[name] for name in expected if name in _CHECKS}}
        for name in expected.keys() - _CHECKS.keys() - {"status"}:
            raise ValueError(f"an answer has no {name!r}")
        if answer.status != expected.get("status", 200):
            yield f"status: expected {expected.get('status', 200)}, got {answer.status}"
            return
        for name, check in checks.items():
            wanted = self.filled(expected.get(name))
            try:
                found = check(answer, wanted)
            except (KeyError, TypeError, ValueError, IndexError) as wrong:
                found = f"cannot be read: {wrong!r}"
            if found:
                yield f"{name}: {found}"

    def walk(self, step: Step) -> Iterator[str]:
        """Every page, the next one found as a client of that habit does."""
        wanted = dict(step.walk or {})
        body = self.filled(dict(step.request.get("json", {})))
        sizes: list[int] = []
        ids: list[str] = []
        totals: list[int] = []
        while len(sizes) < 200:
            answer = self.ask({**step.request, "json": body})
            if answer.status != 200:
                yield f"page {len(sizes) + 1}: {answer.status} {answer.body[:300]!r}"
                return
            page = answer.json
            sizes.append(len(page["data"]))
            ids += answer.ids
            totals.append(page["total"])
            if not page["hasNext"]:
                break
            body = _HABITS[wanted["how"]](body, page)
        yield from (
            f"{name}: expected {wanted[name]}, got {found}"
            for name, found in (
                ("pages", len(sizes)),
                ("sizes", sizes),
                ("records", len(ids)),
                ("distinct", len(set(ids))),
                ("totals", totals),
                ("first", ids[0] if ids else None),
                ("last", ids[-1] if ids else None),
                ("ids", ids),
            )
            if name in wanted and wanted[name] != found
        )


def play(scenario: Scenario, target: Target, *, prepared: Callable[[], None] = lambda: None) -> Played:
    """Every step of a file, in order; `prepared` is called when its seed and tokens are there."""
    with httpx.Client(base_url=target.url, timeout=60) as client:
        stage = Play(scenario, target, client)
        stage.prepare()
        prepared()
        problems = {step.name: stage.problems(step) for step in scenario.steps}
    return Played(problems, frozenset(stage.errors))


def seeded(seed: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records of a seed. `many` stands for so many, `{n}` in `_id` for the number; timestamps are `step` apart."""
    for row in seed:
        each = dict(row)
        count, step = each.pop("many", 1), each.pop("step", 0)
        for number in range(count):
            name = each["_id"].replace("{n}", f"{number:05}")
            moment = each["timestamp"] + number * step if isinstance(each["timestamp"], int) else each["timestamp"]
            yield {"appId": 11161, "entityData": {}, **each, "_id": name, "uid": name, "timestamp": moment}


def differences(wanted: Any, found: Any, path: str = "$") -> Iterator[str]:
    """Where `found` is not what `wanted` says: keys not named are free, lists are exact, `<int>` and its like are kinds."""
    if isinstance(wanted, str) and wanted in _KINDS:
        if not _KINDS[wanted](found):
            yield f"{path}: expected {wanted}, got {found!r}"
    elif isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, each in wanted.items():
            if key in found:
                yield from differences(each, found[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: is not there"
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif type(wanted) is not type(found) or wanted != found:
        yield f"{path}: expected {wanted!r}, got {str(found)[:400]!r}"


def _at(value: Any, path: str) -> Any:
    for part in path.split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _has(value: Any, path: str) -> bool:
    try:
        _at(value, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _detail(answer: Answer) -> Any:
    try:
        return answer.json["detail"]
    except (ValueError, KeyError, TypeError):
        return None


def _error_shape(answer: Answer, _: Any) -> str:
    """Every error is JSON and says its detail and nothing else (`wire.md`, 7)."""
    if answer.status < 400:
        return ""
    plain = answer.headers.get("content-type") == "application/json" and list(answer.json) == ["detail"]
    return (
        ""
        if plain and isinstance(_detail(answer), str) and "Traceback" not in _detail(answer)
        else "not of the one shape"
    )


def _list_shape(answer: Answer, _: Any) -> str:
    """A page has all three keys; what says there is more is never empty (`wire.md`, 4)."""
    page = answer.json if answer.headers.get("content-type") == "application/json" else None
    if not isinstance(page, dict) or "data" not in page:
        return ""
    if not (isinstance(page["data"], list) and type(page.get("hasNext")) is bool and type(page.get("total")) is int):
        return "a page lacks data, hasNext or total"
    if page["hasNext"] and not page["data"]:
        return "an empty page says that there is more"
    return ""


def _same(read: Callable[[Answer], Any]) -> Callable[[Answer, Any], str]:
    def check(answer: Answer, wanted: Any) -> str:
        return "; ".join(differences(wanted, read(answer)))

    return check


_HOLE = re.compile(r"\$\{([^}]+)\}")
_MADE: dict[str, Callable[[str], Any]] = {
    "text": lambda size: "x" * int(size),
    "list": lambda size: [f"v{number}" for number in range(int(size))],
    "object": lambda size: {f"f{number}": {} for number in range(int(size))},
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "<int>": lambda found: type(found) is int,
    "<digits>": lambda found: isinstance(found, str) and found.isascii() and found.isdigit(),
    "<string>": lambda found: isinstance(found, str) and found != "",
    "<key>": lambda found: isinstance(found, str) and bool(re.fullmatch(r"[0-9a-zA-Z=]{64,192}", found)),
    "<any>": lambda _: True,
}
_ALWAYS = {"error": _error_shape, "page": _list_shape}
_CHECKS: dict[str, Callable[[Answer, Any], str]] = {
    "json": _same(lambda answer: answer.json),
    "headers": lambda answer, wanted: "; ".join(differences({k.lower(): v for k, v in wanted.items()}, answer.headers)),
    "ids": _same(lambda answer: answer.ids),
    "any_order": lambda answer, wanted: "; ".join(differences(sorted(wanted), sorted(answer.ids))),
    "count": _same(lambda answer: len(answer.json["data"])),
    "total": _same(lambda answer: answer.json["total"]),
    "has_next": _same(lambda answer: answer.json["hasNext"]),
    "detail": _same(_detail),
    "detail_contains": lambda answer, wanted: "; ".join(
        f"lacks {each!r}" for each in wanted if each not in (_detail(answer) or "")
    ),
    "detail_matches": lambda answer, wanted: (
        "" if re.fullmatch(wanted, _detail(answer) or "") else f"is not like {wanted!r}"
    ),
    "absent": lambda answer, wanted: "; ".join(f"{path} is there" for path in wanted if _has(answer.json, path)),
    "absent_headers": lambda answer, wanted: "; ".join(
        f"{name} is there" for name in wanted if name.lower() in answer.headers
    ),
    "body": _same(lambda answer: answer.body.decode()),
    "contains": lambda answer, wanted: "; ".join(
        f"lacks {each!r}" for each in wanted if each not in answer.body.decode()
    ),
}
_HABITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "nextQueryFilters": lambda body, page: {**body, "filters": page["nextQueryFilters"]},
    "copy date.lte": lambda body, page: _with(body, "date", "lte", page["nextQueryFilters"]["date"]["lte"]),
    "copy date.gte": lambda body, page: _with(body, "date", "gte", page["nextQueryFilters"]["date"]["gte"]),
    "last timestamp + 1": lambda body, page: _with(body, "date", "gte", page["data"][-1]["timestamp"] + 1),
    "skip": lambda body, page: {**body, "skip": body.get("skip", 0) + len(page["data"])},
}


def _with(body: Mapping[str, Any], name: str, operator: str, value: int) -> dict[str, Any]:
    filters = body.get("filters") or {}
    return {**body, "filters": {**filters, name: {**filters.get(name, {}), operator: value}}}
