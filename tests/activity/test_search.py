"""The query language for people: what a search means, what is refused and where, and that a written search is read back."""

import random
from datetime import UTC
from typing import Any

import pytest

import samples
from casbah.activity import matching
from casbah.activity.language import FILTERS
from casbah.activity.query import where
from casbah.activity.record import Reading
from casbah.activity.search.compiled import SearchContext, filters_of_search, grouped_filters_of
from casbah.activity.search.forms import TARGETS
from casbah.activity.search.grouping import has_groups
from casbah.activity.search.moments import zone_named
from casbah.activity.search.printed import conditions
from casbah.activity.simplification import simplified
from casbah.errors import RequestError, SearchError
from samples import NOW


def written(filters, context: SearchContext) -> str:
    return " ".join(text for text, _ in conditions(filters, context))


NAMES = {
    "service": [
        (10980, "Okta"),
        (11161, "Microsoft 365"),
        (15600, "Microsoft OneDrive for Business"),
        (20595, "Okta Workforce"),
    ],
    "ip.category": [(1, "Corporate"), (3, "Risky"), (4, "VPN")],
    "ip.tags": [("0000ca5b0000000000000001", "Office"), ("0000ca5b0000000000000002", "Twice"), ("x", "twice")],
    "location.country": [("de", "Germany"), ("us", "United States")],
    "device.type": [("desktop", "PC"), (None, "No value")],
    "verb": [("download", "Download"), ("sign-in", "Sign in"), ("sign-in-failed", "Sign in failed"), (None, "No verb")],
    "source": [("t:0", "Access control"), ("t:2", "App connector")],
    "activity.eventActionType": [("event_category_login", "Login")],
}


def context(zone: str = "UTC", now: int = NOW) -> SearchContext:
    return SearchContext(now, zone_named(zone) or UTC, lambda name: NAMES.get(name, ()))


# fmt: off
MEANINGS: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("  ", {}),
    ("invoice 2026", {"text": {"text": ["invoice 2026"]}}),
    ("invo*", {"text": {"startswithsingle": ["invo"]}}),
    ('"invoice 2026"', {"text": {"eq": ["invoice 2026"]}}),
    ('"invoice 20"*', {"text": {"startswithsingle": ["invoice 20"]}}),
    (r'"a \"quoted\" \\ text"', {"text": {"eq": ['a "quoted" \\ text']}}),
    ("user:ann@contoso.example", {"user.username": {"eq": ["ann@contoso.example"]}}),
    ("USER:ann", {"user.username": {"eq": ["ann"]}}),
    ("user.username:ann", {"user.username": {"eq": ["ann"]}}),
    ("user:ann,bob", {"user.username": {"eq": ["ann", "bob"]}}),
    ("user:ann*", {"user.username": {"startswith": ["ann"]}}),
    ("user:*@contoso.example", {"user.username": {"endswith": ["@contoso.example"]}}),
    ("user:*ann*", {"user.username": {"contains": ["ann"]}}),
    ('user:"a, b"*', {"user.username": {"startswith": ["a, b"]}}),
    ("user:*", {"user.username": {"isset": [True]}}),
    ('user:"*"', {"user.username": {"eq": ["*"]}}),
    ("user:ann,bob*", {"any": [{"user.username": {"eq": ["ann"]}}, {"user.username": {"startswith": ["bob"]}}]}),
    ("-user:ann,bob", {"user.username": {"neq": ["ann", "bob"]}}),
    ("-user:*ann*", {"user.username": {"ncontains": ["ann"]}}),
    ("-user:*ann", {"not": {"user.username": {"endswith": ["ann"]}}}),
    ("-user:*", {"user.username": {"isnotset": [True]}}),
    ("user:<>ann", {"user.username": {"deq": ["ann"]}}),
    ("user:a* user:*b", {"user.username": {"startswith": ["a"], "endswith": ["b"]}}),
    ("user:a* user:b*", {"user.username": {"startswith": ["a"]}, "all": [{"user.username": {"startswith": ["b"]}}]}),
    ("user:ann OR user:bob", {"user.username": {"eq": ["ann", "bob"]}}),
    ("user:ann OR ip:10.0.0.1", {"any": [{"user.username": {"eq": ["ann"]}}, {"ip.address": {"eq": ["10.0.0.1"]}}]}),
    ("a AND b", {"text": {"text": ["a b"]}}),
    ("a (b OR c) d", {"text": {"text": ["a d"]}, "all": [{"text": {"text": ["b", "c"]}}]}),
    ('-"invoice"', {"not": {"text": {"eq": ["invoice"]}}}),
    ("-(user:ann ip:10.0.0.1)", {"not": {"user.username": {"eq": ["ann"]}, "ip.address": {"eq": ["10.0.0.1"]}}}),
    ("file:report(1).pdf", {"fileSelector": {"eq": ["report(1).pdf"]}}),
    ("(file:report(1).pdf)", {"fileSelector": {"eq": ["report(1).pdf"]}}),
    ("ip:10.0.0.0/8,2001:db8::1", {"ip.address": {"eq": ["10.0.0.0/8", "2001:db8::1"]}}),
    ("url:https://x.example/a/**", {"office365url": {"descendantof": ["https://x.example/a"]}}),
    ("app:okta", {"service": {"eq": [10980]}}),
    ("app:onedrive", {"service": {"eq": [15600]}}),
    ("app:10980,99", {"service": {"eq": [10980, 99]}}),
    ("app:micro*", {"service": {"eq": [11161, 15600]}}),
    ("app:=10980", {"service": {"eq": [10980]}}),
    ("country:germany,US", {"location.country": {"eq": ["de", "US"]}}),
    ("country:=germany", {"location.country": {"eq": ["germany"]}}),
    ("country:u*", {"location.country": {"startswith": ["u"]}}),
    ("country:*man*", {"location.country": {"eq": ["de"]}}),
    ("country:*e*", {"any": [{"location.country": {"contains": ["e"]}}, {"location.country": {"eq": ["us"]}}]}),
    ("country:u*,ger*", {"any": [{"location.country": {"startswith": ["u"]}}, {"location.country": {"eq": ["de"]}}]}),
    ("-country:*e*", {"not": {"any": [{"location.country": {"contains": ["e"]}}, {"location.country": {"eq": ["us"]}}]}}),
    ("country:=*e*", {"location.country": {"contains": ["e"]}}),
    ('country:""*', {"location.country": {"startswith": [""]}}),
    ("country:=*man*", {"location.country": {"contains": ["man"]}}),
    ("-country:=zz*,d*", {"location.country": {"doesnotstartwith": ["zz", "d"]}}),
    ("category:log*", {"activity.eventActionType": {"eq": ["event_category_login"]}}),
    ("category:event_b*", {"activity.eventActionType": {"startswith": ["event_b"]}}),
    ("category:ev*", {"activity.eventActionType": {"startswith": ["ev"]}}),
    ("category:*banana", {"activity.eventActionType": {"endswith": ["banana"]}}),
    ("iptag:0000ca5b*", {"ip.tags": {"startswith": ["0000ca5b"]}}),
    ("iptag:0000ca5b0000000000000099*", {"ip.tags": {"startswith": ["0000ca5b0000000000000099"]}}),
    ("user:=ann*", {"user.username": {"startswith": ["ann"]}}),
    ("iptag:office", {"ip.tags": {"eq": ["0000ca5b0000000000000001"]}}),
    ("device:null,pc", {"device.type": {"eq": [None, "desktop"]}}),
    ("verb:DOWNLOAD,sign-in", {"verb": {"eq": ["DOWNLOAD", "sign-in"]}}),
    ("verb:=banana", {"verb": {"eq": ["banana"]}}),
    ("-verb:null,=banana", {"verb": {"neq": [None, "banana"]}}),
    ("iptag:0000ca5b0000000000000099", {"ip.tags": {"eq": ["0000ca5b0000000000000099"]}}),
    ("source:2,s:x", {"source": {"eq": ["2", "s:x"]}}),
    ("category:login,EVENT_AWS_STS", {"activity.eventActionType": {"eq": ["event_category_login", "EVENT_AWS_STS"]}}),
    ("ipcategory:=9", {"ip.category": {"eq": [9]}}),
    ("ipcategory:>8", {"ip.category": {"gt": [8]}}),
    ("admin:yes", {"activity.type": {"eq": [True]}}),
    ("-admin:true", {"activity.type": {"neq": [True]}}),
    ("ipcategory:>=3", {"ip.category": {"gte": [3]}}),
    ("ipcategory:1..vpn", {"ip.category": {"range": [{"start": 1, "end": 4}]}}),
    ("ipcategory:3..", {"ip.category": {"range": [{"start": 3}]}}),
    ("group:g1", {"user.tags": {"eq": ["g1"]}}),
    ("targetgroup:g1", {"user.tags": {"eq": ["g1", {"role": 2}]}}),
    ('entity:"a/b"/11161/0', {"entity": {"eq": [{"id": "a/b", "saas": 11161, "inst": 0}]}}),
    ('entity:"a"//3', {"entity": {"eq": [{"id": "a", "inst": 3}]}}),
    ("since:7d", {"date": {"gte_ndays": [7]}}),
    ("since:10y", {"date": {"gte_ndays": [3650]}}),
    ("since:-24h", {"date": {"gte_ndays": [1]}}),
    ("until:90m", {"date": {"lte_ndays": [0.0625]}}),
    ("since:2023-11-14", {"date": {"gte": [1_699_920_000_000]}}),
    ("until:2023-11-14", {"date": {"lte": [1_700_006_399_999]}}),
    ("since:today", {"date": {"gte": [1_699_920_000_000]}}),
    ("date:yesterday", {"date": {"range": [{"start": 1_699_833_600_000, "end": 1_699_919_999_999}]}}),
    ("date:2023-11", {"date": {"range": [{"start": 1_698_796_800_000, "end": 1_701_388_799_999}]}}),
    ("date:2024", {"date": {"range": [{"start": 1_704_067_200_000, "end": 1_735_689_599_999}]}}),
    ("date:2023-11-14T22:13", {"date": {"range": [{"start": 1_699_999_980_000, "end": 1_700_000_039_999}]}}),
    ("date:2023-11-14T22:13:20.123Z", {"date": {"eq": [NOW]}}),
    ("date:1700000000123", {"date": {"eq": [NOW]}}),
    ("date:2023-11-14..2023-11-15", {"date": {"range": [{"start": 1_699_920_000_000, "end": 1_700_092_799_999}]}}),
    ("date:-7d..-1d", {"date": {"gte_ndays": [7], "lte_ndays": [1]}}),
    ("date:2023-11-14..", {"date": {"gte": [1_699_920_000_000]}}),
    ("date:>2023-11-14", {"date": {"gt": [1_700_006_399_999]}}),
    ("date:<2023-11-14", {"date": {"lt": [1_699_920_000_000]}}),
    ("stored:>=-24h", {"created": {"gte_ndays": [1]}}),
    ("-date:2023-11-14", {"not": {"date": {"range": [{"start": 1_699_920_000_000, "end": 1_700_006_399_999}]}}}),
]

REFUSED: list[tuple[str, str, str]] = [
    # A search, the part at fault, and what the message says.
    ("users:ann", "users", "there is no field 'users'; did you mean 'user'?"),
    ("https://x.example/a", "https", 'to find the text itself, write "https://x.example/a"'),
    ("fe80::1", "fe80", 'write "fe80::1"'),
    ("ann -invoice", "-invoice", 'write -"invoice"'),
    ('a "b', '"', "not closed"),
    ("a (b", "(", "not closed"),
    ("a)", ")", "closes nothing"),
    ("()", "()", "nothing stands between"),
    ("a OR", "", "both sides"),
    ("user:", "", "a value is missing"),
    ("user:a,", "", "a value is missing"),
    ("user:a*b", "*", "a star stands at the end"),
    ("*b", "*b", "words are found whole"),
    ("user:a..b", "a..b", "no ranges"),
    ("admin:maybe", "maybe", "yes or no"),
    ("app:nothing", "nothing", "no value is called 'nothing'"),
    ("app:microsoft", "microsoft", "may be Microsoft 365, Microsoft OneDrive for Business"),
    ("app:oktaa", "oktaa", "did you mean 'Okta'?"),
    ("-verb:donwload", "donwload", "Verb: no value is called 'donwload'; did you mean 'download'? (verb:=donwload finds it all the same)"),
    ("verb:sign-in,banana", "banana", "no value is called 'banana'; there are download, sign-in, sign-in-failed (verb:=banana finds it all the same)"),
    ("verb:none", "none", "no value is called 'none'"),
    ("country:germny", "germny", "did you mean 'Germany'?"),
    ("device:phone", "phone", "no value is called 'phone'; there are desktop"),
    ("ipcategory:9", "9", "no value is called '9'; there are Corporate, Risky, VPN (ipcategory:=9"),
    ('iptag:"head office"', '"head office"', 'no value is called \'head office\'; did you mean \'Office\'? (iptag:="head office"'),
    ("source:7", "7", "no value is called '7'; there are Access control, App connector"),
    ("category:logn", "logn", "did you mean 'Login'?"),
    ("iptag:twice", "twice", "the name of several values"),
    ("country:zz*", "zz*", "no value is called 'zz*'; there are de, us (country:=zz* finds it all the same)"),
    ("country:germny*", "germny*", "no value is called 'germny*'; did you mean 'Germany'? (country:=germny* finds it all the same)"),
    ('-country:*"a b"*', '*"a b"*', 'no value is called \'*a b*\'; there are de, us (country:=*"a b"* finds it all the same)'),
    ("verb:zz*", "zz*", "Verb does not take a beginning"),
    ("app:zz*", "zz*", "no value is called 'zz*'; there are Microsoft 365, Microsoft OneDrive for Business, Okta, Okta Workforce"),
    ("category:zzz*", "zzz*", "no value is called 'zzz*'; there are event_category_login (category:=zzz* finds it all the same)"),
    ("iptag:zzz*", "zzz*", "no value is called 'zzz*'; there are "),
    ("country:=*", "*", "after = comes a value, or a part of one; any value is country:*"),
    ('country:=""*', '""*', "any value is country:*"),
    ("app:=okta*", "okta*", "App: after = comes a whole value"),
    ("ipcategory:=3*", "3*", "after = comes a whole value"),
    ("verb:=sign*", "sign*", "Verb: after = comes a whole value"),
    ("admin:=y*", "y*", "Administrative activity: after = comes a whole value"),
    ("id:=*a", "=*a", "Activity ID does not take an ending"),
    ("user:<>a*", "a*", "after <> comes a whole value"),
    ("since:soon", "soon", "expected a time such as"),
    ("since:2023-02-30", "2023-02-30", "expected a time such as"),
    ("date:-24h", "-24h", "write since:-24h"),
    ("targetgroup:*", "*", "write a group, or its beginning"),
    ("country:DE ip:203.0.113", "203.0.113", "expected an IP address or a network in CIDR form; for a beginning of it, write 203.0.113*"),
    ("ip:10.0.0.1,10.0.0.0/99", "10.0.0.0/99", "expected an IP address"),
    ("admin:=a", "=a", "Administrative activity: expected true or false"),
    ("since:99999999y", "99999999y", "expected a number of days"),
    ("id:*a", "*a", "Activity ID does not take an ending"),
    ("user:>5", ">5", "does not take comparisons"),
    ('entity:"a"/x', '"a"/x', "come numbers"),
    ('user:"a"b', "b", "after a closing quote"),
    ("(" * 17 + "a" + ")" * 17, "(", "at most 16"),
]
# fmt: on


@pytest.mark.parametrize(("text", "filters"), MEANINGS)
def test_a_search_means_these_filters(text: str, filters: dict[str, Any]) -> None:
    assert filters_of_search(text, context()) == filters
    where(filters, now=NOW, groups=True)


@pytest.mark.parametrize(("text", "part", "message"), REFUSED)
def test_a_search_that_cannot_be_read_is_refused_with_the_place(text: str, part: str, message: str) -> None:
    with pytest.raises(SearchError) as refusal:
        filters_of_search(text, context())
    assert message in str(refusal.value)
    error = refusal.value
    assert text[error.position : error.position + error.length] == part or (not part and error.position == len(text))


def test_days_are_those_of_the_zone() -> None:
    assert filters_of_search("since:2023-11-14", context("+01:00")) == {"date": {"gte": [1_699_916_400_000]}}
    assert filters_of_search("since:today", context("+02:00", now=NOW)) == {"date": {"gte": [1_699_999_200_000]}}
    assert filters_of_search("date:2023-11-14T00:00Z", context("+01:00")) == filters_of_search(
        "date:2023-11-14T00:00", context()
    )


@pytest.mark.parametrize("text", [text for text, _ in MEANINGS])
def test_a_written_search_means_the_same_as_the_one_that_was_read(text: str) -> None:
    filters = filters_of_search(text, context())
    assert where(filters_of_search(written(filters, context()), context()), now=NOW, groups=True) == where(
        filters, now=NOW, groups=True
    )


@pytest.mark.parametrize(
    ("name", "operator"), [(row.name, operator) for row in FILTERS.values() for operator in row.operators]
)
def test_every_filter_and_operator_is_written_and_read_back(name: str, operator: str, readings: list[Reading]) -> None:
    """By every value that tells something, alone and together, over records that tell something."""
    for value in samples.telling_values(name, operator):
        filters = {name: {operator: value}}
        text = written(filters, context())
        assert not _disagreements(filters, text, readings), (filters, text)


def test_random_filters_are_written_and_read_back(readings: list[Reading]) -> None:
    chance = random.Random(7)
    for _ in range(200):
        filters = samples.random_filters(chance, [dict(reading.record) for reading in readings[:200]])
        text = written(filters, context())
        assert not _disagreements(filters, text, readings), (filters, text)


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return [Reading(record) for record in samples.telling_records()]


def _disagreements(filters: dict[str, Any], text: str, readings: list[Reading]) -> list[str]:
    """The ids of records that one of the filters and the written search find, and the other does not."""
    meant, again = where(filters, now=NOW), where(filters_of_search(text, context()), now=NOW, groups=True)
    if simplified(meant) == simplified(again):
        return []
    return [r.record["_id"] for r in readings if matching._holds(again, r) != matching._holds(meant, r)]


def test_any_text_is_read_or_refused_with_its_place() -> None:
    """Nothing but SearchError is raised, and what is read is written and read back as the same."""
    chance = random.Random(11)
    parts = ["user:", "app:", "date:", "entity:", "since:", "admin:", "ip:", "ann", '"', '"a b"', "*", "/**", ",", "..", "<>", ">=", "=",
             "-", "(", ")", " ", " ", " OR ", " AND ", "\\", "2023-11-14", "7d", "10980", "yes", "\u00e9", "\u3042\u3044", "\x00", "null"]  # fmt: skip
    read = 0
    positions: list[int] = []
    """From the part at fault to the end of the text."""

    for _ in range(4_000):
        text = "".join(chance.choices(parts, k=chance.randrange(1, 9)))
        try:
            filters = filters_of_search(text, context())
            meant = where(filters, now=NOW, groups=True)
        except SearchError as error:
            positions.append(len(text) - error.position)
            continue
        except RequestError:  # A value that its filter does not take, as in `filters`.
            continue
        read += 1
        again = filters_of_search(written(filters, context()), context())
        assert simplified(where(again, now=NOW, groups=True)) == simplified(meant), (text, written(filters, context()))
    assert read > 500
    assert min(positions) >= 0


GROUPED: list[tuple[str, str, str]] = [
    ("by:ip", "", "by:ip"),
    ("verb:sign-in-failed by:ip distinct:user", "verb:sign-in-failed", "by:ip distinct:user"),
    ("DISTINCT:user.username By:IP a", "a", "by:ip distinct:user"),
    ("by:ip user:ann by:user", "user:ann", "by:ip,user"),
    ("(a OR b) by:ip,user distinct:app,country", "(a OR b)", "by:ip,user distinct:app,country"),
    ("(a by:ip) b", "a b", "by:ip"),
    ('"by:ip" a', '"by:ip" a', ""),
]


@pytest.mark.parametrize(("text", "conditions", "groups"), GROUPED)
def test_groups_stand_beside_conditions(text: str, conditions: str, groups: str) -> None:
    filters, grouping = grouped_filters_of(text, context())
    assert filters == filters_of_search(conditions, context())
    assert str(grouping) == groups
    assert has_groups(text) == bool(groups)
    assert grouped_filters_of(f"{conditions} {grouping}", context()) == (filters, grouping)


WRONG_GROUPS: list[tuple[str, int, str]] = [
    ("a -by:ip", 4, "by: stands beside conditions, not after a minus nor in an OR"),
    ("a OR by:ip", 6, "by: stands beside conditions, not after a minus nor in an OR"),
    ("(a OR (b by:ip))", 10, "by: stands beside conditions, not after a minus nor in an OR"),
    ("distinct:user", 1, "distinct: counts in groups; say which with by:, such as by:ip distinct:user"),
    ("a by:ip,user,app", 3, "by: takes at most 2 fields"),
    ("by:ip distinct:user,app,ip,verb,url", 7, "distinct: takes at most 4 fields"),
    ("by:usr", 4, "expected a field; did you mean 'user'?"),
    ("by:activity", 4, "expected a field; did you mean 'action'?"),
    ("user:x distinct:ipaddress", 17, "expected a field; did you mean 'ip'?"),
    ("by:stored", 4, "the values of 'stored' cannot be counted one by one; did you mean 'source'?"),
    ("by:user*", 4, "expected a field: app, instance"),
    ("by:>ip", 4, "expected a field: app, instance"),
    ("by:ip..user", 4, "expected a field: app, instance"),
    ("by:", 4, "a value is missing here"),
]


@pytest.mark.parametrize(("text", "place", "reason"), WRONG_GROUPS)
def test_groups_that_cannot_be_read(text: str, place: int, reason: str) -> None:
    with pytest.raises(SearchError) as refusal:
        grouped_filters_of(text, context())
    assert str(refusal.value).startswith(f"search, character {place}: {reason}")


@pytest.mark.parametrize(("text", "has"), [("by:id", True), ("-by:ip", False), ("user:ann", False), ("by:ip (", False)])
def test_whether_a_search_asks_for_groups(text: str, has: bool) -> None:
    assert has_groups(text) == has


def test_every_field_that_counts_makes_groups() -> None:
    for row in FILTERS.values():
        for name in (*row.short, row.name, *row.aliases) if row.countable else ():
            assert grouped_filters_of(f"by:{name}", context())[1].by == (row,)


def test_a_search_for_activities_has_no_groups() -> None:
    with pytest.raises(SearchError, match="character 3: by: makes groups"):
        filters_of_search("a by:ip", context())


ODD = (
    "a", "-1", "1.5", "9" * 30, "*", "a*", "*a", "*a*", "a/**", "<>a", "=a", ">a", "1..2", "a..b", "..2", "2..1", "10.0.0.0/99", "10.0.0.0/8*",
    "999.1.1.1", '""', '""*', "null", "null*", "yes", "t:9", '"s:x,t:1"', "today", ">today", "7d", "9" * 8 + "y", "2026-13", "*/**", '"a"/b',
    '"a"/1/2/3', f'"a"/{"9" * 30}', "today..2020", "1d..7d", "now",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_value_means_valid_filters_or_is_pointed_at(name: str) -> None:
    for value in ODD:
        text = f"country:DE {name}:{value}"
        try:
            filters = filters_of_search(text, context())
        except SearchError as error:
            assert len("country:DE ") <= error.position < len(text), (text, str(error))  # noqa: PT017  no error is fine, too
        else:
            where(filters, now=NOW, groups=True)
