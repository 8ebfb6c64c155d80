"""The oracle against the specification's own sentences, and against the laws that any reading must keep."""

# ruff: noqa: RUF001  the letters that look like others are here to be mistaken for them

import itertools
import json
import random

import pytest

import oracle
import samples
from oracle import ALIASES, FILTERS, OPERATORS, OPERATORS_BY_KIND, OPPOSITES, Refused, check, matches, parse, values_of
from samples import NOW, bad_filters, random_filters, random_record, telling_records, telling_values

RECORDS = telling_records()
PAIRS = [(name, operator) for name, (kind, _) in FILTERS.items() for operator in OPERATORS_BY_KIND[kind]]


@pytest.fixture(scope="module")
def some():
    """A part of the telling records, read once."""
    return [values_of(record) for record in random.Random(7).sample(RECORDS, 40)]


@pytest.fixture(scope="module")
def third():
    return [values_of(record) for record in RECORDS[::3]]


def record_of(**more):
    return {"_id": "i", "uid": "i", "timestamp": NOW, "created": NOW, "appId": 11161, "entityData": {}} | more


def of_objects(*objects, **more):
    return record_of(mainInfo={"eventObjects": list(objects)}, **more)


def named(name):
    return record_of(user={"userName": name})


# --- The tables ---------------------------------------------------------------------------------------------------------


def documented(shared):
    """(filter, operators) of each row of the mission's table."""
    for line in (shared / "spec" / "activities-api.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        # The row of `created` has an empty type.
        if line.startswith("| ") and cells[0] not in ("Filter", "---"):
            yield cells[0], tuple(operator.strip().lower() for operator in cells[2].split(","))


def test_the_filters_are_those_of_the_mission_in_its_order(shared):
    theirs = [(name, operators) for name, (_, operators) in FILTERS.items() if operators]
    assert theirs == list(documented(shared))


def test_there_are_as_many_as_the_mission_says():
    theirs = [name for name, (_, operators) in FILTERS.items() if operators]
    assert (len(theirs), len(OPERATORS), len(ALIASES)) == (33, 21, 2)


def test_every_documented_operator_is_one_of_its_kind():
    assert [n for n, (kind, operators) in FILTERS.items() if not set(operators) <= set(OPERATORS_BY_KIND[kind])] == []


def test_nothing_of_the_product_is_used():
    for module in (oracle, samples):
        assert "casbah" not in vars(module)


# --- Laws ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, operator", [(n, o) for n, o in PAIRS if o in OPPOSITES])
def test_negation_is_the_exact_complement(name, operator, some):
    for value in telling_values(name, operator):
        no, yes = parse({name: {operator: value}}), parse({name: {OPPOSITES[operator]: value}})
        assert all(matches(no, values, NOW) is not matches(yes, values, NOW) for values in some), value


@pytest.mark.parametrize("name, operator", PAIRS)
def test_values_are_ored_and_a_scalar_is_a_list_of_one(name, operator, some):
    scalars = [value for value in telling_values(name, operator) if type(value) is not list]
    negative = operator in OPPOSITES or operator == "deq"
    for one, two in itertools.pairwise(scalars):
        both, first, second, listed = (parse({name: {operator: v}}) for v in ([one, two], one, two, [one]))
        for values in some:
            found = [matches(question, values, NOW) for question in (first, second)]
            assert matches(listed, values, NOW) is found[0]
            if not negative:
                assert matches(both, values, NOW) is any(found), (one, two)
            elif operator != "deq":
                assert matches(both, values, NOW) is all(found), (one, two)


@pytest.mark.parametrize("name, operator", PAIRS)
def test_no_values_match_nothing_and_their_negation_everything(name, operator, some):
    if operator != "deq":
        expected = operator in OPPOSITES
        assert {matches({name: {operator: []}}, values, NOW) for values in some} == {expected}


@pytest.mark.parametrize("name", [n for n, (kind, _) in FILTERS.items() if "deq" in OPERATORS_BY_KIND[kind]])
def test_deq_of_nothing_is_isset(name, some):
    for values in some:
        assert matches({name: {"deq": []}}, values, NOW) is matches({name: {"isset": True}}, values, NOW)


@pytest.mark.parametrize("name", [n for n, (kind, _) in FILTERS.items() if "deq" in OPERATORS_BY_KIND[kind]])
def test_deq_and_neq_differ_only_where_there_are_no_or_several_values(name, some):
    for value in [v for v in telling_values(name, "deq") if v not in (None, "null") and type(v) is not list]:
        different, without = parse({name: {"deq": value}}), parse({name: {"neq": value}})
        for values in some:
            if len(values[name]) == 1:
                assert matches(different, values, NOW) is matches(without, values, NOW), value


def test_filters_and_their_operators_are_anded():
    rng = random.Random(11)
    records = [values_of(random_record(rng)) for _ in range(60)]
    for _ in range(150):
        filters = random_filters(rng, RECORDS)
        parts = [parse({name: {o: v}}) for name, operators in filters.items() for o, v in operators.items()]
        for values in records:
            assert matches(filters, values, NOW) is all(matches(part, values, NOW) for part in parts)


# --- The samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, operator", PAIRS)
def test_every_telling_value_is_accepted(name, operator):
    for value in telling_values(name, operator):
        check({name: {operator: value}})


# Fields that every record has cannot tell isset from isnotset.
ALWAYS_SET = ("instance", "activity.id", "activity.impersonated", "activity.type", "date", "created")
MEANT_TO_TELL = [(n, o) for n, o in PAIRS if not (n in ALWAYS_SET and o in ("isset", "isnotset"))]


@pytest.mark.parametrize("name, operator", MEANT_TO_TELL)
def test_telling_values_tell_records_apart(name, operator, third):
    telling = 0
    for value in telling_values(name, operator):
        question = parse({name: {operator: value}})
        telling += len({matches(question, one, NOW) for one in third}) == 2
        if telling == 2:
            return
    pytest.fail(f"only {telling} values tell records apart")


def test_bad_filters_are_refused():
    assert [why for filters, why in bad_filters() if not refused(filters)] == []


def refused(filters):
    try:
        check(filters)
    except Refused:
        return True
    return False


def test_telling_records_have_what_every_record_has():
    for record in RECORDS:
        assert record["_id"] == record["uid"] != ""
        assert type(record["timestamp"]) is type(record["created"]) is int
        assert {"appId", "entityData"} <= set(record)
        assert 0 <= record["timestamp"] < 2**43


def test_records_and_requests_survive_the_wire(some):
    for record in RECORDS[::10]:
        assert values_of(json.loads(json.dumps(record))) == values_of(record)
    rng = random.Random(3)
    for _ in range(100):
        filters = random_filters(rng, RECORDS)
        sent = json.loads(json.dumps(filters))
        assert [matches(sent, v, NOW) for v in some] == [matches(filters, v, NOW) for v in some]


def test_the_same_seed_makes_the_same_samples():
    made = []
    for _ in range(2):
        rng = random.Random(5)
        records = [random_record(rng) for _ in range(20)]
        made.append((records, [random_filters(rng, records) for _ in range(20)]))
    assert made[0] == made[1]


@pytest.mark.parametrize("number", range(3))
def test_real_records_are_read(shared, number):
    path = shared / "data" / "sources" / "mdca_records" / "mdca_activity_records.json"
    record = json.loads(path.read_text())[number]
    assert matches({"activity.id": {"eq": record["_id"]}, "service": {"eq": record["appId"]}}, record, NOW)
    for name in ("ip.address", "entity", "user.username", "user.domain", "actionType", "source", "location.country"):
        assert matches({name: {"isset": True}}, record, NOW), name


# --- Sentences of the specification, as rows: (filters, record, whether it matches) ----------------------------------------

TAGGED = of_objects({"role": 1, "tags": ["o"]}, {"role": 4, "tags": ["p"]}, user={"userTags": ["u"]})
ACTOR = {"id": "a", "saasId": "11161", "instanceId": "0"}
JANE = {"0": {"id": {"id": "jane", "saas": 11161, "inst": 0}}, "2": {"id": {"id": "guid", "saas": 20893, "inst": 1}}}
OFFICE = record_of(rawDataJson={"SiteUrl": "https://x/s/", "SourceRelativeUrl": "d", "SourceFileName": "F.docx"})
SHARING = record_of(rawDataJson={"SiteUrl": "https://x/s", "SourceRelativeUrl": "d/F.docx", "SourceFileName": "F.docx"})
LOGIN = record_of(eventTypeValue="E", srcAppId=7, mainInfo={"rawOperationName": "OAuth2:Authorize"})


def row(title, filters, record, *, expected=True):
    return pytest.param(filters, record, expected, id=title)


def no(title, filters, record):
    return row(title, filters, record, expected=False)


SENTENCES = [
    row("no filters match everything", {}, record_of()),
    row("an empty filter is no condition", {"service": {}}, record_of()),
    row("operator names are case-insensitive", {"actionType": {"Contains": "auth"}}, LOGIN),
    row("an alias is its filter", {"activity.eventType": {"eq": "e"}, "activity.actionType": {"isset": True}}, LOGIN),
    no(
        "an alias and its filter are both conditions",
        {"activity.eventType": {"eq": "E"}, "activity.eventActionType": {"eq": "x"}},
        LOGIN,
    ),
    row("neq keeps records without the field", {"policy": {"neq": "p"}}, record_of()),
    no("deq does not", {"policy": {"deq": "p"}}, record_of()),
    row("deq: some value that is none of those given", {"policy": {"deq": "p"}}, record_of(policies=["p", "q"])),
    no("neq: none of those given", {"policy": {"neq": "p"}}, record_of(policies=["p", "q"])),
    row("isset: [true] is isset: true", {"policy": {"isset": [True]}}, record_of(policies=["p"])),
    row("isset: false is isnotset", {"policy": {"isset": "false"}}, record_of()),
    no("isnotset: true of a set field", {"policy": {"isnotset": "True"}}, record_of(policies=["p"])),
    no("an empty string is no value", {"user.orgUnit": {"isset": True}}, record_of(user={"orgUnit": ""})),
    no(
        "a list where a text should be is no value",
        {"user.orgUnit": {"isset": True}},
        record_of(user={"orgUnit": ["a"]}),
    ),
    no("a text where a list should be is no value", {"policy": {"isset": True}}, record_of(policies="p")),
    no("an object that is a text breaks nothing", {"user.orgUnit": {"isset": True}}, record_of(user="x")),
    # Kinds
    row("numeric strings are accepted for integers", {"service": {"eq": ["11161"]}}, record_of()),
    row("whole floats too", {"service": {"eq": 11161.0}}, record_of(appId="11161")),
    row("service: appId, else saasId", {"service": {"eq": 5}}, record_of(appId=True, saasId="5")),
    no("service: appId comes first", {"service": {"eq": 5}}, record_of(saasId=5)),
    row("instance: else 0", {"instance": {"eq": 0}}, record_of()),
    row(
        "instance: else the actor's, a string there",
        {"instance": {"gt": 2}},
        record_of(resolvedActor={"instanceId": "3"}),
    ),
    no("64 bits and no more", {"ip.category": {"isset": True}}, record_of(location={"category": 2**63})),
    row("the last integer", {"ip.category": {"eq": 2**63 - 1}}, record_of(location={"category": 2**63 - 1})),
    no("a boolean is no integer", {"ip.category": {"isset": True}}, record_of(location={"category": True})),
    row("ids compare exactly", {"activityObject": {"eq": "aB"}}, of_objects({"id": "aB"})),
    row("a session", {"session": {"eq": "s"}}, record_of(session="s")),
    row("another id of the session", {"session": {"eq": "t"}}, record_of(session="s", sessionIds=["t"])),
    no("a number is no session", {"session": {"isset": True}}, record_of(session=5)),
    no("ids differ by case", {"activityObject": {"eq": "ab"}}, of_objects({"id": "aB"})),
    row("a number equals its decimal string", {"activityObject": {"eq": 5}}, of_objects({"id": "5"})),
    row("and the other way round", {"activityObject": {"eq": "5"}}, of_objects({"id": 5})),
    no("a float is no id", {"activityObject": {"isset": True}}, of_objects({"id": 5.0})),
    row("id startswith", {"activityObject": {"startswith": "a"}}, of_objects({"id": "aB"})),
    row("absent = false", {"activity.impersonated": {"eq": False}}, record_of()),
    row("only true is true", {"activity.type": {"eq": "False"}}, record_of(isAdminOperation="true")),
    row("admin", {"activity.type": {"eq": "TRUE"}}, record_of(isAdminOperation=True)),
    row("null is no value", {"device.type": {"eq": [None, "MOBILE"]}}, record_of()),
    row("the string null too", {"activity.takenAction": {"eq": "null"}}, record_of(takenActions=[])),
    no("neq null is: has a value", {"device.type": {"neq": "null"}}, record_of()),
    row(
        "enumerations disregard case",
        {"device.type": {"eq": "desktop"}},
        record_of(userAgent={"deviceType": "DESKTOP"}),
    ),
    row(
        "deq disregards null",
        {"device.type": {"deq": [None, "MOBILE"]}},
        record_of(userAgent={"deviceType": "DESKTOP"}),
    ),
    # Text
    row("lower() and not casefold()", {"user.username": {"eq": "STRAẞE"}}, named("straße")),
    no("ß is not ss", {"user.username": {"eq": "STRASSE"}}, named("Straße")),
    row("İ is i and a dot above", {"user.username": {"eq": "i\u0307"}}, named("İ")),
    no("İ is not i", {"user.username": {"eq": "i"}}, named("İ")),
    row("İ contains i", {"user.username": {"contains": "I"}}, named("İ")),
    row("ΟΔΟΣ ends in a final sigma", {"user.username": {"eq": "οδος"}}, named("ΟΔΟΣ")),
    no("so it is no prefix of a longer word", {"user.username": {"startswith": "ΟΔΟΣ"}}, named("ΟΔΟΣΑ")),
    row("composed and decomposed are one", {"user.username": {"eq": "cafe\u0301"}}, named("café")),
    no(
        "an id is compared as it is",
        {"activityObject": {"eq": "cafe\u0301"}},
        record_of(mainInfo={"eventObjects": [{"id": "café"}]}),
    ),
    row(
        "signs mean themselves",
        {"user.username": {"contains": '.*+?()[]{}|^$\\/&~<>"@#-'}},
        named('a.*+?()[]{}|^$\\/&~<>"@#-b'),
    ),
    no("a dot is a dot", {"user.username": {"contains": "a.b"}}, named("axb")),
    row("a newline is a sign like others", {"user.username": {"startswith": "a\nB"}}, named("a\nb\n")),
    no("and is not stripped", {"user.username": {"eq": "a"}}, named("a\n")),
    row("half a character is U+FFFD", {"user.username": {"eq": "\ufffd"}}, named("\ud800")),
    row("two halves are one", {"user.username": {"eq": "😀"}}, named("\ud83d\ude00")),
    row("contains nothing: has a value", {"user.username": {"contains": ""}}, named("a")),
    no("contains nothing: has none", {"user.username": {"contains": ""}}, record_of()),
    row("startswithsingle is startswith", {"user.username": {"startswithsingle": "A"}}, named("ab c")),
    row("endswith", {"user.username": {"endswith": ["x", "C"]}}, named("ab c")),
    row("8,000 characters", {"user.username": {"endswith": "b"}}, named("a" * 7_999 + "bc")),
    no("and no more", {"user.username": {"contains": "c"}}, named("a" * 7_999 + "bc")),
    row("lower first, then cut", {"user.username": {"endswith": "ασ"}}, named("α" * 7_999 + "ΣΑ")),
    row("cut after lower lengthens", {"user.username": {"endswith": "i\u0307"}}, named("İ" * 7_998 + "ibc")),
    row("composed before it is cut", {"user.username": {"endswith": "éb"}}, named("e\u0301" * 7_999 + "bc")),
    # Paths
    # Scripts without spaces
    row("a part of a run", {"text": {"text": "權威事實"}}, record_of(a="操作人把機器推論洗成權威事實並提交")),
    row("a part of a run, exactly", {"text": {"eq": "機器推論"}}, record_of(a="操作人把機器推論洗成權威事實並提交")),
    no("its letters in another order", {"text": {"text": "實事"}}, record_of(a="操作人把機器推論洗成權威事實並提交")),
    no("its letters apart", {"text": {"text": "權實"}}, record_of(a="操作人把機器推論洗成權威事實並提交")),
    row("the last letter needs no prefix", {"text": {"startswithsingle": "ไฟล์"}}, record_of(a="ไฟล์ที่")),
    no("a letter without its mark is another", {"text": {"startswithsingle": "ไฟล"}}, record_of(a="ไฟล์ที่")),
    row("beside other words, in any order", {"text": {"text": "東京 report"}}, record_of(a="report", b="東京都")),
    row("half-width is full-width", {"text": {"text": "サーバ"}}, record_of(a="\uff7b\uff70\uff8a\uff9e\uff70")),
    row("ligatures are their letters", {"text": {"text": "file"}}, record_of(a="\ufb01le")),
    row("descendantof: itself", {"user.orgUnit": {"descendantof": "/A/"}}, record_of(user={"orgUnit": "/a"})),
    row("descendantof: below", {"user.orgUnit": {"descendantof": "/a"}}, record_of(user={"orgUnit": "/A/b/c"})),
    no("descendantof: beside", {"user.orgUnit": {"descendantof": "/a"}}, record_of(user={"orgUnit": "/ab"})),
    row(
        "descendantof nothing: from the root", {"user.orgUnit": {"descendantof": ""}}, record_of(user={"orgUnit": "/a"})
    ),
    no(
        "descendantof nothing: not from the root",
        {"user.orgUnit": {"descendantof": ""}},
        record_of(user={"orgUnit": "a"}),
    ),
    # Addresses
    row(
        "a mapped address is the IPv4 one",
        {"ip.address": {"eq": "1.2.3.4"}},
        record_of(device={"clientIP": "::ffff:1.2.3.4"}),
    ),
    row("in the request too", {"ip.address": {"eq": "::ffff:102:304"}}, record_of(device={"clientIP": "1.2.3.4:80"})),
    row(
        "brackets and ports",
        {"ip.address": {"eq": "2001:DB8::1"}},
        record_of(internals={"otherIPs": ["[2001:db8:0::1]:443"]}),
    ),
    row("a network", {"ip.address": {"eq": "10.9.9.9/8"}}, record_of(device={"clientIP": "10.1.1.1"})),
    row("a mapped network", {"ip.address": {"eq": "::ffff:10.0.0.0/104"}}, record_of(device={"clientIP": "10.1.1.1"})),
    no("the families are separate", {"ip.address": {"eq": "::/0"}}, record_of(device={"clientIP": "10.1.1.1"})),
    row("scopes are dropped", {"ip.address": {"eq": "fe80::1%a"}}, record_of(device={"clientIP": "fe80::1%b"})),
    row(
        "text operators see the canonical form",
        {"ip.address": {"startswith": "2001:DB8::"}},
        record_of(device={"clientIP": "2001:0DB8:0::1"}),
    ),
    no("the brackets are not part of it", {"ip.address": {"contains": "["}}, record_of(device={"clientIP": "[::1]"})),
    no(
        "what does not parse is no value", {"ip.address": {"isset": True}}, record_of(device={"clientIP": "1.2.3.4/32"})
    ),
    row(
        "deq of a network",
        {"ip.address": {"deq": "10.0.0.0/8"}},
        record_of(device={"clientIP": "10.1.1.1"}, internals={"otherIPs": ["8.8.8.8"]}),
    ),
    # Times
    row("gte includes its bound", {"date": {"gte": str(NOW)}}, record_of()),
    no("gt does not", {"created": {"gt": NOW}}, record_of()),
    row("range includes both", {"date": {"range": {"start": NOW, "end": float(NOW)}}}, record_of()),
    row("range may lack an end", {"date": {"range": [{"start": NOW + 1}, {"end": NOW, "start": None}]}}, record_of()),
    row("gte_ndays", {"date": {"gte_ndays": 1}}, record_of(timestamp=NOW - 86_400_000)),
    no("gte_ndays, one ms before", {"date": {"gte_ndays": "1"}}, record_of(timestamp=NOW - 86_400_001)),
    row("lte_ndays", {"date": {"lte_ndays": 0.5}}, record_of(timestamp=NOW - 43_200_000)),
    no("lte_ndays, one ms after", {"date": {"lte_ndays": "0.5"}}, record_of(timestamp=NOW - 43_199_999)),
    # Words
    row("text: every word, in any order", {"text": {"text": "Beta, ALPHA"}}, record_of(a=["alpha"], b={"c": "beta"})),
    no("text: each of them", {"text": {"text": "alpha gamma"}}, record_of(a="alpha")),
    row("text: whole words", {"text": {"text": "alpha"}}, record_of(a="x-alpha_y")),
    no("text: no part of a word", {"text": {"text": "alph"}}, record_of(a="alpha")),
    row("eq: next to each other", {"text": {"eq": "alpha beta"}}, record_of(a="x alpha-Beta y")),
    no("eq: in that order", {"text": {"eq": "beta alpha"}}, record_of(a="alpha beta")),
    no("eq: inside one string", {"text": {"eq": "alpha beta"}}, record_of(a=["alpha", "beta"])),
    row(
        "startswithsingle: the last is a prefix", {"text": {"startswithsingle": "alpha be"}}, record_of(a="alpha beta")
    ),
    no("startswithsingle: the others are not", {"text": {"startswithsingle": "alp beta"}}, record_of(a="alpha beta")),
    no("a value without words", {"text": {"text": "-_-"}}, record_of(a="-_-")),
    no("keys are not searched", {"text": {"text": "quokka"}}, record_of(quokka="x")),
    no("numbers are not searched", {"text": {"text": "11161"}}, record_of()),
    row("words are cut in both", {"text": {"eq": "w" * 300}}, record_of(a="w" * 257)),
    row("text has no bound", {"text": {"eq": "b end"}}, record_of(a="b " * 9_000 + "end")),
    # Fields
    row(
        "event type: any of three",
        {"activity.eventActionType": {"eq": "FAILEDLOGIN"}},
        record_of(mainInfo={"type": "failedLogin"}),
    ),
    row("actionType: the bare name", {"actionType": {"eq": "oauth2:authorize"}}, LOGIN),
    row("actionType: with the app", {"actionType": {"eq": "11161:E:OAuth2:Authorize"}}, LOGIN),
    row("actionType: with the connector", {"actionType": {"startswith": "7:e:"}}, LOGIN),
    no(
        "actionType: a part is missing",
        {"actionType": {"contains": "11161"}},
        record_of(mainInfo={"rawOperationName": "O"}),
    ),
    row(
        "country: else the device's",
        {"location.country": {"eq": "il"}},
        record_of(location={"countryCode": ""}, device={"countryCode": "IL"}),
    ),
    no(
        "country: the location's first",
        {"location.country": {"eq": "il"}},
        record_of(location={"countryCode": "NL"}, device={"countryCode": "IL"}),
    ),
    row(
        "user name: else the failed one",
        {"user.username": {"eq": "F"}},
        record_of(user={"userName": ""}, failedUserData={"userName": "f"}),
    ),
    row("user name: else the actor's", {"user.username": {"eq": "n"}}, record_of(resolvedActor={"name": "N"})),
    row("domain: after the last @", {"user.domain": {"eq": "C.com"}}, named("a@b@c.COM")),
    no("domain: nothing after it", {"user.domain": {"isset": True}}, named("a@")),
    no("domain: no @", {"user.domain": {"isset": True}}, named("a")),
    row("a file by its type", {"fileId": {"eq": "f"}}, of_objects({"id": "f", "objType": "3"})),
    row(
        "a file by the service's word",
        {"fileId": {"eq": "f"}},
        of_objects({"id": "f", "serviceObjectType": "Google FILE"}),
    ),
    no("a folder is no file", {"fileId": {"eq": "f"}}, of_objects({"id": "f", "objType": 4})),
    row("fileSelector reads folders", {"fileSelector": {"eq": "FOLDER"}}, of_objects({"name": "Folder", "objType": 4})),
    no(
        "fileSelector reads nothing else",
        {"fileSelector": {"isset": True}},
        of_objects({"id": "x", "name": "y", "objType": 23}),
    ),
    row("the list item", {"fileId": {"eq": "L"}}, record_of(rawDataJson={"ListItemUniqueId": "L"})),
    row(
        "the list item in its site",
        {"fileSelector": {"eq": "s|l"}},
        record_of(rawDataJson={"ListItemUniqueId": "L", "Site": "S"}),
    ),
    row("labels of files", {"fileLabels": {"eq": "l"}}, of_objects({"objType": 3, "labels": ["l"]})),
    no("labels of folders", {"fileLabels": {"isset": True}}, of_objects({"objType": 4, "labels": ["l"]})),
    row("a URL in three parts", {"office365url": {"eq": "HTTPS://x/s/d/f.docx"}}, OFFICE),
    row("a URL whose path has the name", {"office365url": {"eq": "https://x/s/d/f.docx"}}, SHARING),
    no("a URL with the name twice", {"office365url": {"endswith": "f.docx/f.docx"}}, SHARING),
    row("the site alone", {"office365url": {"eq": "https://x/s/"}}, OFFICE),
    no("what is no URL", {"office365url": {"isset": True}}, record_of(rawDataJson={"ObjectId": "ftp://x"})),
    row("the name of an object", {"office365url": {"endswith": "/A"}}, of_objects({"name": "HTTP://x/a"})),
    # Source
    *(
        row(f"source {value!r}", {"source": {"eq": value}}, record_of(source="2", streamId="x"))
        for value in (2, "2", "t:2", "s:x", "s:x,t:2", "t:2,s:x")
    ),
    no("source: both must hold", {"source": {"eq": "s:x,t:3"}}, record_of(source=2, streamId="x")),
    no("source: streams are ids", {"source": {"eq": "s:X"}}, record_of(streamId="x")),
    row("source: a stream alone is set", {"source": {"isset": True, "deq": "t:2"}}, record_of(streamId="x")),
    # Entities
    row("entity: parts not given match any", {"entity": {"eq": {"id": "a"}}}, record_of(resolvedActor=ACTOR)),
    row(
        "entity: numbers equal their strings",
        {"entity": {"eq": {"id": "a", "saas": 11161, "inst": "0"}}},
        record_of(resolvedActorAccount=ACTOR),
    ),
    no("entity: all parts", {"entity": {"eq": {"id": "a", "saas": 1}}}, record_of(resolvedActor=ACTOR)),
    no("entity: of one candidate", {"entity": {"eq": {"id": "jane", "saas": 20893}}}, record_of(entityData=JANE)),
    row("entity: data by key", {"entity": {"eq": "guid"}}, record_of(entityData=JANE)),
    row("entity: data as a list", {"entity": {"eq": "guid"}}, record_of(entityData=[None, None, JANE["2"]])),
    no("entity: not the second", {"entity": {"isset": True}}, record_of(entityData=[None, JANE["2"]])),
    row("entity: objects of role 2 or 4", {"entity": {"startswith": "a"}}, of_objects({"id": "ab", "role": "4"})),
    no("entity: of no other role", {"entity": {"isset": True}}, of_objects({"id": "ab", "role": 1})),
    no("entity: ids compare exactly", {"entity": {"startswith": "A"}}, record_of(resolvedActor=ACTOR)),
    # Modifiers
    *(
        row(
            f"role {role!r}: {tag}",
            {"user.tags": {"eq": [{"role": role, "adv": True}, tag]}},
            TAGGED,
            expected=expected,
        )
        for role, found in ((None, "u"), (1, "u"), ("1", "u"), (2, "o"), (3, "uo"))
        for tag, expected in (("u", "u" in found), ("o", "o" in found), ("p", False))
    ),
    row("no role is 1", {"user.tags": {"eq": ["u", {"adv": True}]}}, TAGGED),
    row("neq is the complement under the same modifier", {"user.tags": {"neq": [{"role": 2}, "u"]}}, TAGGED),
    no("deq is over that modifier's values", {"user.tags": {"deq": [{"role": 2}, "o"]}}, TAGGED),
    row(
        "an object without a role counts as other",
        {"user.tags": {"eq": ["x", {"role": 2}]}},
        of_objects({"tags": ["x"]}),
    ),
]


@pytest.mark.parametrize("filters, record, expected", SENTENCES)
def test_sentence(filters, record, expected):
    assert matches(filters, record, NOW) is expected
    assert matches(parse(filters), values_of(record), NOW) is expected


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param({"service": {"eq": [1] * 1_000}}, id="1,000 values"),
        pytest.param({"user.username": {"eq": "x" * 4_096}}, id="4,096 characters"),
        pytest.param({"user.tags": {"eq": {"role": 1, "more": [1]}, "isset": True}}, id="a modifier alone"),
    ],
)
def test_bounds(filters):
    if "user.tags" in filters:
        with pytest.raises(Refused):
            check(filters)
    else:
        check(filters)
