"""Plays a file of `scenarios/` against any server: `Target` says which, `play` tells what was not as the file says."""

import base64
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from scenarios import answer as answers
from scenarios import issuer
from scenarios.answer import Answer
from scenarios.scenario import LIST, Scenario, Step, seeded

DAY_MS = 86_400_000
BAD_KEY = "0" * 80
_THROTTLED, _SECONDS_WITHOUT_WORD = 429, 60
_MAX_PAGES = 200
_ASKS = {"method", "path", "query", "headers", "json", "body", "body_base64", "form", "multipart", "token", "filters"}
_BROKEN = (httpx.HTTPError, OSError, http.client.HTTPException, LookupError, ValueError, TypeError)

# What a file may call its tokens. `tenant` is a suffix to the file's own.
TOKENS: dict[str, dict[str, Any]] = {
    "default": {},
    "read": {"scopes": ["Investigation.read"]},
    "manage": {"scopes": ["Investigation.manage"]},
    "ingest": {"scopes": ["Ingest.write"]},
    "admin": {"scopes": ["Admin.manage"]},
    "delete": {"scopes": ["Activities.delete"]},
    "hold": {"scopes": ["Holds.manage"]},
    "tokens": {"scopes": ["Tokens.manage", "Investigation.read"]},
    "revoked": {"revoked": True},
    "other-tenant": {"tenant": "-other"},
}


@dataclass(frozen=True)
class Target:
    """A server and a key. The owner's makes tenants and tokens of its own; any other key asks, for itself, and no more.

    `patience` is how often a throttled request waits as it is told and is asked again.
    """

    url: str
    key: str
    owner: bool = True
    patience: int = 0


@dataclass(frozen=True)
class Played:
    """What came of one file: the problems of each step, and every error that was seen, as (status, detail)."""

    problems: Mapping[str, Sequence[str]]
    errors: frozenset[tuple[int, str]]


def play(
    scenario: Scenario,
    target: Target,
    *,
    prepared: Callable[[], None] = lambda: None,
    begins: Callable[[Step], None] = lambda _: None,
) -> Played:
    """Every step of a file, in order; `prepared` is called when its seed and tokens are there, `begins` before each step."""
    with httpx.Client(base_url=target.url, timeout=60) as client:
        stage = Play(scenario, target, client)
        if target.owner:
            stage.prepare()
        prepared()
        problems = {}
        for step in scenario.steps:
            begins(step)
            problems[step.name] = stage.problems(step)
    return Played(problems, frozenset(stage.errors))


class Play:
    """One file being played: its tenant, its tokens, what its steps have saved."""

    def __init__(self, scenario: Scenario, target: Target, client: httpx.Client) -> None:
        self.scenario, self.target, self.client = scenario, target, client
        self.tenant = re.sub(r"[^a-z0-9-]", "-", f"s{scenario.file}"[:48]) + f"-{time.time_ns() % 10**9}"
        self.now = time.time_ns() // 1_000_000
        self.keys: dict[str, str] = {"bad": BAD_KEY, "owner" if target.owner else "default": target.key}
        self.saved: dict[str, Any] = {}
        self.errors: set[tuple[int, str]] = set()

    def prepare(self) -> None:
        """Store the seed and make the tokens, as the owner."""
        if self.scenario.seed:
            lines = [json.dumps(self.filled(each)) for each in seeded(self.scenario.seed)]
            answer = self.client.post(
                "/api/ext/v1/activities?source=mdca",
                content="\n".join(lines).encode(),
                headers={"Authorization": f"Token {self.target.key}", "Casbah-Tenant": self.tenant},
            )
            if answer.status_code != 200 or answer.json() != {"stored": len(lines), "duplicates": 0, "refused": []}:
                raise AssertionError(f"{self.scenario.file}: seed: {answer.status_code} {answer.text[:500]}")
        for name, row in TOKENS.items():
            wanted = {"name": name, "tenant": self.tenant + row.get("tenant", ""), "scopes": row.get("scopes")}
            made = self.staff("POST", "/api/ext/v1/tokens", wanted, name)
            self.keys[name] = made["token"]
            if row.get("revoked"):
                self.staff("DELETE", f"/api/ext/v1/tokens/{made['id']}", None, f"{name}-r")

    def staff(self, method: str, path: str, body: Any, note: str) -> Any:
        """What the owner does behind the scenes; under a tenant of its own each time, so that no throttle counts it."""
        headers = {
            "Authorization": f"Token {self.target.key}",
            "Casbah-Tenant": f"{self.tenant}-{note}"[-60:].lstrip("-"),
        }
        return self.client.request(method, path, json=body, headers=headers).raise_for_status().json()

    def problems(self, step: Step) -> list[str]:
        """What was not as the step says; a step that breaks off leaves the next ones to be played."""
        found: list[str] = []
        try:
            found += self.differing(step)
        except _BROKEN as error:
            found.append(f"broke off: {error!r}")
        return found

    def differing(self, step: Step) -> Iterator[str]:
        for halves in step.halves:
            yield from self.halved(halves)
        if step.halves:
            return
        for request, expected in (each for _ in range(step.times) for each in step.asked()):
            if step.walk is not None:
                yield from self.walk(request, step.walk)
                continue
            answer = self.answered(request)
            for problem in answers.problems(answer, expected, self.filled):
                yield f"{problem}\n    asked    {json.dumps(request)[:400]}\n    answered {answer.status} {answer.body[:600]!r}"
            for name, path in step.save.items():
                self.saved[name] = answers.at(answer.json, path)

    def halved(self, halves: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """Two filters that split everything between them: neither is empty, none is in both, and the totals add up."""
        pages = [self.answered({"filters": each}) for each in (*halves, {})]
        if any(page.status != 200 for page in pages):
            yield f"{halves}: {[page.body[:200] for page in pages]}"
            return
        one, other, everything = (page.ids for page in pages)
        totals = [page.json["total"] for page in pages]
        if not one or not other:
            yield f"{halves}: a half is empty, so this shows nothing"
        if sorted(one + other) != sorted(everything) or totals[0] + totals[1] != totals[2]:
            yield f"{halves}: {sorted(one)} and {sorted(other)} are not the halves of {sorted(everything)}; totals {totals}"

    def walk(self, request: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
        """Every page, the next one found as a client of that habit does."""
        walked = Walked()
        asked = dict(request)
        while len(walked.sizes) < wanted.get("most", _MAX_PAGES):
            answer = self.answered(asked)
            found = [*answers.problems(answer, {"page": wanted["page"]} if "page" in wanted else {}, self.filled)]
            yield from (f"page {len(walked.sizes) + 1}: {problem} {answer.body[:300]!r}" for problem in found)
            if found:
                return
            walked.see(answer)
            if not answer.json["hasNext"]:
                break
            asked = following(asked, wanted["how"], answer.json, self.filled)
        yield from walked.problems(wanted)

    def answered(self, request: Mapping[str, Any]) -> Answer:
        """The answer to a request; one that is throttled waits as it is told, while there is patience."""
        for _ in range(self.target.patience + 1):
            answer = self.send(request["raw"]) if "raw" in request else self.ask(request)
            if answer.status != _THROTTLED or not self.target.patience:
                break
            time.sleep(seconds_to_wait(answer.headers))
        if answer.status >= answers.ERROR:
            self.errors.add((answer.status, str(answer.detail)))
        return answer

    def ask(self, request: Mapping[str, Any]) -> Answer:
        if set(request) - _ASKS:
            raise ValueError(f"a request has no {sorted(set(request) - _ASKS)}")
        headers = dict(self.filled(request.get("headers", {})))
        token = request.get("token", "default")
        if token != "none" and "authorization" not in map(str.lower, headers):
            headers["Authorization"] = f"Token {self.keys[token]}"
        got = self.client.request(
            request.get("method", "POST"),
            self.filled(request.get("path", LIST)),
            params=self.filled(request.get("query")) if request.get("query") else None,
            headers=headers,
            **self.content(request),
        )
        return Answer(got.status_code, {name.lower(): each for name, each in got.headers.items()}, got.content)

    def content(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The body, as httpx is told it; what stands first wins."""
        content: dict[str, Any] = {}
        for name, told in _CONTENTS.items():
            if name in request:
                content = content or told(self.filled(request[name]))
        return content

    def send(self, raw: str) -> Answer:
        """Bytes as the file has them, for what no client library would send."""
        url = httpx.URL(self.target.url)
        secure = url.scheme == "https"
        head, blank, body = self.filled(raw).partition("\n\n")
        sent = head.rstrip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n" + (body if blank else "").encode()
        with socket.create_connection((url.host, url.port or (443 if secure else 80)), timeout=30) as plain:
            wrap = ssl.create_default_context().wrap_socket
            with wrap(plain, server_hostname=url.host) if secure else plain as connection:
                connection.sendall(sent)
                got = http.client.HTTPResponse(connection)
                try:
                    got.begin()
                    return Answer(got.status, {name.lower(): each for name, each in got.getheaders()}, got.read())
                finally:
                    got.close()

    def filled(self, value: Any) -> Any:
        """`value` with every `${name}` in it filled in; one that is the whole string keeps its type."""
        if isinstance(value, Mapping):
            return {self.filled(key): self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = HOLE.fullmatch(value)
        return self.named(whole[1]) if whole else HOLE.sub(lambda found: str(self.named(found[1])), value)

    def named(self, name: str) -> Any:
        kind, _, rest = name.partition(":")
        if kind in _MADE:
            return _MADE[kind](rest)
        if kind == "key":
            return self.keys[rest]
        if kind == "host":
            return httpx.URL(self.target.url).netloc.decode()
        if kind == "tenant":
            return self.tenant + rest
        if kind == "jwt":
            return issuer.token(self.filled(self.scenario.jwts[rest]))
        moment = re.fullmatch(r"now(?:-(\d+)d)?", name)
        return self.now - DAY_MS * int(moment[1] or 0) if moment else self.saved[name]


def seconds_to_wait(headers: Mapping[str, str]) -> int:
    """How long a throttled client is told to wait; a minute where it is told nothing."""
    told = headers.get("retry-after", "")
    return int(told) if told.isdigit() else _SECONDS_WITHOUT_WORD


@dataclass
class Walked:
    """What the pages of a walk held."""

    sizes: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)

    def see(self, answer: Answer) -> None:
        self.sizes.append(len(answer.json["data"]))
        self.ids += answer.ids
        self.totals.append(answer.json.get("total"))

    def problems(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        found = {
            "pages": len(self.sizes),
            "sizes": self.sizes,
            "records": len(self.ids),
            "distinct": len(set(self.ids)),
            "totals": self.totals,
            "first": self.ids[0] if self.ids else None,
            "last": self.ids[-1] if self.ids else None,
            "ids": self.ids,
            "each_once": len(set(self.ids)) == len(self.ids),
        }
        for name in wanted.keys() - found.keys() - {"how", "most", "page"}:
            raise ValueError(f"a walk has no {name!r}")
        for name, value in found.items():
            if name in wanted and wanted[name] != value:
                yield f"{name}: expected {wanted[name]}, got {value}"


def following(
    request: Mapping[str, Any], how: str, page: Mapping[str, Any], filled: Callable[[Any], Any]
) -> dict[str, Any]:
    """The request for the next page, in the encoding of this one."""
    where = next((name for name in ("query", "form", "multipart", "body") if name in request), "json")
    said = filled(request.get(where, {}))
    if where == "body":
        return {**request, "body": json.dumps(HABITS[how](json.loads(said), page))}
    if where == "json":
        return {**request, "json": HABITS[how](said, page)}
    body = HABITS[how]({**said, **{name: json.loads(said[name]) for name in ("filters", "skip") if name in said}}, page)
    return {
        **request,
        where: {**body, **{name: json.dumps(body[name]) for name in ("filters", "skip") if name in body}},
    }


def _with(body: Mapping[str, Any], name: str, operator: str, value: int) -> dict[str, Any]:
    filters = body.get("filters") or {}
    return {**body, "filters": {**filters, name: {**filters.get(name, {}), operator: value}}}


HOLE = re.compile(r"\$\{([^}]+)\}")
_MADE: dict[str, Callable[[str], Any]] = {
    "text": lambda size: "x" * int(size),
    "list": lambda size: [f"v{number}" for number in range(int(size))],
    "object": lambda size: {f"f{number}": {} for number in range(int(size))},
}
_CONTENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "multipart": lambda fields: {"files": {name: (None, text) for name, text in fields.items()}},
    "form": lambda fields: {"data": fields},
    "body_base64": lambda text: {"content": base64.b64decode(text)},
    "body": lambda text: {"content": text.encode()},
    "json": lambda value: {"json": value},
    "filters": lambda value: {"json": {"filters": value}},
}
HABITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "nextQueryFilters": lambda body, page: {**body, "filters": page["nextQueryFilters"]},
    "copy date.lte": lambda body, page: _with(body, "date", "lte", page["nextQueryFilters"]["date"]["lte"]),
    "copy date.gte": lambda body, page: _with(body, "date", "gte", page["nextQueryFilters"]["date"]["gte"]),
    "last timestamp + 1": lambda body, page: _with(body, "date", "gte", page["data"][-1]["timestamp"] + 1),
    "skip": lambda body, page: {**body, "skip": body.get("skip", 0) + len(page["data"])},
}
