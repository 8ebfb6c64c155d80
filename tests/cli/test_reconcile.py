"""`casbah reconcile` lists exactly the activities that one side lacks, whatever form the others are in."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from casbah.operations.comparison import A, B, SideActivity, SideCounts, comparison
from command_line import app
from making import record

SAMPLES = Path(__file__).parent.parent / "connectors"
COUNT, DROPPED = 3_000, 1_000
START, MS_PER_HOUR = 1_767_225_600_000, 3_600_000
ACCOUNT = "123456789012"


def run(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Result:
    done = CliRunner().invoke(app, list(map(str, arguments)), input=stdin, env={"COLUMNS": "300"})
    assert done.exit_code == code, (done.output, done.exception)
    return done


def reconciled(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run("reconcile", *arguments, "--json", code=code, stdin=stdin).stdout)
    return result


def trail_event(number: int) -> dict[str, Any]:
    """A CloudTrail event; its _id has the account and the event's id."""
    moment = datetime.fromtimestamp((START + number * 97_000) / 1_000, UTC)
    return {
        "eventVersion": "1.08",
        "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "us-east-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "userName": f"u{number % 7}", "accountId": ACCOUNT},
    }


def trail_id(number: int) -> str:
    return f"{ACCOUNT}_11599_00000000-0000-4000-8000-{number:012}"


def hour_of(number: int) -> str:
    moment = datetime.fromtimestamp((START + number * 97_000) // MS_PER_HOUR * 3_600, UTC)
    return f"{moment:%Y-%m-%dT%H:00Z}"


def lines(events: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.fixture
def dropped() -> list[int]:
    return sorted(random.Random(7).sample(range(COUNT), DROPPED))


@pytest.fixture
def full(tmp_path: Path) -> Path:
    file = tmp_path / "full.ndjson"
    file.write_bytes(lines(map(trail_event, range(COUNT))))
    return file


@pytest.fixture
def partial(tmp_path: Path, dropped: list[int]) -> Path:
    """The events that are left, shuffled, in a folder with two other forms: a wrapper in a compressed file, and a list."""
    folder = tmp_path / "partial"
    folder.mkdir()
    left = [trail_event(number) for number in set(range(COUNT)) - set(dropped)]
    random.Random(8).shuffle(left)
    half = len(left) // 2
    (folder / "one.json.gz").write_bytes(gzip.compress(json.dumps({"Records": left[:half]}).encode()))
    (folder / "two.json").write_text(json.dumps(left[half:], indent=1))
    return folder


def expected(numbers: Iterable[int], side: str) -> list[dict[str, str]]:
    return [
        {"id": trail_id(number), "source": "cloudtrail", "hour": hour_of(number), "onlyIn": side} for number in numbers
    ]


def test_exactly_the_dropped_events_are_listed(full: Path, partial: Path, dropped: list[int]) -> None:
    result = reconciled(full, partial, code=1)
    assert result["activities"] == expected(dropped, "A")
    assert (result["equal"], result["both"], result["a"]["only"], result["b"]["only"]) == (False, 2_000, 1_000, 0)
    assert sum(row["onlyA"] for row in result["hours"]) == DROPPED
    assert {row["hour"] for row in result["hours"]} == set(map(hour_of, dropped))
    assert reconciled(partial, full, code=1)["activities"] == expected(dropped, "B")


def test_the_list_is_text_on_stdout_and_the_summary_on_stderr(full: Path, partial: Path, dropped: list[int]) -> None:
    done = run("reconcile", full, "-", code=1, stdin=lines(map(trail_event, range(1, COUNT))))
    assert done.stdout == f"{hour_of(0)}  cloudtrail  only in A  {trail_id(0)}\n"
    assert "casbah: 2,999 in both, 1 only in A, 0 only in B\n" in done.stderr
    assert "casbah: A is" in done.stderr
    stdout = run("reconcile", full, partial, code=1).stdout.splitlines()
    assert [line.split()[-1] for line in stdout] == list(map(trail_id, dropped))


def test_rows_whose_times_have_no_zone_are_compared_in_the_one_that_is_named(tmp_path: Path) -> None:
    report, store = SAMPLES / "csv" / "box-report.csv", tmp_path / "store"
    run("ingest", report, "--zone", "Europe/Berlin", "--store", store)
    refused = reconciled(report, "--store", store, code=1)
    assert (refused["a"]["refused"], refused["a"]["read"]) == (3, 0)
    equal = reconciled(report, "--store", store, "--zone", "Europe/Berlin")
    assert (equal["both"], equal["a"]["refused"]) == (3, 0)
    elsewhere = reconciled(report, report, "--zone", "+05:00")
    assert (elsewhere["both"], elsewhere["equal"]) == (3, True)
    assert "expected the name of a time zone" in run("reconcile", report, "--zone", "Europe/Berlon", code=2).output


def test_equal_sides_exit_with_0(full: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ndjson"
    again.write_bytes(lines(map(trail_event, reversed(range(COUNT)))) + lines([trail_event(3)]))
    result = reconciled(full, again)
    assert (result["equal"], result["activities"], result["hours"]) == (True, [], [])
    assert (result["a"]["repeated"], result["b"]["repeated"], result["b"]["read"]) == (0, 1, COUNT + 1)


@pytest.mark.slow
def test_an_export_against_the_store(full: Path, partial: Path, dropped: list[int], tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("ingest", full, SAMPLES / "okta" / "events.ndjson", "--store", store)
    assert reconciled(full, "--store", store)["both"] == COUNT
    result = reconciled(partial, "--store", store, code=1)
    assert result["activities"] == expected(dropped, "B")
    more = tmp_path / "more.ndjson"
    more.write_bytes(full.read_bytes() + lines([trail_event(COUNT)]))
    assert reconciled(more, "--store", store, code=1)["activities"] == expected([COUNT], "A")


@pytest.mark.slow
def test_a_filter_chooses_the_same_on_both_sides(full: Path, partial: Path, dropped: list[int], tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("ingest", full, SAMPLES / "okta" / "events.ndjson", "--store", store)
    chosen = ["--filter", f"date lte {START + 500 * 97_000}", "--filter", "user.username eq u3"]
    wanted = [number for number in dropped if number <= 500 and number % 7 == 3]
    assert wanted
    assert reconciled(partial, *chosen, "--store", store, code=1)["activities"] == expected(wanted, "B")
    assert reconciled(full, partial, *chosen, code=1)["activities"] == expected(wanted, "A")
    assert "unknown filter" in str(CliRunner().invoke(app, ["reconcile", "a", "b", "--filter", "x eq 1"]).exception)


@pytest.mark.slow
def test_records_of_a_store_equal_the_events_they_were_made_of(tmp_path: Path) -> None:
    """Real events of every source, one of them with the id of another."""
    folder, store = tmp_path / "events", tmp_path / "store"
    folder.mkdir()
    for file in SAMPLES.glob("*/events.*"):
        (folder / f"{file.parent.name}{file.suffix}").write_bytes(file.read_bytes())
    (folder / "changed.ndjson").write_bytes(lines([trail_event(1), trail_event(1) | {"eventName": "PutObject"}]))
    counts = json.loads(run("ingest", folder, "--store", store, "--json").stdout)
    records = tmp_path / "records.ndjson"
    run("export", records, "--store", store)
    assert b"~" in records.read_bytes(), "the store has an event under a second id"
    result = reconciled(folder, records)
    assert result["both"] == counts["stored"]
    several = tmp_path / "several.ndjson"
    several.write_bytes(records.read_bytes() + lines([trail_event(1) | {"eventName": "CopyObject"}]))
    assert [row["id"] for row in reconciled(folder, several, code=1)["activities"]] == [trail_id(1)]
    assert reconciled(folder, "--store", store)["both"] == result["both"]


def test_every_form_of_an_event_has_the_same_source(tmp_path: Path) -> None:
    trail, store, records = SAMPLES / "cloudtrail" / "events.ndjson", tmp_path / "store", tmp_path / "records.ndjson"
    run("ingest", trail, "--store", store)
    run("export", records, "--store", store)
    empty = tmp_path / "empty"
    empty.mkdir()
    for file in (trail, records):
        result = reconciled(file, empty, code=1)
        assert {row["source"] for row in result["activities"]} == {"cloudtrail"}
    records.write_bytes(lines([record(1)]))
    assert {row["source"] for row in reconciled(records, empty, code=1)["activities"]} == {"mdca"}


def test_wrappers_make_no_difference(tmp_path: Path) -> None:
    """The same CloudTrail events as `aws cloudtrail lookup-events` prints them, and as Amazon EventBridge delivers them."""
    events = [trail_event(number) for number in range(20)]
    raw, wrapped = tmp_path / "raw.ndjson", tmp_path / "wrapped"
    raw.write_bytes(lines(events))
    wrapped.mkdir()
    looked_up = [{"EventId": event["eventID"], "CloudTrailEvent": json.dumps(event)} for event in events[:10]]
    (wrapped / "events.json").write_text(json.dumps({"Events": looked_up}))
    bridge = [{"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": e} for e in events[10:-1]]
    (wrapped / "bridge.ndjson").write_bytes(lines(bridge))
    assert reconciled(raw, wrapped, code=1)["activities"] == expected([19], "A")


def test_sides_with_unreadable_events_are_not_equal(full: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "full.ndjson").write_bytes(full.read_bytes() + b"not json\n")
    result = reconciled(full, broken, code=1)
    assert (result["activities"], result["equal"], result["b"]["refused"]) == ([], False, 1)
    assert sum(result["b"]["reasons"].values()) == 1
    stderr = run("reconcile", full, broken, code=1).stderr
    assert f"{broken / 'full.ndjson'}: 1 refused: " in stderr
    assert "1 events could not be read" in stderr


def test_nothing_is_equal_to_nothing(tmp_path: Path) -> None:
    result = reconciled(tmp_path, tmp_path, code=1)
    assert (result["equal"], list(result["a"]["skipped"].values())) == (
        False,
        ["no files in this folder"],
    )
    run("reconcile", tmp_path / "absent", tmp_path, code=1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a", "b", "--store", "c"], "name B or --store, not both"),
        (["-", "-"], "only one side can be stdin"),
        (["a", "--store", "c"], "no store at c"),
    ],
)
def test_usage(arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in " ".join(run("reconcile", *arguments, code=2).stderr.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_keeps_every_id_exactly() -> None:
    names = ["", "é", "e\u0301", "a\x00b", "a\x00c", "\ud800", "x" * 5_000, "x" * 5_001, "A", "a"]
    with comparison() as compared:
        assert compared.hours(A) is None
        compared.add(A, [SideActivity(name, b"", "s", hour) for hour, name in enumerate(names)])
        compared.add(B, [SideActivity(name, b"other form", "s", 0) for name in names[1:]])
        compared.add(B, [SideActivity("only", b"", "t", 5)])
        assert compared.hours(A) == (0, len(names) - 1)
        assert compared.counts() == SideCounts(both=len(names) - 1, only_a=1, only_b=1)
        assert list(compared.differences()) == [("", "s", 0, A), ("only", "t", 5, B)]
        assert list(compared.sums()) == [("s", 0, 1, 0), ("t", 5, 0, 1)]


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("1", "1", SideCounts(1, 0, 0)),
        ("1", "2", SideCounts(1, 0, 0)),
        ("12", "21", SideCounts(2, 0, 0)),
        ("12", "1", SideCounts(1, 1, 0)),
        ("1", "12", SideCounts(1, 0, 1)),
        ("1", "23", SideCounts(0, 1, 2)),
        ("121", "", SideCounts(0, 2, 0)),
    ],
)
def test_several_events_of_one_id_are_compared_by_content(first: str, second: str, counts: SideCounts) -> None:
    with comparison() as compared:
        for side, contents in ((A, first), (B, second)):
            compared.add(side, [SideActivity("id", content.encode(), "s", 0) for content in contents])
        assert compared.counts() == counts


PROGRAM = """
import re
from pathlib import Path
from casbah.operations import comparison
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
comparison._CACHE_KIB = 2_048
with comparison.comparison() as compared:
    before = peak()
    for side in (comparison.A, comparison.B):
        numbers = range(side, 300_000)
        compared.add(side, (comparison.SideActivity(f"{n:040}", b"0123456789abcdef", "source", n) for n in numbers))
    counts = compared.counts()
    assert [item.id for item in compared.differences()] == ["0" * 40]
    print(counts.both, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_comparison_is_kept_on_disk() -> None:
    """600,000 activities are 60 MB; with a cache of 2 MB, they take a fraction of that in memory."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    both, kib = map(int, done.stdout.split())
    assert both == 299_999
    assert kib < 20_000
