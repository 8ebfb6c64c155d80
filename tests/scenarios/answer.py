"""What an answer must be: the checks that a file may ask for by name, and those that every answer must pass."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ERROR = 400
UNUSABLE = 422
_INGESTED = {"stored", "duplicates", "refused"}
_KEYS = {"date": "timestamp", "created": "created"}


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

    @property
    def detail(self) -> Any:
        try:
            return self.json["detail"]
        except (ValueError, KeyError, TypeError):
            return None


def problems(answer: Answer, expected: Mapping[str, Any], filled: Callable[[Any], Any]) -> Iterator[str]:
    """What is not as expected; `filled` fills in what a file leaves to be filled in."""
    for name in expected.keys() - CHECKS.keys() - {"status"}:
        raise ValueError(f"an answer has no {name!r}")
    if answer.status != expected.get("status", 200):
        yield f"status: expected {expected.get('status', 200)}, got {answer.status}"
        return
    instead = {"shape": "page", "error": "form_error"}
    always = {name: check for name, check in _ALWAYS.items() if instead[name] not in expected}
    for name, check in {**always, **{name: CHECKS[name] for name in expected if name in CHECKS}}.items():
        try:
            found = check(answer, filled(expected.get(name)))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            found = f"cannot be read: {error!r}"
        if found:
            yield f"{name}: {found}"


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


def at(value: Any, path: str) -> Any:
    for part in path.split("/") if path else ():
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _has(value: Any, path: str) -> bool:
    try:
        at(value, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _error_shape(answer: Answer, _: Any) -> str:
    """Every error is JSON and says its detail and nothing else (docs/compatibility.md, 7); ingest of which nothing could be used has its
    usual answer (A6).
    """
    if answer.status < ERROR or (answer.status == UNUSABLE and _is_json(answer) and set(answer.json) == _INGESTED):
        return ""
    plain = _is_json(answer) and list(answer.json) == ["detail"] and isinstance(answer.detail, str)
    return "" if plain and "Traceback" not in answer.detail else "not of the one shape"


def _list_shape(answer: Answer, _: Any) -> str:
    """A page has all three keys, of which that of changes has a cursor for the total; what says there is more is never empty (docs/compatibility.md, 4)."""
    page = answer.json if _is_json(answer) else None
    if not isinstance(page, dict) or "data" not in page:
        return ""
    whole = type(page.get("total")) is int or isinstance(page.get("cursor"), str)
    if not (isinstance(page["data"], list) and type(page.get("hasNext")) is bool and whole):
        return "a page lacks data, hasNext, or its total or cursor"
    if page["hasNext"] and not page["data"]:
        return "an empty page says that there is more"
    return ""


def _is_json(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0] == "application/json"


def _documented_page(answer: Answer, wanted: Any) -> str:
    """A page of data that nobody here knows: shape, order and size (docs/compatibility.md, 4 and 5), in place of the shape alone.

    `wanted` is how it was asked for: scan, limit (None: it cannot be told), sort and descending. Of a scan no total is
    documented.
    """
    page = answer.json
    data, more, total = page["data"], page["hasNext"] is True, page.get("total", len(page["data"]) + 1)
    keys = [each[_KEYS[wanted["sort"]]] for each in data]
    limit = len(data) if wanted["limit"] is None else wanted["limit"]
    crowded = wanted["scan"] and len(set(keys)) == 1
    wrong = {
        "data is not a list of objects": not all(isinstance(each, dict) for each in data),
        "hasNext is not a boolean": type(page["hasNext"]) is not bool,
        "total is not an integer": type(total) is not int or ("total" not in page and not wanted["scan"]),
        "an empty page says that there is more": more and not data,
        "a page before the last is not full": more and not wanted["scan"] and len(data) != limit,
        f"more than {limit} records": len(data) > limit and not crowded,
        "the total is less than the page": total < len(data) + more,
        "not in the order asked for": keys != sorted(keys, reverse=wanted["descending"]),
        "nextQueryFilters where nothing is to come": "nextQueryFilters" in page and not (wanted["scan"] and more),
        "no nextQueryFilters in a scan that goes on": wanted["scan"] and more and "nextQueryFilters" not in page,
    }
    return "; ".join(problem for problem, holds in wrong.items() if holds)


def _form_error(answer: Answer, field: str) -> str:
    """A 400 in MDCA's shape, in place of the one shape that errors have (docs/mimic.md)."""
    body = dict(answer.json)
    ends, errors = body.pop("error"), body.pop(field)
    plain = [set(each) == {"error", "errorMessageCode"} and each["errorMessageCode"].startswith("CONSOLE_FORMS_") for each in errors]  # fmt: skip
    return "" if ends is True and plain and all(plain) and not body else "not MDCA's shape of a 400"


def _same(read: Callable[[Answer], Any]) -> Callable[[Answer, Any], str]:
    def check(answer: Answer, wanted: Any) -> str:
        return "; ".join(differences(wanted, read(answer)))

    return check


def _lacking(read: Callable[[Answer], str]) -> Callable[[Answer, Any], str]:
    def check(answer: Answer, wanted: Any) -> str:
        return "; ".join(f"lacks {each!r}" for each in wanted if each not in read(answer))

    return check


_KINDS: dict[str, Callable[[Any], bool]] = {
    "<int>": lambda found: type(found) is int,
    "<digits>": lambda found: isinstance(found, str) and found.isascii() and found.isdigit(),
    "<string>": lambda found: isinstance(found, str) and found != "",
    "<key>": lambda found: isinstance(found, str) and bool(re.fullmatch(r"[0-9a-zA-Z=]{64,192}", found)),
    "<any>": lambda _: True,
}
_ALWAYS = {"error": _error_shape, "shape": _list_shape}
CHECKS: dict[str, Callable[[Answer, Any], str]] = {
    "json": _same(lambda answer: answer.json),
    "headers": lambda answer, wanted: "; ".join(differences({k.lower(): v for k, v in wanted.items()}, answer.headers)),
    "ids": _same(lambda answer: answer.ids),
    "any_order": lambda answer, wanted: "; ".join(differences(sorted(wanted), sorted(answer.ids))),
    "count": _same(lambda answer: len(answer.json["data"])),
    "total": _same(lambda answer: answer.json["total"]),
    "has_next": _same(lambda answer: answer.json["hasNext"]),
    "page": _documented_page,
    "form_error": _form_error,
    "detail": _same(lambda answer: answer.detail),
    "detail_contains": _lacking(lambda answer: answer.detail or ""),
    "detail_matches": lambda answer, wanted: (
        "" if re.fullmatch(wanted, answer.detail or "") else f"is not like {wanted!r}"
    ),
    "absent": lambda answer, wanted: "; ".join(f"{path} is there" for path in wanted if _has(answer.json, path)),
    "absent_headers": lambda answer, wanted: "; ".join(
        f"{name} is there" for name in wanted if name.lower() in answer.headers
    ),
    "body": _same(lambda answer: answer.body.decode()),
    "contains": _lacking(lambda answer: answer.body.decode()),
}
