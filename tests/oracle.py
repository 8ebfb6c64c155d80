"""Which requests are refused and which records match, read off the specification in plain Python.

It shares no code with the product: it is the second opinion that the product must agree with. The rules
of docs/compatibility.md, section 6, and of docs/filters.md are written down one by one, for plainness and not for speed.

    matches(filters, record, now_ms)   filters: a dict, or parse(filters) once; record: a dict, or values_of(record) once
    check(filters)                     raises Refused where the answer must be 400
"""

import ipaddress
import re
import unicodedata
from typing import Any, NamedTuple

DAY = 86_400_000
LONGEST_VALUE = 8_000  # characters of a record's value that a filter sees
LONGEST_ASKED = 4_096  # characters of a value in a request
LONGEST_WORD = 256
MAX_VALUES = 1_000
MAX_FILTERS = 64

_SET = ("isset", "isnotset")
_EQUAL = ("eq", "neq", "deq", *_SET)
_ORDER = ("gt", "gte", "lt", "lte", "range")
_START = ("startswith", "doesnotstartwith")
_TEXT = (*_EQUAL, "contains", "ncontains", *_START, "endswith", "startswithsingle")
_PATH = (*_TEXT, "descendantof", "ndescendantof")

OPERATORS_BY_KIND: dict[str, tuple[str, ...]] = {
    "int": (*_EQUAL, *_ORDER),
    "bool": _EQUAL,
    "enumeration": _EQUAL,
    "source": _EQUAL,
    "id": (*_EQUAL, *_START),
    "text": _TEXT,
    "path": _PATH,
    "url": _PATH,
    "ip": _TEXT,
    "ms": ("eq", "neq", *_ORDER, "gte_ndays", "lte_ndays", *_SET),
    "words": ("text", "eq", "startswithsingle"),
    "entity": ("eq", "neq", *_SET, *_START),
}

OPERATORS = tuple(dict.fromkeys(operator for row in OPERATORS_BY_KIND.values() for operator in row))

# In the order of the mission's table: the kind, and the operators which that table documents (none for a filter of ours).
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "service": ("int", ("eq", "neq")),
    "instance": ("int", ("eq", "neq")),
    "user.orgUnit": ("path", ("eq", "neq", "isset", "isnotset")),
    "activity.eventActionType": ("text", ("eq", "neq")),
    "activity.id": ("id", ("eq",)),
    "activity.impersonated": ("bool", ("eq",)),
    "activity.type": ("bool", ("eq",)),
    "activity.takenAction": ("enumeration", ("eq", "neq")),
    "actionType": ("text", ("contains", "eq", "neq", "isset", "isnotset")),
    "device.type": ("enumeration", ("eq", "neq")),
    "device.tags": ("id", ("eq", "neq")),
    "userAgent.userAgent": ("text", ("contains", "ncontains")),
    "userAgent.tags": ("id", ("eq", "neq")),
    "location.country": ("text", ("eq", "neq", "isset", "isnotset")),
    "location.organizations": ("path", ("eq", "neq", "isset", "isnotset", "contains")),
    "ip.address": ("ip", ("eq", "startswith", "doesnotstartwith", "isset", "isnotset", "neq")),
    "fileSelector": ("text", ("eq", "neq")),
    "office365url": ("url", ("startswith", "eq", "endswith")),
    "fileId": ("id", ("eq",)),
    "ip.category": ("int", ("eq", "neq")),
    "ip.tags": ("id", ("eq", "neq")),
    "text": ("words", ("eq", "startswithsingle", "text")),
    "date": ("ms", ("lte", "gte", "range", "lte_ndays", "gte_ndays")),
    "policy": ("id", ("eq", "neq", "isset", "isnotset")),
    "source": ("source", ("eq", "neq")),
    "activity.alertId": ("id", ("eq",)),
    "activityObject": ("id", ("eq", "neq")),
    "fileLabels": ("id", ("eq", "neq")),
    "created": ("ms", ("lte", "gte", "range", "gt", "lt", "eq")),
    "entity": ("entity", ("eq", "neq", "isset", "isnotset", "startswith")),
    "user.username": ("text", ("eq", "neq", "isset", "isnotset", "startswith")),
    "user.tags": ("id", ("eq", "neq", "isset", "isnotset", "startswith")),
    "user.domain": ("text", ("eq", "neq", "isset", "isnotset")),
    # Ours.
    "session": ("id", ()),
    "verb": ("enumeration", ()),
}

ALIASES = {"activity.eventType": "activity.eventActionType", "activity.actionType": "actionType"}

OPPOSITES = {
    "neq": "eq",
    "ncontains": "contains",
    "doesnotstartwith": "startswith",
    "ndescendantof": "descendantof",
    "isnotset": "isset",
}


class Refused(Exception):  # noqa: N818  the request is refused with 400, which is an answer and not an error of ours
    """This request must be answered with 400."""


class Condition(NamedTuple):
    """One operator of one filter: `field` is the key of what `values_of` returns."""

    field: str
    kind: str
    operator: str
    given: list


class Values(dict):
    """What each filter reads in one record, as it is compared."""


class Question(list):
    """The conditions of one request, which all must hold."""


def check(filters: Any) -> None:
    parse(filters)


def matches(filters: Any, record: dict, now_ms: int) -> bool:
    question = filters if isinstance(filters, Question) else parse(filters)
    values = record if isinstance(record, Values) else values_of(record)
    return all(holds(condition, values, now_ms) for condition in question)


# --- Meaning ---------------------------------------------------------------------------------------------------------


def holds(condition: Condition, values: Values, now_ms: int) -> bool:
    field, kind, operator, given = condition
    had = values[field]
    if operator in OPPOSITES:
        return not holds(condition._replace(operator=OPPOSITES[operator]), values, now_ms)
    if operator == "isset":
        return any(bool(had) is asked for asked in given)
    if operator == "deq":
        return any(not any(_same(kind, value, asked) for asked in given) for value in had)
    if operator == "eq":
        none_asked = any(asked is None for asked in given)
        return (none_asked and not had) or any(_same(kind, value, asked) for asked in given for value in had)
    if field == "actionType":  # A text without a colon is compared with the operation's own name only.
        return any(
            _alike(operator, value, asked)
            for asked in given
            for value in (had if ":" in asked else values["operation"])
        )
    return any(_compare(kind, operator, value, asked, now_ms) for asked in given for value in had)


def _same(kind: str, value: Any, asked: Any) -> bool:
    match kind:
        case "ip":
            return value in asked  # a network of the other family holds no address of this one
        case "words":
            return asked != [] and f" {' '.join(asked)} " in value
        case "entity" | "source":  # the parts that are not given match any
            return all(want is None or want == part for part, want in zip(value, asked, strict=True))
        case _:
            return value == asked


def _compare(kind: str, operator: str, value: Any, asked: Any, now_ms: int) -> bool:
    match kind, operator:
        case "words", "text":
            return asked != [] and all(any(f" {' '.join(run)} " in string for string in value) for run in asked)
        case "words", "startswithsingle":
            end = " " if asked and is_unspaced(asked[-1][0]) else ""
            return asked != [] and f" {' '.join(asked)}{end}" in value
        case "entity", "startswith":
            return value[0].startswith(asked[0]) and _same(kind, (None, *value[1:]), (None, *asked[1:]))
        case "int" | "ms", _:
            return _ordered(operator, value, asked, now_ms)
        case "ip", _:
            return _alike(operator, str(value), asked)
        case _:
            return _alike(operator, value, asked)


def _ordered(operator: str, value: int, asked: Any, now_ms: int) -> bool:
    """`asked` is a bound, except for a range (two bounds, either may lack) and for days (ms before now)."""
    if operator == "range":
        start, end = asked
        return (start is None or value >= start) and (end is None or value <= end)
    bound = now_ms - asked if operator.endswith("_ndays") else asked
    return {
        "gt": value > bound,
        "gte": value >= bound,
        "lt": value < bound,
        "lte": value <= bound,
        "gte_ndays": value >= bound,
        "lte_ndays": value <= bound,
    }[operator]


def _alike(operator: str, value: str, asked: str) -> bool:
    match operator:
        case "contains":
            return asked in value
        case "startswith" | "startswithsingle":
            return value.startswith(asked)
        case "endswith":
            return value.endswith(asked)
        case "descendantof":
            top = asked.rstrip("/")
            return value.rstrip("/") == top or value.startswith(top + "/")
    raise AssertionError(operator)


# --- The request -----------------------------------------------------------------------------------------------------


def parse(filters: Any) -> Question:
    if type(filters) is not dict:
        raise Refused("filters is not an object")
    if len(filters) > MAX_FILTERS:
        raise Refused("too many filters")
    return Question(
        _condition(ALIASES.get(name, name), operator, value)
        for name, operators in filters.items()
        for operator, value in _operators(name, operators).items()
    )


def _operators(name: str, operators: Any) -> dict:
    if ALIASES.get(name, name) not in FILTERS:
        raise Refused(f"no filter {name!r}")
    if type(operators) is not dict:
        raise Refused(f"{name!r} is not an object")
    return operators


def _condition(name: str, operator: str, value: Any) -> Condition:
    kind, documented = FILTERS[name]
    operator = operator.lower()
    if operator not in OPERATORS_BY_KIND[kind] and operator not in documented:
        raise Refused(f"{name!r} does not take {operator!r}")
    given = value if type(value) is list else [value]
    if len(given) > MAX_VALUES:
        raise Refused("too many values")
    field = "text words" if operator == "text" else name
    if name == "user.tags" and operator not in _SET:
        field, given = _modified(given)
    return Condition(field, kind, operator, [_asked(name, kind, operator, one) for one in given])


def _modified(given: list) -> tuple[str, list]:
    """The tags that a modifier such as {"role": 2} turns a `user.tags` condition to, and the values that remain."""
    modifiers = [one for one in given if type(one) is dict]
    if not modifiers:
        return "user.tags", given
    tags = [one for one in given if type(one) is not dict]
    if len(modifiers) > 1 or not tags:
        raise Refused("one modifier at most, and with it at least one value")
    role = modifiers[0].get("role")
    number = 1 if role is None else code(role)
    if number not in (1, 2, 3):
        raise Refused("a role is 1, 2 or 3")
    return {1: "user.tags", 2: "user.tags of objects", 3: "user.tags of either"}[number], tags


def _asked(name: str, kind: str, operator: str, value: Any) -> Any:
    """One value of a request, in the form in which it is compared."""
    if operator in _SET:
        return _boolean(value)
    if operator == "range":
        return _range(value)
    if operator in ("gte_ndays", "lte_ndays"):
        return _days(value)
    if kind == "enumeration":
        return _choice(name, value)
    if kind == "ip":
        return _network(value) if operator in ("eq", "neq", "deq") else text_form(_string(value))
    return runs(_string(value)) if operator == "text" else READERS[kind](value)


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Refused("not a string")
    whole = clean(value)
    if len(whole) > LONGEST_ASKED:
        raise Refused("too long")
    return whole


def _lower(value: Any) -> str:
    return text_form(_string(value))


def _identifier(value: Any) -> str:
    return str(value) if type(value) is int else _string(value)


def _number(value: Any) -> int:
    number = integer(value)
    if number is None:
        raise Refused("not an integer")
    return number


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    word = _lower(value)
    if word not in ("true", "false"):
        raise Refused("neither true nor false")
    return word == "true"


def _choice(name: str, value: Any) -> str | None:
    """A value of an enumeration; None where the request asks for "no value"."""
    assert name in ("device.type", "activity.takenAction", "verb")
    word = None if value is None else _lower(value)
    return None if word == "null" else word


def _range(value: Any) -> tuple[int | None, int | None]:
    if type(value) is not dict or not set(value) <= {"start", "end"}:
        raise Refused("a range has start, end and nothing else")
    start, end = (None if value.get(key) is None else _number(value[key]) for key in ("start", "end"))
    if start is None and end is None:
        raise Refused("a range without an end")
    return start, end


def _days(value: Any) -> int:
    """A number of days, in ms."""
    if type(value) is str and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", _string(value)):
        value = float(value) if "." in value else int(value)
    if type(value) not in (int, float):
        raise Refused("not a number of days")
    try:
        return int(value * DAY)
    except (OverflowError, ValueError):
        raise Refused("not a number of days that is") from None


def _network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a CIDR block; a single address is the smallest block."""
    text, slash, mask = _string(value).partition("/")
    found = literal(text)
    try:
        network = ipaddress.ip_network(f"{found}{slash}{mask}", strict=False)
    except ValueError:
        raise Refused("neither an address nor a network") from None
    if network.version == 6 and network.subnet_of(MAPPED):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _source(value: Any) -> tuple[int | None, str | None]:
    """2, "2", "t:2", "s:stream", or a type and a stream with a comma between: (type, stream)."""
    parts = [f"t:{value}"] if type(value) is int else _string(value).split(",")
    if len(parts) == 1 and re.fullmatch("-?[0-9]+", parts[0]):
        parts = [f"t:{parts[0]}"]
    said = dict(part.split(":", 1) for part in parts if re.fullmatch("t:-?[0-9]+|s:.+", part, re.DOTALL))
    if len(said) != len(parts):
        raise Refused("neither a type nor a stream")
    return (int(said["t"]) if "t" in said else None), said.get("s")


def _entity(value: Any) -> tuple[str, int | None, int | None]:
    """(id, saas, inst)."""
    parts = value if type(value) is dict else {"id": value}
    if not set(parts) <= {"id", "saas", "inst"}:
        raise Refused("an entity has id, saas, inst and nothing else")
    saas, inst = (None if parts.get(key) is None else _number(parts[key]) for key in ("saas", "inst"))
    return _identifier(parts.get("id")), saas, inst


READERS = {
    "int": _number,
    "ms": _number,
    "bool": _boolean,
    "id": _identifier,
    "text": _lower,
    "path": _lower,
    "url": _lower,
    "words": lambda value: words(_string(value)),
    "source": _source,
    "entity": _entity,
}


# --- The record ------------------------------------------------------------------------------------------------------


def values_of(record: dict) -> Values:
    """Every filter's values in this record, as they are compared; a filter without a value has []."""
    objects = [one for one in items(at(record, "mainInfo", "eventObjects")) if type(one) is dict]
    raw = at(record, "rawDataJson")
    tags = ids(items(at(record, "user", "userTags")))
    others = ids(tag for one in objects if code(one.get("role")) not in (2, 4) for tag in items(one.get("tags")))
    files = [one for one in objects if is_file(one)]
    file_ids = [*(one.get("id") for one in files), *list_item(raw)]
    paper = [one for one in objects if is_file(one) or is_folder(one)]
    service = first(integers(at(record, "appId")) + integers(at(record, "saasId")))
    instance = integers(at(record, "instanceId")) + integers(at(record, "resolvedActor", "instanceId")) + [0]
    name = first(_names(record))
    texts = [text for text in strings(record) if text]
    sayings = [words(text) for text in texts]
    return Values(
        {
            "service": service,
            "instance": first(instance),
            "user.orgUnit": lowered([at(record, "user", "orgUnit")]),
            "activity.eventActionType": lowered(
                [at(record, "eventTypeName"), at(record, "mainInfo", "type"), at(record, "eventTypeValue")]
            ),
            "activity.id": ids([at(record, "_id")]),
            "activity.impersonated": [at(record, "isImpersonated") is True],
            "activity.type": [at(record, "isAdminOperation") is True],
            "activity.takenAction": lowered(items(at(record, "takenActions"))),
            "actionType": lowered(_action_types(record, service)),
            "operation": lowered([at(record, "mainInfo", "rawOperationName")]),
            "device.type": lowered([at(record, "userAgent", "deviceType")]),
            "device.tags": ids(items(at(record, "device", "tags"))),
            "userAgent.userAgent": lowered([at(record, "device", "userAgent")]),
            "userAgent.tags": ids(items(at(record, "userAgent", "tags"))),
            "location.country": first(
                lowered([at(record, "location", "countryCode"), at(record, "device", "countryCode")])
            ),
            "location.organizations": lowered([at(record, "location", "organizationSearchable")]),
            "ip.address": addresses([at(record, "device", "clientIP"), *items(at(record, "internals", "otherIPs"))]),
            "fileSelector": [
                *lowered(
                    str(one) if type(one) is int else one for one in [*(one.get("id") for one in paper), *file_ids]
                ),
                *lowered(one.get("name") for one in paper),
            ],
            "office365url": lowered(_urls(raw, objects)),
            "fileId": ids(file_ids),
            "ip.category": integers(at(record, "location", "category")),
            "ip.tags": ids(items(at(record, "location", "ipTags"))),
            "text": [f" {' '.join(saying)} " for saying in sayings],
            "text words": [[f" {' '.join(saying)} " for saying in sayings]],
            "date": integers(at(record, "timestamp")),
            "policy": ids(items(at(record, "policies"))),
            "source": _sources(record),
            "activity.alertId": ids(items(at(record, "alertIds"))),
            "activityObject": ids(one.get("id") for one in objects),
            "fileLabels": ids(label for one in files for label in items(one.get("labels"))),
            "created": integers(at(record, "created")),
            "entity": _entities(record, objects),
            "user.username": lowered(name),
            "user.tags": tags,
            "user.tags of objects": others,
            "user.tags of either": tags + others,
            "user.domain": lowered(one.rpartition("@")[2] for one in name if "@" in one),
            "session": ids(
                one for one in [at(record, "session"), *items(at(record, "sessionIds"))] if type(one) is str
            ),
            "verb": lowered([at(record, "verb")]),
        }
    )


def counted(record: dict) -> dict[str, set]:
    """What is counted of the filters that have several names of one thing: not a list item in its site, nor an event's operation."""
    values, raw = values_of(record), at(record, "rawDataJson")
    in_site = [one for one in list_item(raw) if re.fullmatch(f"{_GUID}[|]{_GUID}", one)]
    event = said([at(record, "eventTypeValue")])
    named = at(record, "eventTypeValue") if event and lowered(event)[0].startswith("event_") else None
    whole = [one for one in _action_types(record, values["service"]) if f":{named}:" in one]
    return {
        "fileId": {*values["fileId"]} - {*ids(in_site)},
        "fileSelector": {*values["fileSelector"]} - {*lowered(in_site)},
        "actionType": {*values["actionType"]} - {*lowered(whole)} | {*values["operation"]},
    }


_GUID = "-".join(f"[0-9a-fA-F]{{{count}}}" for count in (8, 4, 4, 4, 12))


def _names(record: dict) -> list[str]:
    places = (("user", "userName"), ("failedUserData", "userName"), ("resolvedActor", "name"))
    return said(at(record, *place) for place in places)


def _action_types(record: dict, service: list[int]) -> list[str]:
    """The bare operation, and where nothing is missing the same with an app and the event in front."""
    events, operations = said([at(record, "eventTypeValue")]), said([at(record, "mainInfo", "rawOperationName")])
    apps = [*service, *integers(at(record, "srcAppId"))]
    return [
        *operations,
        *(f"{app}:{event}:{operation}" for app in apps for event in events for operation in operations),
    ]


def _urls(raw: Any, objects: list[dict]) -> list[str]:
    parts = said(at(raw, key) for key in ("SiteUrl", "SourceRelativeUrl", "SourceFileName"))
    whole = []
    if len(parts) == 3:
        site, path, name = parts
        folders = path.strip("/").split("/")
        if folders[-1].casefold() == name.casefold():
            del folders[-1]
        whole = ["/".join(one for one in (site.rstrip("/"), "/".join(folders), name) if one)]
    found = said([at(raw, "ObjectId"), at(raw, "SiteUrl"), *(one.get("name") for one in objects)])
    return [one for one in [*found, *whole] if one.lower().startswith(("http://", "https://"))]


def _sources(record: dict) -> list[tuple[int | None, str | None]]:
    """The record's (type, stream), if it has either."""
    kind, stream = integers(at(record, "source")), ids([at(record, "streamId")])
    return [(next(iter(kind), None), next(iter(stream), None))] if kind or stream else []


def _entities(record: dict, objects: list[dict]) -> list[tuple[str, int | None, int | None]]:
    """The (id, saas, inst) of everybody who may be said to have performed the activity."""
    data = at(record, "entityData")
    data = {str(place): one for place, one in enumerate(data)} if type(data) is list else data
    actors = [at(record, "resolvedActor"), at(record, "resolvedActorAccount")]
    actors += [one for one in objects if code(one.get("role")) in (2, 4)]
    found = [(at(one, "id"), at(one, "saasId"), at(one, "instanceId")) for one in actors]
    found += [tuple(at(data, place, "id", part) for part in ("id", "saas", "inst")) for place in ("0", "2")]
    return [(one, integer(saas), integer(inst)) for name, saas, inst in found for one in ids([name])]


def is_file(one: dict) -> bool:
    return code(one.get("objType")) == 3 or _service_says(one, "file")


def is_folder(one: dict) -> bool:
    return code(one.get("objType")) == 4 or _service_says(one, "folder")


def _service_says(one: dict, what: str) -> bool:
    kind = one.get("serviceObjectType")
    return type(kind) is str and what in kind.lower()


def list_item(raw: Any) -> list[str]:
    """What Microsoft 365 calls the file: its own id, and that id with the site's in front."""
    found, sites = said([at(raw, "ListItemUniqueId")]), said([at(raw, "Site")])
    return [*found, *(f"{site}|{item}" for site in sites for item in found)]


# --- JSON, and what counts as a value --------------------------------------------------------------------------------


def at(value: Any, *path: str) -> Any:
    """What stands at the end of this path of objects; None if the path breaks off."""
    for key in path:
        value = value.get(key) if type(value) is dict else None
    return value


def items(value: Any) -> list:
    return value if type(value) is list else []


def first(values: list) -> list:
    return values[:1]


def strings(value: Any) -> list[str]:
    """Every string value anywhere in here, but no key."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if type(one) is str:
            found.append(one)
        elif type(one) is dict:
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
    return found


def clean(text: str) -> str:
    """The text with each half of a character replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def said(values: Any) -> list[str]:
    """Those of the values that are strings and not empty."""
    return [clean(value) for value in values if type(value) is str and value != ""]


def lowered(values: Any) -> list[str]:
    return [text_form(value)[:LONGEST_VALUE] for value in said(values)]


def text_form(text: str) -> str:
    """The form in which texts are compared (amendment A10)."""
    return unicodedata.normalize("NFC", text).lower()


def ids(values: Any) -> list[str]:
    """Strings, and integers as their decimal string."""
    return [one[:LONGEST_VALUE] for one in said(str(value) if type(value) is int else value for value in values)]


def words(text: str) -> list[str]:
    return [word for run in runs(text) for word in run]


def runs(text: str) -> list[list[str]]:
    """The words (amendment A11), the letters of a run of a script without spaces together."""
    found: list[list[str]] = []
    before = ""  # What the last character was: "unspaced", "other", or nothing that a word goes on after.
    for char in unicodedata.normalize("NFKC", clean(text)).lower():
        if char.isalnum():
            now = "unspaced" if is_unspaced(char) else "other"
            if now != before:
                found.append([char])
            elif now == "unspaced":
                found[-1].append(char)
            else:
                found[-1][-1] += char
            before = now
        elif before and unicodedata.category(char) in ("Mn", "Mc"):
            found[-1][-1] += char
        else:
            before = ""
    return [[word[:LONGEST_WORD] for word in run] for run in found]


def is_unspaced(char: str) -> bool:
    """Whether a letter is of a script without spaces, by its name in Unicode."""
    name = unicodedata.name(char, "")
    return char.isalnum() and name.startswith(_UNSPACED) and not name.startswith(_NOT_UNSPACED)


_UNSPACED = (
    "CJK",
    "HIRAGANA",
    "HENTAIGANA",
    "OLD CHINESE",
    "KATAKANA",
    "HANGUL",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "HALFWIDTH KATAKANA",
    "HALFWIDTH HANGUL",
    "IDEOGRAPHIC",
    "KANGXI",
    "HANGZHOU",
    "VERTICAL KANA",
    "MASU",
    "VERTICAL IDEOGRAPHIC",
)
_NOT_UNSPACED = ("CJK STROKE", "IDEOGRAPHIC ANNOTATION", "IDEOGRAPHIC TALLY")


def integer(value: Any) -> int | None:
    """The integer that this is: 7, 7.0 or "7", and no boolean; None outside signed 64 bits."""
    whole = type(value) is float and value.is_integer()
    digits = type(value) is str and len(value) <= LONGEST_ASKED and re.fullmatch("-?[0-9]+", value)
    value = int(value) if whole or digits else value
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def integers(value: Any) -> list[int]:
    number = integer(value)
    return [] if number is None else [number]


def code(value: Any) -> int | None:
    """A role or a type of object: an integer or its decimal string."""
    return None if type(value) is float else integer(value)


MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def literal(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address as written, without port, brackets and scope."""
    framed = re.fullmatch(r"\[([^\[\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+", text)
    try:
        found = ipaddress.ip_address((framed[1] or framed[2] or "") if framed else text)
    except ValueError:
        return None
    return found if found.version == 4 else ipaddress.IPv6Address(int(found))


def addresses(values: list) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = [literal(clean(value)) for value in values if type(value) is str]
    return [getattr(one, "ipv4_mapped", None) or one for one in found if one is not None]
