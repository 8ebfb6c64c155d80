"""Exports from begin to file: complete, whole, one's own, and there again after a stop."""

import errno
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.query import parse
from casbah.activity.tenant import Principal, TenantId
from casbah.compose import Application
from casbah.errors import LimitExceededError, NoSuchExportError
from casbah.outputs.export import exports
from casbah.outputs.export.exports import FAILED, READY, RUNNING, WAITING, Export, ExportRequest
from casbah.testing.records import records
from making import arrival
from scenarios.inprocess import Asker, Reply

PATH = "/api/ext/v1/exports"
TENANT = TenantId("default")
ADA, BOB = Principal("a1", "ada"), Principal("b1", "bob")
ALL = ExportRequest({}, "date", "desc", "ndjson", ("record",), None)
Opener = Callable[..., Application]


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store, with the settings given; a second call closes what the one before opened."""
    with ExitStack() as stack:

        def opened(clock: Callable[[], int] = compose.wall_clock, **given: str) -> Application:
            stack.close()
            return stack.enter_context(compose.build(settings.read({}, store=str(tmp_path), **given), clock=clock))

        yield opened


def filled(house: Application, count: int, *, ties: int = 1) -> list[str]:
    """The ids of so many activities that are stored now, the newest first."""
    found = records(count, ties=ties, until=1_760_000_000_000)
    house.services.store.tenant(TENANT).insert([arrival(each) for each in found])
    query = parse({"isScan": True, "limit": 5_000}, now=0)
    return [json.loads(record)["_id"] for record in house.services.store.tenant(TENANT).scan(query).records]


def ended(house: Application, export: Export) -> Export:
    for _ in range(2_000):
        now = house.writer.exports.one(export.id, Principal(export.owner_id, export.owner), TenantId(export.tenant))
        if now.state in (READY, FAILED):
            return now
        time.sleep(0.005)
    raise AssertionError(f"it does not end: {now}")


def begun(
    house: Application, wanted: ExportRequest = ALL, owner: Principal = ADA, tenant_id: TenantId = TENANT
) -> Export:
    return house.writer.exports.begin(wanted, owner, tenant_id)


def test_an_export_is_all_that_a_scan_finds(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_SCAN_PAGE", 500)
    monkeypatch.setattr(exports, "_TOGETHER", 70)
    house = opener()
    stored = filled(house, 2_300, ties=700)
    export = ended(house, begun(house))
    content = house.writer.exports.file(export.id, ADA, TENANT).read_bytes()
    assert [json.loads(line)["_id"] for line in content.splitlines()] == stored
    assert (export.rows, export.total, export.bytes) == (2_300, 2_300, len(content))
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    few = ended(
        house, begun(house, ExportRequest({"service": {"eq": 11161}}, "created", "asc", "ndjson", ("id",), "zstd"))
    )
    assert 0 < few.rows == few.total < 2_300


def test_it_is_its_owners_alone(opener: Opener) -> None:
    house = opener()
    export, keeper = begun(house), house.writer.exports
    ended(house, export)
    for owner, tenant_id in ((BOB, TENANT), (ADA, TenantId("fabrikam"))):
        assert keeper.all(owner, tenant_id) == []
        for call in (keeper.one, keeper.file, keeper.remove):
            with pytest.raises(NoSuchExportError):
                call(export.id, owner, tenant_id)
    assert [each.id for each in keeper.all(ADA, TENANT)] == [export.id]


def test_what_a_stop_cut_short_is_written_when_the_store_opens_again(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, slow = opener(), Slow()
    stored = filled(house, 30)
    with monkeypatch.context() as patch:
        patch.setitem(exports.FORMATS, "ndjson", _with_writer(exports.FORMATS["ndjson"], slow.opened))
        first, second = begun(house), begun(house)
        assert slow.reached.wait(20)
        assert [house.writer.exports.one(each.id, ADA, TENANT).state for each in (first, second)] == [
            RUNNING,
            WAITING,
        ]
        with pytest.raises(NoSuchExportError):
            house.writer.exports.file(first.id, ADA, TENANT)
        threading.Timer(0.2, slow.go_on.set).start()
        house.writer.exports.close()
    house = opener()
    for each in (first, second):
        again = ended(house, each)
        assert (again.state, again.rows) == (READY, 30)
        content = house.writer.exports.file(each.id, ADA, TENANT).read_bytes()
        assert [json.loads(line)["_id"] for line in content.splitlines()] == stored
        assert again.sha256 == hashlib.sha256(content).hexdigest()
    house = opener()
    assert house.writer.exports.one(first.id, ADA, TENANT).state == READY


def test_one_that_is_being_written_is_ended_by_its_deletion(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house, slow = opener(), Slow()
    filled(house, 30)
    with monkeypatch.context() as patch:
        patch.setitem(exports.FORMATS, "ndjson", _with_writer(exports.FORMATS["ndjson"], slow.opened))
        export = begun(house)
        assert slow.reached.wait(20)
        house.writer.exports.remove(export.id, ADA, TENANT)
        slow.go_on.set()
    # The one after it is written once the thread has let go of the first.
    assert ended(house, begun(house)).rows == 30
    assert [each.name for each in (house.services.settings.store / "exports").iterdir()] != [export.id]
    assert caplog.text == ""
    house = opener()
    assert len(house.writer.exports.all(ADA, TENANT)) == 1


class Slow:
    """Writes half of it, and waits."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def opened(self, file: Any, _: Any) -> "Slow":
        self.file = file
        return self

    def write(self, _: Any) -> None:
        self.file.write(b"half of it")
        self.reached.set()
        self.go_on.wait(20)

    def close(self) -> None: ...


def _with_writer(row: Any, writer: Any) -> Any:
    return type(row)(row.name, row.media_type, row.default_columns, writer, row.help, row.compressed)


def test_a_full_disk_fails_it_with_words(opener: Opener) -> None:
    house = opener(export_spare=str(10**17))
    filled(house, 5)
    export = ended(house, begun(house))
    assert export.state == FAILED
    assert export.error == "the disk has less than 100,000,000,000,000,000 bytes free (setting CASBAH_EXPORT_SPARE)"
    assert not any(each.name == "draft" for each in house.services.settings.store.rglob("*"))


def test_an_unforeseen_failure_says_no_more_than_that(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    house = opener()
    filled(house, 5)
    row = exports.FORMATS["ndjson"]
    monkeypatch.setitem(exports.FORMATS, "ndjson", _with_writer(row, lambda *_: 1 / 0))
    assert "division" not in (ended(house, begun(house)).error or "")
    monkeypatch.setitem(exports.FORMATS, "ndjson", row)
    assert ended(house, begun(house)).state == READY


def test_it_goes_once_it_has_been_there_for_long_enough(opener: Opener) -> None:
    now = [1_760_000_000_000]
    house = opener(clock=lambda: now[0], export_keep="1h")
    export = ended(house, begun(house))
    file = house.writer.exports.file(export.id, ADA, TENANT)
    now[0] += 3_600_000
    assert house.writer.exports.all(ADA, TENANT) != []
    now[0] += 1
    assert house.writer.exports.all(ADA, TENANT) == []
    assert not file.parent.exists()


def test_an_export_that_the_disk_keeps_is_not_forgotten(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1_760_000_000_000]
    house = opener(lambda: now[0], export_keep="1d")
    export = ended(house, begun(house))

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path), missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(OSError, match="Read-only"):
            house.writer.exports.remove(export.id, ADA, TENANT)
        now[0] += 86_400_001
        assert house.writer.exports.all(ADA, TENANT) == [export]
        assert "cannot be deleted" in caplog.text
    assert house.writer.exports.all(ADA, TENANT) == []


def test_a_state_that_the_disk_refuses_is_not_reported(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    house = opener()
    write_file = exports.write_file

    def refuse(path: Path, content: bytes) -> None:
        if b'"ready"' in content:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        write_file(path, content)

    monkeypatch.setattr(exports, "write_file", refuse)
    assert ended(house, begun(house)).state == FAILED


def test_only_so_many_are_kept(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_EXPORTS", 2)
    house = opener()
    first = begun(house)
    begun(house)
    with pytest.raises(LimitExceededError, match="there are 2 exports already"):
        begun(house)
    begun(house, owner=BOB)
    house.writer.exports.remove(first.id, ADA, TENANT)
    begun(house)


def test_what_lies_there_and_is_no_export_is_left_alone(
    opener: Opener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = opener()
    export = ended(house, begun(house))
    folder = tmp_path / "exports" / export.id
    shutil.copytree(folder, tmp_path / "exports" / "half")
    (tmp_path / "exports" / "half" / "export.json").write_text('{"id": "half"')
    (tmp_path / "exports" / "lost+found").mkdir()
    house = opener()
    assert [each.id for each in house.writer.exports.all(ADA, TENANT)] == [export.id]
    assert (tmp_path / "exports" / "half").is_dir()
    assert caplog.text.count("is no export and is left alone") == 2


# Over the wire.


@pytest.fixture
def bearer(opener: Opener) -> Callable[..., Asker]:
    house = opener()
    filled(house, 40)

    def made(name: str, tenant: str = "default") -> Asker:
        key, _ = house.services.tokens.create(name, tenant=tenant, scopes=["Investigation.read"])
        return Asker(house.app, key)

    return made


def ready(ask: Asker, **body: Any) -> dict[str, Any]:
    answer = ask("POST", PATH, json.dumps(body).encode())
    assert answer.status == 201, answer.body
    for _ in range(2_000):
        found = ask("GET", f"{PATH}/{answer.json['id']}").json
        if found["state"] in (READY, FAILED):
            return found
        time.sleep(0.005)
    raise AssertionError("it does not end")


def test_the_file_is_fetched_whole_and_in_parts(bearer: Callable[..., Asker]) -> None:
    ada = bearer("ada")
    export = ready(ada, format="csv", columns=["id", "time"], sortDirection="asc")
    assert (export["state"], export["rows"], export["total"], export["error"]) == (READY, 40, 40, None)
    whole: Reply = ada("GET", f"{PATH}/{export['id']}/file/")
    assert hashlib.sha256(whole.body).hexdigest() == export["sha256"] == whole.headers["etag"].strip('"')
    assert whole.headers["repr-digest"].startswith("sha-256=:")
    assert whole.headers["content-type"] == "text/csv; charset=utf-8"
    assert whole.headers["content-disposition"] == f'attachment; filename="activities-{export["id"]}.csv"'
    part = ada("GET", f"{PATH}/{export['id']}/file", headers={"range": "bytes=5-20"})
    assert (part.status, part.body) == (206, whole.body[5:21])
    past = ada("GET", f"{PATH}/{export['id']}/file", headers={"range": "bytes=999999-"})
    assert past.status == 416


def test_another_caller_finds_nothing(bearer: Callable[..., Asker]) -> None:
    ada = bearer("ada")
    export = ready(ada)
    for other in (bearer("bob"), bearer("ada", "fabrikam")):
        assert other("GET", PATH).json == {"data": [], "hasNext": False, "total": 0}
        for method, path in (("GET", export["id"]), ("GET", f"{export['id']}/file"), ("DELETE", export["id"])):
            assert other(method, f"{PATH}/{path}").status == 404
    assert ada("GET", PATH).json["total"] == 1
    assert ada("DELETE", f"{PATH}/{export['id']}").json == {"id": export["id"]}
    assert ada("GET", f"{PATH}/{export['id']}/file").status == 404


@pytest.mark.parametrize(
    "body, said",
    [
        ({"filters": {"nonsense": {"eq": 1}}}, "unknown filter 'nonsense'"),
        ({"filters": []}, "filters: expected an object"),
        ({"format": "xlsx"}, "format: expected one of csv"),
        ({"columns": ["nope"]}, "columns: there is no 'nope'"),
        ({"format": "arrow", "compress": "gzip"}, "compress: arrow is compressed already"),
        ({"sortField": "user"}, "sortField: expected one of date, created"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_it_is_begun(
    bearer: Callable[..., Asker], body: Any, said: str
) -> None:
    ada = bearer("ada")
    answer = ada("POST", PATH, json.dumps(body).encode())
    assert answer.status == 400
    assert answer.json["detail"].startswith(said)
    assert ada("GET", PATH).json["total"] == 0
