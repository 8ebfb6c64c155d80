"""The query set: a row a shape, in the order of the report. All filters that MDCA has occur.

A shape asks for values that occur in the data, other ones each time (VARIANTS of them), so that no cache of results decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.bench.sample import Sample

VARIANTS = 8
_HOUR, _DAY = 3_600_000, 86_400_000
Filters = Callable[[Sample, int], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of question. `filters` says what is asked the n-th time, as JSON of the wire."""

    name: str
    filters: Filters
    sort: str = "date"
    direction: str = "desc"
    skip: int = 0
    limit: int = 100

    def bodies(self, sample: Sample, count: int) -> list[dict[str, Any]]:
        """The requests of this shape; a skip past the end of the data stops short of it."""
        skip = min(self.skip, count * 9 // 10)
        fixed = {"sortField": self.sort, "sortDirection": self.direction, "skip": skip, "limit": self.limit}
        found = [{"filters": dict(self.filters(sample, n)), **fixed} for n in range(VARIANTS)]
        return found if any(body["filters"] for body in found) else found[:1]


def _eq(filter_name: str, field: str, operator: str = "eq", size: int = 1) -> Filters:
    """A filter with values of a field."""

    def filters(sample: Sample, n: int) -> Mapping[str, Any]:
        return {filter_name: {operator: [sample.value(field, n * size + each) for each in range(size)]}}

    return filters


def _set(filter_name: str, operator: str = "isset") -> Filters:
    return lambda _, n: {filter_name: {operator: n % 2 == 0}}


def _newest(days: float, **filters: Any) -> Filters:
    return lambda s, n: {"date": {"gte": s.until - int(days * _DAY) + n * 60_000}, **filters}


def _around(span: int) -> Filters:
    return lambda s, n: {"date": {"range": {"start": s.moment(n) - span // 2, "end": s.moment(n) + span // 2}}}


def _none(_: Sample, __: int) -> Mapping[str, Any]:
    return {}


def _app_country_days(s: Sample, n: int) -> Mapping[str, Any]:
    app, country = s.of_record(n, "service", "country")
    return {"service": {"eq": app}, "location.country": {"eq": country}, "date": {"gte": s.until - 30 * _DAY}}


def _selective(s: Sample, n: int) -> Mapping[str, Any]:
    user, kind = s.of_record(n, "user_name", "event_type")
    return {"user.username": {"eq": user}, "activity.eventActionType": {"eq": kind}, "text": {"text": "contoso"}}


def _broad(s: Sample, n: int) -> Mapping[str, Any]:
    return {
        "location.country": {"neq": s.value("country", n)},
        "activity.type": {"eq": False},
        "ip.category": {"neq": [3]},
        "date": {"gte": s.until - 180 * _DAY},
    }


def _entity(s: Sample, n: int) -> Mapping[str, Any]:
    object_ = s.reading(n, "entity").main["eventObjects"][-1]
    return {"entity": {"eq": {"id": object_["id"]}}}


def _network(s: Sample, n: int) -> str:
    return f"{s.address(n).rpartition('.')[0]}.0/{(24, 28)[n % 2]}"


# fmt: off
SHAPES = (
    Shape("none, newest 100",        _none),
    Shape("user eq",                 _eq("user.username", "user_name")),
    Shape("user startswith",         lambda s, n: {"user.username": {"startswith": s.value("user_name", n)[:7]}}),
    Shape("user neq",                _eq("user.username", "user_name", "neq")),
    Shape("user domain eq",          _eq("user.domain", "user_domain")),
    Shape("user tag eq",             _eq("user.tags", "user_tag")),
    Shape("user tag, any role",      lambda s, n: {"user.tags": {"eq": [s.value("user_tag", n), {"role": 3}]}}),
    Shape("user tag startswith",     lambda s, n: {"user.tags": {"startswith": s.value("user_tag", n)[:23]}}),
    Shape("org unit isset",          _set("user.orgUnit")),
    Shape("org unit eq",             _eq("user.orgUnit", "org_unit")),
    Shape("entity eq",               _entity),
    Shape("app eq",                  _eq("service", "service")),
    Shape("instance eq",             _eq("instance", "instance")),
    Shape("app + country + 30 days", _app_country_days),
    Shape("country eq",              _eq("location.country", "country")),
    Shape("country neq",             _eq("location.country", "country", "neq")),
    Shape("country, 5 values",       _eq("location.country", "country", size=5)),
    Shape("organization eq",         _eq("location.organizations", "organization")),
    Shape("organization contains",   lambda s, n: {"location.organizations": {"contains": s.value("organization", n)[2:7]}}),
    Shape("policy eq",               _eq("policy", "policy")),
    Shape("policy isset",            _set("policy")),
    Shape("alert eq",                _eq("activity.alertId", "alert_id")),
    Shape("action taken eq",         _eq("activity.takenAction", "taken_action")),
    Shape("action taken null",       lambda s, n: {"activity.takenAction": {"eq": [None, s.value("taken_action", n)]}}),
    Shape("source eq",               _eq("source", "source")),
    Shape("ip eq",                   lambda s, n: {"ip.address": {"eq": s.address(n)}}),
    Shape("ip in network",           lambda s, n: {"ip.address": {"eq": _network(s, n)}}),
    Shape("ip startswith",           lambda s, n: {"ip.address": {"startswith": s.address(n).rpartition(".")[0] + "."}}),
    Shape("ip not in network",       lambda s, n: {"ip.address": {"neq": _network(s, n)}}),
    Shape("ip category neq",         _eq("ip.category", "ip_category", "neq")),
    Shape("ip tag eq",               _eq("ip.tags", "ip_tag")),
    Shape("agent contains",          lambda _, n: {"userAgent.userAgent": {"contains": ("windows", "edg/", "mac os", "python")[n % 4]}}),
    Shape("agent ncontains",         lambda _, n: {"userAgent.userAgent": {"ncontains": ("windows", "edg/", "mac os", "python")[n % 4]}}),
    Shape("agent tag eq",            _eq("userAgent.tags", "agent_tag")),
    Shape("device type eq",          _eq("device.type", "device_type")),
    Shape("device tag eq",           _eq("device.tags", "device_tag")),
    Shape("event type eq",           _eq("activity.eventActionType", "event_type")),
    Shape("action type eq",          _eq("actionType", "action_type")),
    Shape("action type contains",    lambda s, n: {"actionType": {"contains": s.value("action_type", n)[-8:]}}),
    Shape("admin",                   lambda _, n: {"activity.type": {"eq": n % 2 == 0}}),
    Shape("impersonated",            lambda _, n: {"activity.impersonated": {"eq": n % 2 == 0}}),
    Shape("verb eq",                 _eq("verb", "verb")),
    Shape("session eq",              _eq("session", "session")),
    Shape("activity id eq",          _eq("activity.id", "id")),
    Shape("object eq",               _eq("activityObject", "object_id")),
    Shape("object neq",              _eq("activityObject", "object_id", "neq")),
    Shape("file id eq",              _eq("fileId", "file_id")),
    Shape("file selector eq",        _eq("fileSelector", "file_selector", size=3)),
    Shape("file label eq",           _eq("fileLabels", "file_label")),
    Shape("url startswith",          lambda s, n: {"office365url": {"startswith": s.value("url", n)[:60]}}),
    Shape("url endswith",            lambda _, n: {"office365url": {"endswith": (".pdf", ".xlsx", ".docx", ".pptx")[n % 4]}}),
    Shape("rare word",               lambda s, n: {"text": {"text": s.rare_word(n)}}),
    Shape("common word",             lambda s, n: {"text": {"text": s.common_word(n)}}),
    Shape("two words",               lambda s, n: {"text": {"text": f"{s.middling_word(n)} {s.common_word(n)}"}}),
    Shape("phrase",                  lambda s, n: {"text": {"eq": " ".join(s.phrase(n, 3))}}),
    Shape("phrase prefix",           lambda s, n: {"text": {"startswithsingle": " ".join(s.phrase(n, 3))[:-1]}}),
    Shape("1 hour",                  _around(_HOUR)),
    Shape("1 day",                   _around(_DAY)),
    Shape("newest 30 days",          _newest(30)),
    Shape("half a year",             _newest(180)),
    Shape("created, newest first",   _none,                     sort="created"),
    Shape("created, 1 day",          lambda s, n: {"created": {"range": {"start": s.moment(n), "end": s.moment(n) + _DAY}}}, sort="created"),
    Shape("oldest first",            _newest(180),              direction="asc"),
    Shape("skip 1,000",              _none,                     skip=1_000),
    Shape("skip 10,000",             _none,                     skip=10_000),
    Shape("page 10,000",             _none,                     skip=999_900),
    Shape("country neq, skip 10,000", _eq("location.country", "country", "neq"), skip=10_000),
    Shape("selective mixture",       _selective),
    Shape("broad mixture",           _broad),
)
# fmt: on
