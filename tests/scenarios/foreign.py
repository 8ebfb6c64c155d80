"""What of a file can be asked of a server that somebody else runs, and what can be expected of its answers there.

Nothing is stored on a server that is not ours and no token made, so the records of a file's seed are not there, nor are the
settings it asks for. A request is asked if it only reads; its answer must then have the documented shape, order and size, and
errors their status and words. Feedback is given only where that is allowed, for it cannot be taken back.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from scenarios.answer import ERROR
from scenarios.runner import HOLE
from scenarios.scenario import FORM, LIST, Scenario, Step, seeded

_MAX_PAGES = 3
_PAGE, _MAX_PAGE, _MIN_SCAN, _MAX_SCAN = 100, 250, 500, 5_000
_WORDS = ("status", "detail", "detail_contains", "detail_matches", "headers", "absent_headers")
_FILLED = re.compile(r"text:\d+|list:\d+|object:\d+|now(-\d+d)?|host|key:default")
_PATH = re.compile(r"(?:/cas)?/api/v1/activities(?:/(?P<pk>[^/]+)(?P<feedback>/feedback)?)?/?")
_READS = {
    ("GET", "list"),
    ("POST", "list"),
    ("GET", "count"),
    ("POST", "count"),
    ("GET", "metadata"),
    ("GET", "fetch"),
}


@dataclass(frozen=True)
class Plan:
    """A file as it can be played: what is left of it, and by step why the rest is not asked, one reason a request."""

    scenario: Scenario
    unasked: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Guest:
    """Who asks: an activity that is there, to fetch, and whether feedback may be given on it."""

    activity: str | None
    feedback: bool = False


def as_owner(scenario: Scenario) -> Plan:
    """All of it, unless it needs a server of its own."""
    reason = _needs_a_server(scenario)
    if not reason:
        return Plan(scenario, {})
    return Plan(replace(scenario, steps=()), {step.name: [reason] for step in scenario.steps})


def as_guest(scenario: Scenario, guest: Guest) -> Plan:
    """What reads and needs nothing that is not there, with what can be expected of any answer."""
    if _needs_a_server(scenario):
        return as_owner(scenario)
    steps: list[Step] = []
    unasked: dict[str, list[str]] = {}
    known = {each["_id"] for each in seeded(scenario.seed)}
    for step in scenario.steps:
        asked = list(step.asked())
        reasons = [_unaskable(step, request, expected, known, guest) for request, expected in asked]
        left = [pair for pair, reason in zip(asked, reasons, strict=True) if not reason]
        if any(reasons):
            unasked[step.name] = [reason for reason in reasons if reason]
        if left:
            steps.append(_weaker(step, left, guest))
    return Plan(replace(scenario, steps=steps, seed=()), unasked)


def parameters(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a request of a file asks, the body over the query string; None where that cannot be told."""
    target, said = _target(request), _body(request)
    if said is None:
        return None
    found = {**dict(parse_qsl(target[1].partition("?")[2])), **(request.get("query") or {}), **said}
    return {**found, "filters": request["filters"]} if "filters" in request else found


def _needs_a_server(scenario: Scenario) -> str:
    if scenario.store != "open":
        return "needs a server whose disk fails"
    return f"needs a server with the settings {', '.join(scenario.settings)}" if scenario.settings else ""


def _unaskable(
    step: Step, request: Mapping[str, Any], expected: Mapping[str, Any], known: set[str], guest: Guest
) -> str:
    """Why a request is not asked, or nothing."""
    route, activity = _route(request)
    found = expected.get("status", 200) < ERROR
    reasons = {
        "Casbah differs from MDCA here on purpose": step.unlike is not None,
        "needs records of its own": bool(step.halves)
        or (route in ("fetch", "feedback") and found and activity not in known),
        "needs a token of its own": request.get("token", "default") not in ("default", "none", "bad")
        or _holes(request),
        "is no request of MDCA's API, or might write": (_target(request)[0], route)
        not in {*_READS, ("POST", "feedback")},
        "would write; --feedback allows it": route == "feedback" and not guest.feedback,
        "there is no activity to ask for": route in ("fetch", "feedback") and found and guest.activity is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _holes(request: Mapping[str, Any]) -> bool:
    """Whether something is to be filled in that only a server of our own has."""
    return any(not _FILLED.fullmatch(name) for name in HOLE.findall(json.dumps(request)))


def _weaker(step: Step, asked: Sequence[tuple[dict[str, Any], dict[str, Any]]], guest: Guest) -> Step:
    rows = [_row(step, request, expected, guest) for request, expected in asked]
    walk = None
    if step.walk is not None:
        page = _page(parameters(asked[0][0]))
        walk = {
            "how": step.walk["how"],
            "most": _MAX_PAGES,
            "page": page,
            **({"each_once": True} if page["scan"] else {}),
        }
    return replace(step, request={}, answer={}, rows=rows, every=(), walk=walk, save={}, times=1)


def _row(step: Step, request: Mapping[str, Any], expected: Mapping[str, Any], guest: Guest) -> dict[str, Any]:
    """A request, and what can be expected of its answer. Of an error whose words are our own, its status."""
    route, activity = _route(request)
    if expected.get("status", 200) >= ERROR:
        words = _WORDS if step.marks != ("O",) else ("status",)
        return {"request": request, **{name: expected[name] for name in words if name in expected}}
    if activity and route in ("fetch", "feedback"):
        path = request["path"].replace(activity, quote(guest.activity or "", safe=""), 1)
        return {"request": {**request, "path": path}, "json": _ANSWERS[route](guest.activity)}
    if route == "list":
        return {"request": request, "page": _page(parameters(request))}
    return {"request": request, "json": _ANSWERS[route](None)}


def _page(asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a page must be like; without a limit where it cannot be told what was asked for."""
    found = asked or {}
    scan = str(found.get("isScan")).lower() == "true"
    limit = int(float(found.get("limit") or 0))
    clamped = max(_MIN_SCAN, min(limit, _MAX_SCAN)) if scan else min(limit, _MAX_PAGE) or _PAGE
    return {
        "scan": scan,
        "limit": None if asked is None else clamped,
        "sort": str(found.get("sortField") or "date").lower(),
        "descending": str(found.get("sortDirection") or "desc").lower() == "desc",
    }


def _route(request: Mapping[str, Any]) -> tuple[str, str]:
    """Which of MDCA's routes a request takes, and the activity in its path."""
    found = _PATH.fullmatch(_target(request)[1].partition("?")[0])
    if not found:
        return "", ""
    pk, feedback = found["pk"], found["feedback"]
    if pk is None:
        return "list", ""
    if pk in ("count", "metadata"):
        return (pk, "") if not feedback else ("", "")
    return "feedback" if feedback else "fetch", unquote(pk)


def _target(request: Mapping[str, Any]) -> tuple[str, str]:
    """Method and path."""
    if "raw" in request:
        method, path, _ = request["raw"].split(" ", 2)
        return method, path
    return request.get("method", "POST"), request.get("path", LIST)


def _body(request: Mapping[str, Any]) -> dict[str, Any] | None:
    for kind in ("json", "form", "multipart"):
        if kind in request:
            return dict(request[kind])
    text = _text(request).strip("\ufeff \r\n\t")
    label = str(request.get("headers", {}).get("Content-Type", ""))
    if not text:
        return {}
    if text.startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError:
            return None
    return dict(parse_qsl(text)) if label == FORM else None


def _text(request: Mapping[str, Any]) -> str:
    """The body as text; that of bytes for the socket without the lengths of its pieces."""
    if "raw" not in request:
        return str(request.get("body", ""))
    head, _, body = request["raw"].partition("\n\n")
    return "".join(_pieces(body)) if "chunked" in head else body


def _pieces(body: str) -> Iterator[str]:
    yield from body.split("\r\n")[1::2]


_ANSWERS = {
    "count": lambda _: {"total": "<int>"},
    "metadata": lambda _: {"filters": "<any>"},
    "fetch": lambda activity: {"_id": activity},
    "feedback": lambda activity: {"data": [{"_id": activity}], "hasNext": False, "total": "<int>"},
}
