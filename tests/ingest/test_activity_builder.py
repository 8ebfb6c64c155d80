import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.connectors.mdca import CONNECTOR as MDCA
from casbah.ingest.contract import Connector, Draft, Event, Recognized, Refusal, UnusableEventError


def event(raw, connector, line=1):
    return Recognized(Event(raw, jsontext.parse_object(raw), "x", line), connector)


def plain(drafts):
    return Connector("plain", "Plain", lambda _: True, drafts)


DONE = {"mainInfo": {"rawOperationName": "done"}}


def drafted(*raws, native=None, timestamp=5, parts=("",)):
    def drafts(_):
        return [Draft(native, timestamp, {"appId": 1, **DONE}, part=part, scope="i_1_") for part in parts]

    return list(new_activities([event(raw, plain(drafts), line) for line, raw in enumerate(raws, 1)]))


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_an_event_without_an_id_goes_by_its_digest_and_its_count():
    made = drafted(b'{"a":1,"b":2}', b'{"c":1}', b'{"b":2, "a":1}', b'{"a":1,"b":2}')
    first, other = f"i_1_{digest({'a': 1, 'b': 2})}", f"i_1_{digest({'c': 1})}"
    assert [each.id for each in made] == [first, other, f"{first}-1", f"{first}-2"]
    assert made[0].digest == digest({"a": 1, "b": 2})


def test_the_count_begins_anew_with_each_page():
    assert drafted(b'{"a":1}')[0].id == drafted(b'{"a":1}')[0].id


def test_parts_of_one_event_have_ids_of_their_own():
    one, two = drafted(b'{"a":1}', parts=("_0", "_1"))
    assert (one.id[-2:], two.id[-2:]) == ("_0", "_1")
    assert one.digest == two.digest


def test_a_made_record_holds_the_event_untouched_and_last():
    raw = b'{"b" : 1e2,\n "b":"\\ud83d", "B":12345678901234567890123}'
    (made,) = drafted(raw, native="i_1_n")
    assert (
        made.record
        == b'{"appId":1,"mainInfo":{"rawOperationName":"done"},"sourceId":"n","timestamp":5,"timestampRaw":5,"rawDataJson":'
        + raw
        + b"}"
    )
    assert (made.id, made.timestamp, made.adds) == ("i_1_n", 5, ("_id", "uid", "created"))
    assert jsontext.parse(made.record) == made.activity


TIMES = [
    pytest.param(-1, False, id="before the epoch"),
    pytest.param(0, True, id="the epoch"),
    pytest.param(2**43 - 1, True, id="the last"),
    pytest.param(2**43, False, id="after the last"),
]


@pytest.mark.parametrize(("timestamp", "kept"), TIMES)
def test_a_time_has_bounds(timestamp, kept):
    (made,) = drafted(b"{}", timestamp=timestamp)
    assert isinstance(made, NewActivity if kept else Refusal)
    if not kept:
        assert made.reason == f"no usable time: {timestamp} ms is outside 0 to 2^43 - 1"


def test_a_refused_event_keeps_its_place_and_bytes_and_the_rest_goes_on():
    def drafts(found):
        if "bad" in found.parsed:
            raise UnusableEventError("bad")
        return [Draft("id", 1, DONE)]

    source = plain(drafts)
    items = [event(b"{}", source), event(b'{"bad":1}', source, 2), Refusal("x", 3, "unread"), event(b"{}", source, 4)]
    made = list(new_activities(items))
    assert made[1:3] == [Refusal("x", 2, "bad", b'{"bad":1}'), Refusal("x", 3, "unread")]
    assert [type(each) for each in made] == [NewActivity, Refusal, Refusal, NewActivity]


def kept(raw):
    (made,) = new_activities([event(raw, MDCA)])
    return made


WHOLE = b'{ "_id" : "a", "uid":"a", "timestamp":5, "created":6, "appId":1, "entityData": {"0":null} }'

UNTOUCHED = [
    pytest.param(WHOLE, "a", 6, (), id="a whole record"),
    pytest.param(WHOLE.replace(b'"uid":"a", ', b""), "a", 6, ("uid",), id="without uid"),
    pytest.param(WHOLE.replace(b'"_id" : "a", ', b""), "a", 6, ("_id",), id="the id from uid"),
    pytest.param(WHOLE.replace(b'"created":6, ', b""), "a", None, ("created",), id="without created"),
    pytest.param(WHOLE.replace(b'"_id" : "a"', b'"_id": 17'), "17", 6, (), id="an id that is a number"),
    pytest.param(WHOLE.replace(b":5", b":5.0"), "a", 6, (), id="a time that is a whole float"),
    pytest.param(WHOLE.replace(b":5", b':"5"'), "a", 6, (), id="a time that is text"),
    pytest.param(WHOLE.replace(b":6", b':"6"'), "a", 6, (), id="created as text"),
    pytest.param(WHOLE.replace(b'"uid":"a"', b'"uid":"b"'), "a", 6, (), id="uid is never overwritten"),
]


@pytest.mark.parametrize(("raw", "identity", "created", "adds"), UNTOUCHED)
def test_a_record_that_needs_nothing_in_place_keeps_all_its_bytes(raw, identity, created, adds):
    made = kept(raw)
    assert (made.record, made.id, made.timestamp, made.created, made.adds) == (
        raw,
        identity,
        5,
        created,
        adds,
    )
    assert made.digest is None


IN_PLACE = [
    pytest.param((b'"_id" : "a"', b'"_id" : null'), (b'"_id" : "a"',), id="a null id from uid"),
    pytest.param((b'"uid":"a"', b'"uid":null'), (b'"uid":"a"',), id="a null uid"),
    pytest.param((b'"uid":"a"', b'"uid":""'), (b'"uid":"a"',), id="an empty uid"),
    pytest.param((b'{"0":null}', b"null"), (b"{}",), id="null entities"),
    pytest.param((b'{"0":null}', b'[ {"x" : 1.0} ,null]'), (b'{"0":{"x" : 1.0},"1":null}',), id="a list of entities"),
]


@pytest.mark.parametrize(("change", "becomes"), IN_PLACE)
def test_only_what_must_change_does_and_where_it_stands(change, becomes):
    old, new = change
    made = kept(WHOLE.replace(old, new))
    assert made.record == WHOLE.replace(old, *becomes)
    assert json.loads(made.record) == made.activity
    assert made.adds == ()


def test_a_null_created_is_taken_out_so_that_it_does_not_stand_there_twice():
    made = kept(WHOLE.replace(b'"created":6', b'"created":null'))
    assert json.loads(made.record) == {key: value for key, value in json.loads(WHOLE).items() if key != "created"}
    assert (made.created, made.adds) == (None, ("created",))
    assert json.loads(made.record) == made.activity


def test_a_record_without_an_id_goes_by_its_digest_and_count():
    raw = b'{"_id":null,"timestamp":5,"created":6,"appId":1}'
    one, two = new_activities([event(raw, MDCA), event(raw, MDCA)])
    assert (one.id, two.id) == (digest(json.loads(raw)), digest(json.loads(raw)) + "-1")
    assert json.loads(two.record)["_id"] == two.id
    assert two.adds == ("uid",)


REFUSED = [
    pytest.param((b'"timestamp":5, ', b""), "no usable time: timestamp is absent", id="no time"),
    pytest.param((b":5", b":null"), "no usable time: timestamp is absent", id="a null time"),
    pytest.param((b":5", b":true"), "no usable time: timestamp is 'True'", id="a boolean time"),
    pytest.param((b":5", b":5.5"), "no usable time: timestamp is '5.5'", id="half a millisecond"),
    pytest.param((b":5", b':"soon"'), "no usable time: timestamp is 'soon'", id="a word"),
    pytest.param((b":5", b":-1"), "no usable time: -1 ms is outside 0 to 2^43 - 1", id="before the epoch"),
    pytest.param((b":6", b':"x"'), "no usable created: 'x' is not ms from 0 to 8796093022207", id="created is a word"),
    pytest.param(
        (b'"_id" : "a"', b'"_id": []'),
        "no usable _id: expected a string, got list",
        id="an id that is a list",
    ),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_a_record_that_cannot_be_kept_is_refused(change, reason):
    assert kept(WHOLE.replace(*change)).reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "_id",
    "uid",
    "timestamp",
    "created",
    "entityData",
    "eventTime",
    "eventSource",
    "eventName",
    "userIdentity",
    "requestParameters",
    "resources",
    "responseElements",
    "recipientAccountId",
    "sourceIPAddress",
    "id",
    "events",
    "actor",
    "parameters",
    "name",
    "type",
    "ipAddress",
    "CreationTime",
    "Operation",
    "Workload",
    "UserId",
    "RecordType",
    "LogonType",
    "ExtendedProperties",
    "DeviceProperties",
    "Target",
    "Actor",
    "ModifiedProperties",
    "Parameters",
    "SensitivityLabelEventData",
    "ResultStatus",
    "SourceFileName",
    "SiteUrl",
    "SourceRelativeUrl",
    "ClientIP",
    "eventname",
    "networkInfo",
    "userAgent",
]
TIME = {"timestamp": 5, "eventTime": "2022-12-11T02:57:48Z", "CreationTime": "2022-12-11T02:57:48"}
GOOGLE = {"id": {"time": "2022-12-11T02:57:48Z", "applicationName": "login"}}


@pytest.mark.slow
@pytest.mark.parametrize("connector", connectors().values(), ids=lambda each: each.name)
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8), st.booleans())
def test_whatever_an_event_holds_it_is_made_a_record_or_refused(connector, fields, timed):
    fields = {**fields, **TIME, **GOOGLE} if timed else fields
    for made in new_activities([event(json.dumps(fields).encode(), connector)]):
        if isinstance(made, NewActivity):
            assert jsontext.parse(made.record) == made.activity
            assert type(made.id) is str
            assert made.id
        else:
            assert made.reason.startswith(("no usable", "no operation"))
