"""Fakes of the hosted APIs, doing what the real ones do on a bad day.

A `World` has one clock, the events that ever were (each with when it happened and when its vendor first shows it), and the dice.
A vendor answers requests as its documents say; between it and the puller stands `Weather`, which throttles, fails, breaks off
answers, and kills the process at any request, before or after the vendor has seen it.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

SAMPLES = Path(__file__).parents[1] / "connectors"
START = 1_767_000_000_000
MINUTE = 60_000


class KilledError(BaseException):
    """The process is gone: nothing catches this but the test."""


@dataclass(frozen=True)
class Happened:
    """An event: its number, when it happened and when it is shown, by the vendor's clock in ms."""

    number: int
    at: int
    shown: int


@dataclass
class World:
    """Time, and all that happens. The vendor's clock is `skew` ms ahead of ours."""

    dice: random.Random
    late: int
    count: int
    span: int
    skew: int = 0
    now: int = START
    events: list[Happened] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(self.count):
            at = START - 30 * MINUTE + self.dice.randrange(self.span) // 1_000 * 1_000
            lateness = self.dice.randrange(self.late) if self.dice.random() < 0.3 else self.dice.randrange(2_000)
            self.events.append(Happened(number, at, at + lateness))

    def clock(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000) + 1

    @property
    def theirs(self) -> int:
        """The vendor's time."""
        return self.now + self.skew

    def shown(self) -> list[Happened]:
        """What the vendor shows now, by when it happened."""
        return sorted(
            (event for event in self.events if event.shown <= self.theirs), key=lambda each: (each.at, each.number)
        )


@dataclass
class Weather:
    """How bad the day is: chances of what may befall a request."""

    world: World
    answer: Callable[[httpx.Request], httpx.Response]
    kills: float = 0.0
    fails: float = 0.0
    storm: int = 0
    seen: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen += 1
        dice = self.world.dice
        request.read()
        if dice.random() < self.kills:
            if dice.random() < 0.5:
                self.answer(request)
            raise KilledError
        if self.storm:
            self.storm -= 1
            return _throttled(dice, self.world.theirs)
        if dice.random() >= self.fails:
            return self.answer(request)
        kind = dice.choice(("storm", "server", "truncated", "no connection", "no answer"))
        if kind == "storm":
            self.storm = dice.randrange(4)
            return _throttled(dice, self.world.theirs)
        if kind == "server":
            return httpx.Response(dice.choice((500, 502, 503, 504)), text="<html>gateway</html>")
        if kind == "truncated":
            answer = self.answer(request)
            whole = answer.read()
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            return httpx.Response(
                answer.status_code, headers=headers, content=whole[: max(1, len(whole) - 1 - dice.randrange(40))]
            )
        if kind == "no connection":
            raise httpx.ConnectError("refused", request=request)
        self.answer(request)
        raise httpx.ReadTimeout("silence", request=request)


def _throttled(dice: random.Random, now: int) -> httpx.Response:
    told = dice.choice(
        (
            {"Retry-After": "3"},
            {"X-Rate-Limit-Reset": str(now // 1_000 + 4)},
            {"x-ratelimit-reset": str(now // 1_000 + 2)},
            {},
        )
    )
    return httpx.Response(429, headers=told, json={"error": "too many"})


class Vendor:
    """One API. `sample` names the connector whose first sample is the pattern of all events."""

    name: str
    sample: str
    page = 4
    rank = 0

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens: dict[str, Any] = {}
        self.made = 0
        found = (SAMPLES / self.sample / "events.ndjson").read_text("utf-8").splitlines()[self.rank]
        self.pattern: dict[str, Any] = json.loads(found)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the API answers."""
        raise NotImplementedError

    def event(self, happened: Happened) -> dict[str, Any]:
        """The event as this API writes it."""
        raise NotImplementedError

    def token(self, state: Any) -> str:
        """An opaque token for a state; it may expire."""
        self.made += 1
        made = f"t{self.made}"
        self.tokens[made] = state
        return made

    def opened(self, token: str) -> Any:
        """The state of a token; None if it has expired, which any may at any time."""
        if self.world.dice.random() < 0.02:
            self.tokens.pop(token, None)
        return self.tokens.get(token)

    def told(self, found: list[Happened]) -> list[dict[str, Any]]:
        """A page of events: some vendors repeat one, and none vouches for the order."""
        shown = [self.event(each) for each in found]
        dice = self.world.dice
        if shown and dice.random() < 0.1:
            shown.append(dice.choice(shown))
        dice.shuffle(shown)
        return shown

    def after(
        self, found: list[Happened], last: tuple[int, int] | None, *, newest_first: bool = False
    ) -> tuple[list[Happened], tuple[int, int] | None]:
        """A page of those after `last` by when they happened, and where the next one begins."""
        ordered = found[::-1] if newest_first else found
        key = (lambda each: (-each.at, -each.number)) if newest_first else (lambda each: (each.at, each.number))
        rest = [each for each in ordered if last is None or key(each) > last]
        page = rest[: self.page]
        return page, key(page[-1]) if len(rest) > len(page) else None


def iso(moment: int, digits: int = 3) -> str:
    text = datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text[: 19 + (digits + 1 if digits else 0)]}Z"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def asked(request: httpx.Request) -> dict[str, str]:
    return {
        key: values[0] for key, values in parse_qs(urlsplit(str(request.url)).query, keep_blank_values=True).items()
    }


class OktaApi(Vendor):
    """Polling: by when events were stored, with a link `next` on every page."""

    name, sample = "okta", "okta"

    def event(self, happened: Happened) -> dict[str, Any]:
        return {**self.pattern, "uuid": f"u{happened.number}", "published": iso(happened.at)}

    def answer(self, request: httpx.Request) -> httpx.Response:
        given = asked(request)
        stored = sorted(
            (event for event in self.world.events if event.shown <= self.world.theirs),
            key=lambda each: (each.shown, each.number),
        )
        if "after" in given:
            last = self.opened(given["after"])
            if last is None:
                return httpx.Response(400, json={"errorCode": "E0000031", "errorSummary": "Invalid search criteria."})
        else:
            assert request.headers["authorization"] == "SSWS secret"
            last = (moment(given["since"]), -1)
        rest = [each for each in stored if (each.shown, each.number) > tuple(last)]
        page = rest[: self.page]
        if page:
            last = (page[-1].shown, page[-1].number)
        link = (
            f'<{request.url.scheme}://{request.url.host}/api/v1/logs?after={self.token(last)}&limit=1000>; rel="next"'
        )
        own = f'<{request.url}>; rel="self"'
        return httpx.Response(200, headers=[("link", own), ("link", link)], json=self.told(page))


class GitHubApi(Vendor):
    """By cursor; `phrase` bounds when they happened."""

    name, sample = "github", "github"

    def event(self, happened: Happened) -> dict[str, Any]:
        return {
            **self.pattern,
            "_document_id": f"d{happened.number}",
            "created_at": happened.at,
            "@timestamp": happened.at,
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        given = asked(request)
        assert request.url.path == "/orgs/contoso/audit-log"
        assert request.headers["authorization"] == "Bearer secret"
        if "after" in given:
            state = self.opened(given["after"])
            if state is None:
                return httpx.Response(400, json={"message": "Invalid cursor"})
            since, last = state
        else:
            since, last = moment(given["phrase"].removeprefix("created:>=")), None
        page, following = self.after([each for each in self.world.shown() if each.at >= since], last)
        headers = {}
        if following is not None:
            address = (
                f"{request.url.scheme}://{request.url.host}{request.url.path}?after={self.token((since, following))}"
            )
            headers = {"link": f'<{address}>; rel="next"'}
        return httpx.Response(200, headers=headers, json=self.told(page))


class SlackApi(Vendor):
    """Newest first, with a cursor, bounded by whole seconds."""

    name, sample = "slack", "slack"

    def event(self, happened: Happened) -> dict[str, Any]:
        return {**self.pattern, "id": f"s{happened.number}", "date_create": happened.at // 1_000}

    def answer(self, request: httpx.Request) -> httpx.Response:
        given = asked(request)
        last = None
        if "cursor" in given:
            last = self.opened(given["cursor"])
            if last is None:
                return httpx.Response(400, json={"ok": False, "error": "invalid_cursor"})
        low, high = int(given["oldest"]) * 1_000, int(given["latest"]) * 1_000
        page, following = self.after(
            [each for each in self.world.shown() if low <= each.at <= high], last, newest_first=True
        )
        cursor = "" if following is None else self.token(following)
        return httpx.Response(200, json={"entries": self.told(page), "response_metadata": {"next_cursor": cursor}})


class MicrosoftApi(Vendor):
    """What Microsoft's APIs have in common: a token endpoint, whose tokens last an hour."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/directory/oauth2/v2.0/token":
            assert parse_qs(request.content.decode())["client_secret"] == ["secret"]
            return httpx.Response(200, json={"access_token": f"at{self.world.now}", "expires_in": 3_600})
        issued = int(request.headers["authorization"].removeprefix("Bearer at"))
        if self.world.now - issued > 3_600_000:
            return httpx.Response(401, json={"error": "expired"})
        return self.logs(request)

    def logs(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError


class GraphApi(MicrosoftApi):
    """`$filter` bounds when they happened; `@odata.nextLink` leads on."""

    path: str
    property: str

    def logs(self, request: httpx.Request) -> httpx.Response:
        given = asked(request)
        assert request.url.path == self.path
        if "$skiptoken" in given:
            state = self.opened(given["$skiptoken"])
            if state is None:
                return httpx.Response(400, json={"error": {"code": "Request_UnsupportedQuery"}})
            low, high, last = state
        else:
            words = given["$filter"].split()
            assert (words[0], words[1], words[4], words[5]) == (self.property, "ge", self.property, "le")
            low, high, last = moment(words[2]), moment(words[6]), None
        page, following = self.after(
            [each for each in self.world.shown() if low <= each.at <= high], last, newest_first=True
        )
        answer: dict[str, Any] = {"value": self.told(page)}
        if following is not None:
            base = f"{request.url.scheme}://{request.url.host}{request.url.path}"
            answer["@odata.nextLink"] = f"{base}?$skiptoken={self.token((low, high, following))}"
        return httpx.Response(200, json=answer)


class SignInsApi(GraphApi):
    name, sample = "entra_signins", "entra_signin"
    path, property = "/v1.0/auditLogs/signIns", "createdDateTime"

    def event(self, happened: Happened) -> dict[str, Any]:
        return {**self.pattern, "id": f"i{happened.number}", "createdDateTime": iso(happened.at, 0)}


class AuditsApi(GraphApi):
    name, sample = "entra_audits", "entra_audit"
    path, property = "/v1.0/auditLogs/directoryAudits", "activityDateTime"

    def event(self, happened: Happened) -> dict[str, Any]:
        properties = self.pattern.get("properties", self.pattern)
        return {**properties, "id": f"a{happened.number}", "activityDateTime": iso(happened.at, 7)}


class Office365Api(MicrosoftApi):
    """Content of a type, listed by when it became available; each has some events."""

    name, sample = "office365", "microsoft365"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.begun: set[str] = set()
        blobs: dict[tuple[str, int], list[Happened]] = {}
        kinds = ("Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General", "DLP.All")
        for event in world.events:
            blobs.setdefault((kinds[event.number % 4], event.shown // (5 * MINUTE) + 1), []).append(event)
        self.blobs = {
            f"b{number}": (kind, five * 5 * MINUTE, found)
            for number, ((kind, five), found) in enumerate(
                sorted(blobs.items(), key=lambda item: (item[0][1], item[0][0]))
            )
        }

    def event(self, happened: Happened) -> dict[str, Any]:
        return {**self.pattern, "Id": f"o{happened.number}", "CreationTime": iso(happened.at, 0).removesuffix("Z")}

    def logs(self, request: httpx.Request) -> httpx.Response:
        given, feed = asked(request), "/api/v1.0/directory/activity/feed"
        base = f"{request.url.scheme}://{request.url.host}{feed}"
        path = request.url.path.removeprefix(feed)
        if path == "/subscriptions/start":
            if given["contentType"] in self.begun:
                return httpx.Response(
                    400, json={"error": {"code": "AF20024", "message": "The subscription is already enabled."}}
                )
            self.begun.add(given["contentType"])
            return httpx.Response(200, json={"contentType": given["contentType"], "status": "enabled"})
        if path.startswith("/audit/"):
            kind, _, found = self.blobs[path.removeprefix("/audit/")]
            return httpx.Response(200, json=self.told(found))
        if "nextPage" in given:
            state = self.opened(given["nextPage"])
            if state is None:
                return httpx.Response(400, json={"error": {"code": "AF20031", "message": "Invalid nextPage Input."}})
            kind, low, high, skip = state
        else:
            kind, low, high, skip = given["contentType"], moment(given["startTime"]), moment(given["endTime"]), 0
            assert high - low <= 24 * 60 * MINUTE + 1_000
            assert kind in self.begun
        there = [
            (name, made)
            for name, (of, made, _) in self.blobs.items()
            if of == kind and low <= made < high and made <= self.world.theirs
        ]
        page = there[skip : skip + 2]
        headers = {}
        if len(there) > skip + 2:
            headers = {
                "NextPageUri": f"{base}/subscriptions/content?nextPage={self.token((kind, low, high, skip + 2))}"
            }
        listed = [
            {"contentUri": f"{base}/audit/{name}", "contentId": name, "contentType": kind, "contentCreated": iso(made)}
            for name, made in page
        ]
        return httpx.Response(200, headers=headers, json=listed)


class GoogleApi(Vendor):
    """Newest first, an application at a time."""

    name, sample = "google_workspace", "google_workspace"

    def event(self, happened: Happened) -> dict[str, Any]:
        application = ("admin", "login")[happened.number % 2]
        return {
            **self.pattern,
            "id": {
                **self.pattern["id"],
                "time": iso(happened.at),
                "uniqueQualifier": str(happened.number),
                "applicationName": application,
            },
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            assert parse_qs(request.content.decode())["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            return httpx.Response(200, json={"access_token": "at", "expires_in": 3_600})
        given = asked(request)
        application = request.url.path.rpartition("/")[2]
        last = None
        if "pageToken" in given:
            last = self.opened(given["pageToken"])
            if last is None:
                return httpx.Response(400, json={"error": {"message": "Invalid page token"}})
        low, high = moment(given["startTime"]), moment(given["endTime"])
        there = [
            each
            for each in self.world.shown()
            if low <= each.at <= high and ("admin", "login")[each.number % 2] == application
        ]
        page, following = self.after(there, last, newest_first=True)
        answer: dict[str, Any] = {"kind": "admin#reports#activities", "items": self.told(page)}
        if not page:
            del answer["items"]
        if following is not None:
            answer["nextPageToken"] = self.token(following)
        return httpx.Response(200, json=answer)


class MdcaApi(Vendor):
    """A scan, as the published script walks it."""

    name, sample = "mdca", "mdca"

    def event(self, happened: Happened) -> dict[str, Any]:
        return {
            **self.pattern,
            "_id": f"m{happened.number}",
            "uid": f"m{happened.number}",
            "timestamp": happened.at,
            "created": happened.shown,
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Token secret"
        body = json.loads(request.content)
        assert body["isScan"] is True
        created, date = body["filters"]["created"], body["filters"].get("date", {"gte": 0})
        found = [
            each
            for each in self.world.shown()
            if created["gte"] <= each.shown <= created["lte"] and each.at >= date["gte"]
        ]
        times = sorted({each.at for each in found})
        size = max(1, sum(len([each for each in found if each.at <= time]) <= self.page for time in times))
        page = [each for each in found if each.at in times[:size]]  # Whole milliseconds.
        answer: dict[str, Any] = {"data": self.told(page), "hasNext": len(page) < len(found)}
        if answer["hasNext"]:
            answer["nextQueryFilters"] = {**body["filters"], "date": {"gte": times[size]}}
        return httpx.Response(200, json=answer)


VENDORS: Mapping[str, type[Vendor]] = {
    each.name: each for each in (OktaApi, GitHubApi, SlackApi, SignInsApi, AuditsApi, Office365Api, GoogleApi, MdcaApi)
}


def numbers(vendor: Vendor) -> Iterator[int]:
    return (event.number for event in vendor.world.events)
