"""The file that keeps what `casbah ingest` refuses: bounded, and it says what is cut. `casbah rejects`."""

import json

import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.cli import rejects_file
from casbah.cli.rejects_file import RejectsFile
from casbah.ingest.contract import Refusal
from casbah.store.embedded import sequence
from command_line import app
from connectors import samples
from making import record

TENANT = TenantId("default")


def kept(path, *refusals):
    rejects = RejectsFile(path / "rejects" / "x.ndjson")
    for refusal in refusals:
        rejects.keep(refusal)
    rejects.close()
    return rejects, [json.loads(line) for line in rejects.path.read_text("utf-8").splitlines()]


def test_a_refused_event_is_kept_whole(tmp_path):
    rejects, (line,) = kept(tmp_path, Refusal("a.json", 3, "no usable time", b'{"a":"\xff"}'))
    assert line == {"origin": "a.json", "line": 3, "reason": "no usable time", "event": '{"a":"\\xff"}'}
    assert rejects.cut == 0


def test_what_is_too_long_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(rejects_file, "MAX_REFUSED", 10)
    monkeypatch.setattr(rejects_file, "MAX_REFUSED_IN_ALL", 25)
    rejects, lines = kept(tmp_path, *(Refusal("a", number, "r", b"x" * 12, cut=3) for number in range(4)))
    assert [(len(line["event"]), line["cut"]) for line in lines] == [(10, 5), (10, 5), (5, 10), (0, 15)]
    assert rejects.cut == 4


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def opened(store):
    return compose.build(settings.read({}, store=str(store), audit="off"))


def casbah(store, *arguments):
    return CliRunner().invoke(app, [*arguments, "--store", str(store)], env={"CASBAH_AUDIT": "off"})


@pytest.mark.parametrize("batch", ["1", "5_000"])
def test_what_the_store_refuses_has_the_line_of_its_event_in_the_file(store, tmp_path, monkeypatch, batch):
    file, rejects = tmp_path / "events.ndjson", tmp_path / "rejects.ndjson"
    lines = [b"", *(json.dumps(record(number, created=5)).encode() for number in (1, 2)), b"{", b""]
    file.write_bytes(b"\n".join([*lines, json.dumps(record(3, created=5)).encode()]))
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    monkeypatch.setenv("CASBAH_BATCH", batch)
    assert casbah(store, "ingest", str(file), "--rejects", str(rejects)).exit_code == 1
    assert sorted(json.loads(line)["line"] for line in rejects.read_text("utf-8").splitlines()) == [3, 4, 6]


AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(
            {"device": {"userAgent": AGENT, "clientIP": "10.0.0.1"}, "n": 12345678901234567890123}, id="of no server"
        ),
        pytest.param(
            {
                "device": {"userAgent": AGENT},
                "location": {"city": "Bern"},
                "enrichment": {"places of another server": {"location": True, "location.city": True}},
            },
            id="of another server",
        ),
    ],
)
def test_what_the_store_refuses_is_in_the_file_with_no_additions_but_its_own(store, tmp_path, monkeypatch, keys):
    file, rejects = tmp_path / "events.ndjson", tmp_path / "rejects.ndjson"
    events = [record(number, created=5, **keys) for number in (1, 2)]
    file.write_bytes(b"\n".join(json.dumps(event).encode() for event in events))
    with opened(store):
        pass
    assert casbah(store, "ranges", "add", "Office", "10.0.0.0/8", "--category", "corporate").exit_code == 0
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    assert casbah(store, "ingest", str(file), "--rejects", str(rejects)).exit_code == 1
    assert json.loads(json.loads(rejects.read_text("utf-8"))["event"]) == events[1]


def test_replaying_everything_takes_as_many_requests_as_it_needs(store, monkeypatch):
    monkeypatch.setattr("casbah.http.rejects.MAX_REPLAYED", 2)
    events = [b"{broken", *(json.dumps(record(number)).encode() for number in range(4)), b"{broken"]
    with opened(store) as house:
        refused = [Refusal("body", line, "r", raw) for line, raw in enumerate(events, 1)]
        house.services.rejects.keep(refused, source="mdca", sender="s", tenant_id=TENANT)
    ran = casbah(store, "rejects", "replay", "--everything", "--json")
    result = json.loads(ran.stdout)
    assert (ran.exit_code, result["stored"], len(result["refused"]), result["remaining"]) == (1, 4, 2, 0)


def test_rows_whose_times_have_no_zone_are_replayed_in_the_one_that_is_named(store):
    row = (samples.HERE / "csv" / "box-report.csv").read_bytes()
    with opened(store) as house:
        house.services.rejects.keep([Refusal("body", 2, "r", row)], source=None, sender="s", tenant_id=TENANT)
    replay = ("rejects", "replay", "--everything", "--json")
    assert "Date has no zone" in casbah(store, *replay).stdout
    assert casbah(store, *replay, "--zone", "Europe/Berlon").exit_code == 2
    ran = casbah(store, *replay, "--zone", "Europe/Berlin")
    assert (ran.exit_code, json.loads(ran.stdout)["stored"]) == (0, 3)


def test_an_id_is_nothing_but_an_id(store):
    with opened(store) as house:
        token = house.services.tokens.create("shipper", tenant="default")[1]
    assert casbah(store, "rejects", "remove", f"../tokens/{token.id}").exit_code == 1
    with opened(store) as house:
        assert [each.id for each in house.services.tokens.all()] == [token.id]
