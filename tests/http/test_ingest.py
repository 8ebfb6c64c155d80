"""Bulk ingest: what is stored, what is refused and where, and that records come back as they were sent."""

import gzip
import json
import tarfile
import zipfile
import zlib
from io import BytesIO

import pytest
import zstandard

from casbah.store.embedded import sequence

INGEST = "/api/ext/v1/activities"
MDCA = f"{INGEST}?source=mdca"


def event(name: str, **keys) -> bytes:
    return json.dumps({"_id": name, "uid": name, "timestamp": 1_000, "appId": 1, **keys}).encode()


def answered(stored: int, duplicates: int = 0, refused: tuple = ()):
    return {"stored": stored, "duplicates": duplicates, "refused": list(refused)}


BODIES = [
    pytest.param(event("a") + b"\n" + event("b"), 2, id="lines, the last without its feed"),
    pytest.param(b"\n\n  \n" + event("a") + b"\r\n\r\n" + event("b") + b"\n\n", 2, id="blank lines and carriage returns"),
    pytest.param(b"\xef\xbb\xbf" + event("a"), 1, id="a byte order mark"),
    pytest.param(b"[" + event("a") + b",\n" + event("b") + b"]", 2, id="a JSON list"),
    pytest.param(b'{"data": [' + event("a") + b'], "hasNext": false, "total": 1}', 1, id="a saved answer of a list"),
    pytest.param(json.dumps(json.loads(event("a")), indent=2).encode(), 1, id="one record over many lines"),
    pytest.param(gzip.compress(event("a") + b"\n" + event("b")), 2, id="gzip"),
    pytest.param(gzip.compress(event("a") + b"\n") + gzip.compress(event("b")), 2, id="gzip in two members"),
    pytest.param(gzip.compress(b""), 0, id="gzip of nothing"),
    pytest.param(b"", 0, id="nothing"),
    pytest.param(event("a") + b"\n" + event("a"), 1, id="the same twice in one body"),
]  # fmt: skip


@pytest.mark.parametrize("body, stored", BODIES)
def test_events_are_stored_and_a_second_time_are_duplicates(ask, body, stored):
    first = ask("POST", MDCA, body).json
    assert (first["stored"], first["refused"]) == (stored, [])
    assert ask("POST", MDCA, body).json == answered(0, first["stored"] + first["duplicates"])
    assert ask("POST", "/api/v1/activities/count").json["total"] == stored


def test_refused_lines_keep_their_numbers_and_the_rest_goes_on(ask):
    lines = [event("a"), b"", b"{", event("b", timestamp=None), event("c"), b'"text"', event("d", timestamp=-1), b"{}"]
    got = ask("POST", MDCA, b"\n".join(lines)).json
    assert [each["line"] for each in got["refused"]] == [3, 4, 6, 7, 8]
    assert all(each["reason"] for each in got["refused"])
    assert got["stored"] == 2


def test_a_batch_smaller_than_the_body_changes_nothing(opened):
    ask = opened(batch="3")
    body = b"\n".join([event(f"a{number}") for number in range(10)] + [b"{"] + [event("a1"), event("z")])
    assert (got := ask("POST", MDCA, body).json) == answered(11, 1, got["refused"])
    assert [each["line"] for each in got["refused"]] == [11]


SOURCES = [
    pytest.param(event("a", entityData={}), "mdca", id="MDCA"),
    pytest.param(json.dumps({"CreationTime": "2024-01-01T00:00:00", "Id": "i1", "Operation": "FileAccessed", "OrganizationId": "o1", "RecordType": 6, "UserType": 0, "UserKey": "k", "Workload": "SharePoint", "UserId": "u1@contoso.com"}).encode(), "microsoft365", id="Microsoft 365"),
    pytest.param(json.dumps({"eventVersion": "1.08", "eventTime": "2024-01-01T00:00:00Z", "eventID": "e1", "eventName": "GetObject", "eventSource": "s3.amazonaws.com", "awsRegion": "us-east-1", "userIdentity": {"type": "Root"}, "recipientAccountId": "111122223333"}).encode(), "cloudtrail", id="CloudTrail"),
    pytest.param(json.dumps({"kind": "admin#reports#activity", "id": {"time": "2024-01-01T00:00:00.000Z", "uniqueQualifier": "-1", "applicationName": "login", "customerId": "C1"}, "actor": {"email": "u1@contoso.com"}, "events": [{"type": "login", "name": "login_success"}]}).encode(), "google_workspace", id="Google Workspace"),
]  # fmt: skip


@pytest.mark.parametrize("body, source", SOURCES)
def test_an_event_in_a_wrapper_is_the_event(ask, body, source):
    assert ask("POST", INGEST, body).json == answered(1)
    wrapped = json.dumps({"detail-type": "t", "source": "s", "detail": json.loads(body)})
    assert ask("POST", INGEST, wrapped.encode()).json == answered(0, 1)
    assert ask("POST", f"{INGEST}?source={source}", wrapped.encode()).json == answered(0, 1)


def test_what_a_wrapper_holds_is_refused_with_its_place(ask):
    body = b'{"RecordType":1,"AuditData":"{}"}\n{"RecordType":1,"AuditData":"{"}'
    got = ask("POST", INGEST, body)
    assert got.status == 422
    assert [item["line"] for item in got.json["refused"]] == [1, 2]
    assert got.json["refused"][0]["reason"].startswith("AuditData: source not recognized; known: ")
    assert got.json["refused"][1]["reason"] == "AuditData: not JSON: cut off before its end"


@pytest.mark.parametrize("body, source", SOURCES)
def test_source_is_detected_as_it_would_be_told(ask, body, source):
    assert ask("POST", INGEST, body).json == answered(1)
    assert ask("POST", f"{INGEST}?source={source}", body).json == answered(0, 1)


def test_what_no_source_recognizes_is_refused_line_by_line(ask):
    got = ask("POST", INGEST, b'{"a": 1}\n\n{"b": 2}').json
    assert got["stored"] == 0
    assert [(each["line"], "source not recognized" in each["reason"]) for each in got["refused"]] == [
        (1, True),
        (3, True),
    ]


def test_an_unknown_source_is_refused_with_the_nearest(ask):
    got = ask("POST", f"{INGEST}?source=cloudtrial", event("a"))
    assert got.status == 400
    assert "unknown source 'cloudtrial'; did you mean 'cloudtrail'?" in got.json["detail"]
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 1_000_000
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


TOO_LARGE = [
    pytest.param(b"x" * 10_001, id="announced"),
    pytest.param([b"x" * 6_000, b"x" * 6_000], id="in pieces"),
    pytest.param(gzip.compress(b"x" * 10_001), id="after decompression"),
    pytest.param(bomb(50_000_000)[:9_999], id="a bomb that breaks off"),
]  # fmt: skip


@pytest.mark.parametrize("body", TOO_LARGE)
def test_a_body_past_its_limit_stores_nothing(opened, body):
    ask = opened(max_ingest_body="10_000")
    length = {"content-length": str(len(body))} if isinstance(body, bytes) else {}
    got = ask("POST", MDCA, body, headers=length)
    assert (got.status, got.json["detail"]) == (
        413,
        "request body is larger than 10000 bytes (setting CASBAH_MAX_INGEST_BODY)",
    )
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


def test_a_small_body_that_holds_a_very_large_one_is_refused_before_it_is_unpacked(opened):
    body = bomb(100_000_000)
    ask = opened(max_ingest_body="200_000")
    assert len(body) < 200_000
    assert ask("POST", MDCA, body).status == 413


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"\x1f\x8b", gzip.compress(event("a"))[:-9], b"\x1f\x8b" + b"\xff" * 40], ids=["its magic alone", "cut off", "noise"])  # fmt: skip
def test_broken_gzip_is_refused(ask, body):
    got = ask("POST", MDCA, body)
    assert got.status == 400
    assert got.json["detail"] == "body: cannot be decompressed as gzip; it is damaged or cut short"


TWO = event("a") + b"\n" + event("b")


def zstd(text: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(text)


def deflate(text: bytes, *, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(text) + packer.flush()


ENCODED = [
    pytest.param("gzip", gzip.compress(TWO), id="gzip"),
    pytest.param("x-gzip", gzip.compress(TWO), id="gzip by its old name"),
    pytest.param("GZIP", gzip.compress(TWO), id="in capitals"),
    pytest.param("zstd", zstd(TWO), id="zstd"),
    pytest.param("zstd", zstd(event("a") + b"\n") + zstd(event("b")), id="zstd in two frames"),
    pytest.param("", zstd(TWO), id="zstd without its label"),
    pytest.param("deflate", deflate(TWO, bits=15), id="deflate"),
    pytest.param("deflate", deflate(TWO, bits=-15), id="deflate without the zlib header"),
    pytest.param("identity", TWO, id="identity"),
    pytest.param("deflate, gzip", gzip.compress(deflate(TWO, bits=15)), id="two, the last one outermost"),
    pytest.param("zstd", zstd(b"\n".join(event(name) for name in "ab" * 5_000)), id="much in little"),
]


@pytest.mark.parametrize("encoding, body", ENCODED)
def test_encodings_that_shippers_send_are_read(ask, encoding, body):
    got = ask("POST", MDCA, body, headers={"content-encoding": encoding} if encoding else {})
    assert (got.status, got.json["stored"], got.json["refused"]) == (200, 2, [])


@pytest.mark.parametrize(
    "encoding", ["br", "snappy", "compress", "gzip, br", "gzip, gzip, gzip, gzip, gzip", "x" * 500]
)
def test_an_encoding_that_is_not_read_is_415(ask, encoding):
    got = ask("POST", MDCA, TWO, headers={"content-encoding": encoding})
    assert (got.status, got.headers["accept-encoding"]) == (415, "gzip, zstd, deflate")
    assert "is not supported; send gzip, zstd, deflate" in got.json["detail"]
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate, gzip"])
def test_a_body_that_is_not_gzip_is_said_to_be_not(ask, encoding):
    got = ask("POST", MDCA, TWO, headers={"content-encoding": encoding})
    assert (got.status, got.json["detail"]) == (
        400,
        "body: it is not gzip, as Content-Encoding says; send it without that header",
    )
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


BROKEN = [
    pytest.param("gzip", gzip.compress(TWO)[:-9], id="gzip, cut short"),
    pytest.param("zstd", zstd(TWO)[:-3], id="zstd, cut short"),
    pytest.param("zstd", zstd(TWO) + zstd(TWO)[:9], id="zstd, the second frame cut short"),
    pytest.param("zstd", TWO, id="zstd that is none"),
    pytest.param("deflate", deflate(TWO, bits=15)[:-5], id="deflate, cut short"),
    pytest.param("deflate", deflate(TWO, bits=-15)[:-5], id="bare deflate, cut short"),
    pytest.param("deflate", deflate(TWO, bits=15) + b"more", id="deflate, and more"),
]


@pytest.mark.parametrize("encoding, body", BROKEN)
def test_a_body_that_cannot_be_decompressed_is_400_and_stores_nothing(ask, encoding, body):
    got = ask("POST", MDCA, body, headers={"content-encoding": encoding})
    assert (got.status, got.json["detail"]) == (
        400,
        f"body: cannot be decompressed as {encoding}; it is damaged or cut short",
    )
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstd, lambda text: deflate(text, bits=15)], ids=["gzip", "zstd", "deflate"]
)
@pytest.mark.parametrize("size", [9_999, 10_000, 10_001, 50_000_000])
def test_the_limit_holds_after_decompression(opened, pack, size):
    encoding = {gzip.compress: "gzip", zstd: "zstd"}.get(pack, "deflate")
    got = opened(max_ingest_body="10_000")("POST", MDCA, pack(b" " * size), headers={"content-encoding": encoding})
    assert got.status == (413 if size > 10_000 else 200)


UNUSABLE = [
    pytest.param(b"{\n", 422, id="broken JSON"),
    pytest.param(b"<html><body>502</body></html>", 422, id="another kind of text"),
    pytest.param(b'{"a": 1}\n', 422, id="an event of no source"),
    pytest.param(b"[1, 2]", 422, id="a list of no events"),
    pytest.param(b"\x00\xff" * 40, 422, id="noise"),
    pytest.param(b"", 200, id="nothing"),
    pytest.param(b" \n\n", 200, id="blank lines"),
    pytest.param(b"[]", 200, id="an empty list"),
    pytest.param(event("stored", entityData={}), 200, id="a duplicate"),
    pytest.param(event("stored", entityData={}) + b"\n{", 200, id="a duplicate beside a refusal"),
    pytest.param(event("new", entityData={}) + b"\n{", 200, id="an event beside a refusal"),
]


@pytest.mark.parametrize("body, status", UNUSABLE)
def test_a_body_in_which_nothing_could_be_used_is_422(ask, body, status):
    assert ask("POST", INGEST, event("stored", entityData={})).json == answered(1)
    got = ask("POST", INGEST, body)
    assert got.status == status
    assert bool(got.json["refused"]) == (status == 422 or b"\n{" in body)


def test_an_event_past_its_limit_is_refused_alone(opened):
    ask = opened(max_event="1_000")
    got = ask("POST", MDCA, event("big", x="y" * 1_000) + b"\n" + event("small")).json
    assert (got["stored"], [each["line"] for each in got["refused"]]) == (1, [1])


WHOLE = [
    pytest.param(b'{ "_id" : "a","uid":"a",\t"created":5 , "timestamp":1000,"appId":1 }', id="whitespace"),
    pytest.param(b'{"_id":"a","uid":"a","created":5,"timestamp":1000,"x":"caf\\u00e9 \\uD83D\\ude00 \\/ \\b"}', id="escapes"),
    pytest.param('{"_id":"a","uid":"a","created":5,"timestamp":1000,"x":"café 😀 \u2028"}'.encode(), id="no escapes"),
    pytest.param(b'{"_id":"a","uid":"a","created":5,"timestamp":1000,"x":"\\ud83d"}', id="half a pair"),
    pytest.param(b'{"_id":"a","uid":"a","created":5,"timestamp":1000,"n":[1.10,1E2,-0,123456789012345678901234567890]}', id="numbers"),
    pytest.param(b'{"_id":"a","uid":"a","created":5,"timestamp":1000,"Key":1,"key":2,"key":3}', id="keys that repeat or differ in case"),
    pytest.param(b'{"_id":"a","uid":"a","created":5,"timestamp":"1000","entityData":{"0":null}}', id="a moment as text"),
]  # fmt: skip


@pytest.mark.parametrize("record", WHOLE)
def test_a_whole_record_comes_back_byte_for_byte(ask, record):
    assert ask("POST", MDCA, record).json == answered(1)
    assert ask("GET", "/api/v1/activities/a/").body == record
    assert ask("POST", "/api/v1/activities/").body == b'{"data":[' + record + b'],"hasNext":false,"total":1}'


IDS = [
    pytest.param("x/y", "x%2Fy", id="a slash"),
    pytest.param("x/y", "x%2fy", id="a slash, spelt small"),
    pytest.param("50%", "50%25", id="a percent sign"),
    pytest.param("50%25", "50%2525", id="what looks encoded is decoded once"),
    pytest.param("a+b", "a+b", id="a plus sign is itself"),
    pytest.param("a b", "a%20b", id="a blank"),
    pytest.param("naïve-Ω-😀", "na%C3%AFve-%CE%A9-%F0%9F%98%80", id="beyond ASCII"),
    pytest.param("a?b#c", "a%3Fb%23c", id="marks of a URL"),
    pytest.param('quote"\\', "quote%22%5C", id="a quote and a backslash"),
    pytest.param("1575000000000_5c1a", "1575000000000_5c1a", id="as MDCA spells them"),
    pytest.param("x" * 2_000, "x" * 2_000, id="long"),
]  # fmt: skip


@pytest.mark.parametrize("name, encoded", IDS)
def test_any_id_is_fetched_by_its_percent_encoding(ask, name, encoded):
    ask("POST", MDCA, event(name))
    assert ask("GET", f"/api/v1/activities/{encoded}/").json["_id"] == name
    assert ask("GET", f"/cas/api/v1/activities/{encoded}").json["_id"] == name
    assert ask("POST", f"/api/v1/activities/{encoded}/feedback", b'{"feedback":"x"}').json["total"] == 1
    assert ask("GET", f"/api/ext/v1/activities/{encoded}/feedback").json["total"] == 1


def test_gzip_inside_gzip_does_not_pass_the_limit(opened):
    ask = opened(max_ingest_body="10_000")
    lines = b"\n".join(event(f"a{number}") for number in range(1_000))
    assert ask("POST", MDCA, gzip.compress(gzip.compress(lines))).status in (400, 413)
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


def test_an_archive_is_taken_whole_or_refused(ask):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.json", event("a"))
        archive.writestr("two.json", event("b"))
    got = ask("POST", MDCA, packed.getvalue())
    assert got.status == 400 or (got.status, got.json) == (200, answered(2))


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
def test_a_tar_is_refused_with_what_to_send_instead(ask, coding):
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("one.json"), BytesIO())
    codings = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
    got = ask("POST", MDCA, codings[coding](packed.getvalue()))
    assert got.status == 400
    assert got.json["detail"] == "body: an archive; send the events themselves, compressed once or not at all"


def test_records_that_are_ready_are_taken_from_the_owner_alone(shipper):
    line = {"id": "a", "timestamp": 1_000, "digest": None, "created": None, "adds": ["_id", "uid", "created"], "record": '{"timestamp":1000,"appId":1}'}  # fmt: skip
    got = shipper("POST", f"{INGEST}?source=arrivals", json.dumps(line).encode())
    assert got.status == 400
    assert got.json["detail"].startswith("unknown source 'arrivals'; known: ")
    assert "arrivals" not in got.json["detail"].partition("known: ")[2]


@pytest.mark.parametrize(
    "query, detail",
    [
        ("sorce=okta", "unknown parameter 'sorce'; did you mean 'source'?; this request takes source, zone"),
        ("source=mdca&tenant=x", "unknown parameter 'tenant'; this request takes source, zone"),
        ("source=mdca&source=okta", "source: sent 2 times; send it once"),
    ],
)
def test_a_parameter_that_says_nothing_is_no_source_left_out(ask, query, detail):
    got = ask("POST", f"{INGEST}?{query}", event("a"))
    assert (got.status, got.json) == (400, {"detail": detail})
    assert ask("POST", "/api/v1/activities/count").json["total"] == 0


REPORT = (
    b"Date,User Name,User Email,Action,Affected,Size (KB),Parent Folder\n"
    b"2025-11-10 06:08:38,Ann,ann@example.com,Downloaded,plan.pdf,12,Drawings\n"
)


@pytest.mark.parametrize("body", [REPORT, gzip.compress(REPORT)], ids=["plain", "gzip"])
def test_times_without_a_zone_are_in_the_zone_that_the_request_names(ask, body):
    refused = ask("POST", INGEST, body)
    assert refused.status == 422
    assert [row["reason"] for row in refused.json["refused"]] == [
        "no usable time: Date has no zone; name it with --zone, over HTTP with ?zone="
    ]
    assert ask("POST", f"{INGEST}?zone=Europe/Berlin", body).json == answered(1)
    (stored,) = ask("POST", "/api/v1/activities", b"{}").json["data"]
    assert stored["timestamp"] == 1_762_751_318_000


def test_a_kept_row_is_read_with_a_zone_in_any_form(ask):
    reject = {"origin": "report.csv", "line": 2, "reason": "x", "event": REPORT.decode()}
    assert ask("POST", f"{INGEST}?zone=%2B01:00", json.dumps(reject).encode()).json == answered(1)


@pytest.mark.parametrize("zone", ["Europe/Berlon", "+01:00", "x"])
def test_an_unknown_zone_is_refused(ask, zone):
    got = ask("POST", f"{INGEST}?zone={zone}", REPORT)
    assert got.status == 400
    assert got.json["detail"].startswith("zone: expected the name of a time zone")


def test_the_refusals_that_an_answer_lists_are_bounded(shipper):
    got = shipper("POST", INGEST, b"{}\n" * 1_500)
    assert (got.status, len(got.json["refused"]), got.json["unlisted"]) == (422, 1_000, 500)


BAD_ARRIVALS = [
    pytest.param({"record": "{}"}, id="a record without a moment"),
    pytest.param({"timestamp": -1}, id="a moment before there were any"),
    pytest.param({"timestamp": 10**23}, id="a moment past them all"),
    pytest.param({"created": -5}, id="created before there were moments"),
    pytest.param({"adds": ["zzz"]}, id="a key that nothing adds"),
    pytest.param({"record": "[]"}, id="a record that is a list"),
    pytest.param({"record": "{"}, id="a record that is no JSON"),
    pytest.param({"record": None}, id="no record"),
    pytest.param({"id": 7}, id="an id that is a number"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", BAD_ARRIVALS)
def test_a_bad_arrival_is_the_caller_s_mistake_and_harms_nobody_else(ask, wrong):
    line = {"id": "a", "timestamp": 1_000, "digest": None, "created": None, "adds": ["_id", "uid", "created"], "record": '{"timestamp":1000,"appId":1}'}  # fmt: skip
    got = ask("POST", f"{INGEST}?source=arrivals", json.dumps(line | wrong).encode())
    assert got.status in (200, 400)
    assert got.status == 400 or (got.json["stored"] == 0 and got.json["refused"])
    assert ask("POST", MDCA, event("good")).json == answered(1)


EVENT_OF_TWO = json.loads(SOURCES[3].values[0])
EVENT_OF_TWO["events"] *= 2
REFUSED_BY_STORE = [
    pytest.param(b"\n\n" + event("a") + b"\n\n{}\n" + event("b"), "mdca", [3, 5, 6], id="blank lines"),
    pytest.param(
        json.dumps([EVENT_OF_TWO] * 2).encode(), "google_workspace", [1, 1, 2, 2], id="several activities per event"
    ),
    pytest.param(b"\n" + event("a") + b"\n" * 20_000 + event("b"), "mdca", [2, 20_002], id="a large body"),
]


@pytest.mark.parametrize("batch", ["1", "5_000"])
@pytest.mark.parametrize("body, source, lines", REFUSED_BY_STORE)
def test_what_the_store_refuses_has_the_line_of_its_event(opened, monkeypatch, body, source, lines, batch):
    ask = opened(batch=batch, audit="off")
    monkeypatch.setattr(sequence, "MAX_TIES", 0)
    got = ask("POST", f"{INGEST}?source={source}", body)
    assert (got.status, got.json["stored"]) == (422, 0)
    assert [each["line"] for each in got.json["refused"]] == lines
