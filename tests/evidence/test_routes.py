"""The log over HTTP and on the command line, and what backups make of it."""

import json
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import boto3
import httpx
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.errors import BadSettingError
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.identity.permissions import TENANT_HEADER
from casbah.proof_checker import NotProvenError, check
from casbah.services import kept_logs
from casbah.store.embedded.store import EmbeddedStore
from command_line import app
from evidence.auditor import agrees, checked, entries_of, holds, root_of
from making import NOW, arrival, record
from scenarios.server import serving

NAME = "casbah.example.com"
TENANT = TenantId("acme")
LOG = "/api/ext/v1/log"


class Served:
    """A log as a stranger reads it, over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _get(self, path: str) -> httpx.Response:
        return self._client.get(f"{LOG}/{path}").raise_for_status()

    @property
    def checkpoint(self) -> str:
        return self._get("checkpoint").text

    @property
    def verifier_keys(self) -> list[str]:
        return self._get("keys").text.splitlines()

    def tile(self, level: int, number: int, width: int) -> bytes:
        return self._get(f"tile/{level}/{number:03d}" + (f".p/{width}" if width < 256 else "")).content

    def bundle(self, number: int, width: int) -> bytes:
        return self._get(f"tile/entries/{number:03d}" + (f".p/{width}" if width < 256 else "")).content


def client_of(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Token {key}", TENANT_HEADER: "acme"})


def test_what_is_served_is_a_log_in_the_formats_of_c2sp(tmp_path):
    with serving(tmp_path, log_name=NAME, log_delay="1") as (url, application):
        tenant = application.services.store.tenant(TENANT)
        tenant.insert([arrival(record(number)) for number in range(600)])
        logs = application.writer.logs
        assert logs is not None
        logs.begin()
        with client_of(url, application.local_key) as client:
            served, end = Served(client), time.monotonic() + 60
            while checked(served.checkpoint, served.verifier_keys).size < 600:
                assert time.monotonic() < end
                time.sleep(0.05)
            checkpoint = checked(served.checkpoint, served.verifier_keys)
            assert checkpoint.origin.startswith(f"{NAME}/acme/")
            assert root_of(entries_of(served, 600)) == checkpoint.root
            proof = client.get(f"{LOG}/proofs/activity-7").text
            assert holds(proof, client.get("/api/v1/activities/activity-7/").content, served.verifier_keys)
            assert served.tile(1, 0, 2)
            assert client.get(f"{LOG}/tile/0/000").headers["content-type"] == "application/octet-stream"
            assert client.get(f"{LOG}/checkpoint").headers["content-type"].startswith("text/plain")
            assert "casbah_log_delay_seconds 0.0" in client.get("/metrics").text
            tenant.insert([arrival(record(600))])
            assert "casbah_log_delay_seconds" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("readers", "scopes", "status"),
    [
        ("read", "Investigation.read", 200),
        ("read", "Ingest.write", 403),
        ("admin", "Investigation.read", 403),
        ("admin", "Admin.manage Investigation.read", 200),
    ],
)
def test_who_may_read_it(tmp_path, readers, scopes, status):
    with serving(tmp_path, log_name=NAME, log_readers=readers) as (url, application):
        key = application.services.tokens.create("a", tenant="acme", scopes=scopes.split())[0]
        with httpx.Client(base_url=url, headers={"Authorization": f"Token {key}"}) as client:
            for path in ("checkpoint", "keys", "tile/0/000"):
                got = client.get(f"{LOG}/{path}").status_code
                assert got == (404 if status == 200 and path.startswith("tile") else status)
            assert client.get("/api/ext/v1/session").json().get("proofs", False) is (status == 200)


def test_a_server_without_a_name_keeps_no_log(tmp_path):
    with serving(tmp_path) as (url, application), client_of(url, application.local_key) as client:
        application.services.store.tenant(TENANT).insert([arrival(record(1))])
        for path in ("checkpoint", "keys", "tile/0/000", "proofs/activity-1"):
            assert client.get(f"{LOG}/{path}").status_code == 404
    assert not log_folder(tmp_path, "acme").exists()


@pytest.mark.parametrize("name", ["a b", "a+b", "https://casbah.example.com"])
def test_a_name_that_is_no_origin_is_refused(name):
    with pytest.raises(BadSettingError, match="CASBAH_LOG_NAME"):
        settings.read({}, log_name=name)


def test_a_store_on_a_cluster_keeps_no_log_and_says_why():
    chosen = settings.read({}, log_name=NAME)
    with pytest.raises(BadSettingError, match="salt"), kept_logs(chosen, object()):
        pass


def test_a_restored_copy_begins_another_log_that_names_the_last_checkpoint(tmp_path):
    with serving(tmp_path / "a", log_name=NAME) as (_, application):
        tenant, logs = application.services.store.tenant(TENANT), application.writer.logs
        tenant.insert([arrival(record(number)) for number in range(10)])
        known = logs.of("acme").checkpoint
        snapshot = application.writer.snapshots.make()
        tenant.insert([arrival(record(10))])
        logs.of("acme").advance()
        kept = checked(logs.of("acme").checkpoint, logs.of("acme").verifier_keys)
        (tmp_path / "a" / "snapshots" / snapshot.id).rename(tmp_path / "b")
    assert not list((tmp_path / "b").glob("**/*.pem")), "a copy of the store has no signing key"
    with (
        closing(EmbeddedStore(tmp_path / "b", clock=lambda: NOW)) as store,
        closing(_logs(store, tmp_path / "b")) as logs,
    ):
        log = logs.of("acme")
        entries = agrees(log, store.tenant(TENANT))
        assert entries[0] == b"\x04" + known.encode()
        assert len(entries) == 11
        assert log.origin != kept.origin, "who kept the later checkpoint sees that this is another log"


def _logs(store: EmbeddedStore, folder: Path) -> Logs:
    return Logs(store, lambda name: log_folder(folder, name), Signer(NAME, signing_keys(folder)), seconds=5)


def test_an_older_copy_of_the_files_contradicts_a_kept_checkpoint(tmp_path):
    """What no server can notice by itself: all files are those of an earlier day. A kept checkpoint shows it."""
    with serving(tmp_path, log_name=NAME) as (_, application):
        application.services.store.tenant(TENANT).insert([arrival(record(number)) for number in range(10)])
        application.writer.logs.of("acme").advance()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with serving(tmp_path, log_name=NAME) as (_, application):
        application.services.store.tenant(TENANT).insert([arrival(record(10))])
        log = application.writer.logs.of("acme")
        log.advance()
        kept = checked(log.checkpoint, log.verifier_keys)
    for file in [file for file in tmp_path.rglob("*") if file.is_file()]:
        file.unlink()
    for file, content in before.items():
        file.write_bytes(content)
    with serving(tmp_path, log_name=NAME) as (_, application):
        application.services.store.tenant(TENANT).insert([arrival(record(99))])
        log = application.writer.logs.of("acme")
        log.advance()
        entries = entries_of(log, checked(log.checkpoint, log.verifier_keys).size)
        assert checked(log.checkpoint, log.verifier_keys).origin == kept.origin
        assert root_of(entries[: kept.size]) != kept.root


def casbah(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_log_is_written_to_a_bucket(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("CASBAH_LOG_NAME", NAME)
    where = ("--store", str(tmp_path / "store"), "--tenant", "acme")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for held, new in ((300, 5), (700, 5), (700, 0)):
            with compose.build(settings.read({}, store=str(tmp_path / "store"), log_name=NAME)) as application:
                application.services.store.tenant(TENANT).insert([arrival(record(number)) for number in range(held)])
                application.writer.logs.of("acme").advance()
            assert casbah("log", "write", "s3://evidence/acme", *where).startswith(
                f"wrote {new} tiles of a log of {held} "
            )
        assert casbah("log", "write", str(tmp_path / "out"), *where).startswith("wrote 7 tiles")
        stored = {item["Key"] for item in client.list_objects_v2(Bucket="evidence")["Contents"]}
        for file in (file for file in (tmp_path / "out").rglob("*") if file.is_file()):
            key = f"acme/{file.relative_to(tmp_path / 'out')}"
            assert client.get_object(Bucket="evidence", Key=key)["Body"].read() == file.read_bytes()
            stored.remove(key)
        assert all(".p/" in key for key in stored), "of tiles that were not full then"


def test_the_commands(tmp_path, monkeypatch):
    monkeypatch.setenv("CASBAH_LOG_NAME", NAME)
    store, out = tmp_path / "store", tmp_path / "out"
    with compose.build(settings.read({}, store=str(store), log_name=NAME)) as application:
        application.services.store.tenant(TENANT).insert([arrival(record(number)) for number in range(300)])
    where = ("--store", str(store), "--tenant", "acme")
    keys = casbah("log", "keys", *where).splitlines()
    proof = casbah("prove", "activity-5", "--record", str(tmp_path / "r.json"), *where)
    stored = (tmp_path / "r.json").read_bytes()
    assert json.loads(stored)["_id"] == "activity-5"
    assert holds(proof, stored, keys)
    assert casbah("log", "write", str(out), *where).startswith("wrote 5 tiles of a log of 300 entries")
    assert casbah("log", "write", str(out), *where).startswith("wrote 0 tiles")
    assert checked((out / "checkpoint").read_text(), keys).size == 300
    assert {str(file.relative_to(out / "tile")) for file in (out / "tile").rglob("*") if file.is_file()} >= {
        "0/000",
        "0/001.p/44",
        "1/000.p/1",
        "entries/000",
        "entries/001.p/44",
    }
    casbah("log", "rotate", "--store", str(store))
    assert casbah("log", "keys", *where).splitlines()[0] == keys[0]
    assert len(casbah("log", "keys", *where).splitlines()) == 2
    monkeypatch.delenv("CASBAH_LOG_NAME")
    result = CliRunner().invoke(app, ["prove", "activity-5", *where])
    assert result.exit_code == 1
    assert "CASBAH_LOG_NAME" in str(result.exception)


def test_an_export_is_proven_with_the_act_that_names_its_digest(tmp_path, monkeypatch):
    monkeypatch.setenv("CASBAH_LOG_NAME", NAME)
    store, out = tmp_path / "store", tmp_path / "all.ndjson"
    with compose.build(settings.read({}, store=str(store), log_name=NAME)) as application:
        application.services.store.tenant(TENANT).insert([arrival(record(number)) for number in range(30)])
    where = ("--store", str(store), "--tenant", "acme")
    casbah("export", str(out), "--prove", *where)
    content, stored = out.read_bytes(), (tmp_path / "all.ndjson.record.json").read_bytes()
    assert len(content.splitlines()) == 30
    key, *_ = casbah("log", "keys", *where).splitlines()
    proven = check((tmp_path / "all.ndjson.tlog-proof").read_bytes(), stored, [key])
    result = json.loads(stored)["rawDataJson"]["result"]
    assert result == {
        "sha256": sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": 30,
        "origin": proven.origin,
        "first": 0,
        "end": proven.index,
    }
    assert proven.index >= 30, "the activities of the export are in the log before it"
    assert b'"sha256":"%b"' % sha256(content).hexdigest().encode() in stored, "as docs/evidence.md looks for it"
    other = stored.replace(sha256(content).hexdigest().encode(), sha256(b"").hexdigest().encode())
    with pytest.raises(NotProvenError):
        check((tmp_path / "all.ndjson.tlog-proof").read_bytes(), other, [key])


def test_an_export_without_a_log_is_refused_before_it_begins(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path / "store"))) as application:
        application.services.store.tenant(TENANT).insert([arrival(record(1))])
    where = ("--store", str(tmp_path / "store"), "--tenant", "acme")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "all.ndjson"), "--prove", *where])
    assert result.exit_code == 1
    assert "CASBAH_LOG_NAME" in str(result.exception)
    assert not (tmp_path / "all.ndjson").exists()


def test_only_a_ready_export_of_the_caller_is_proven(tmp_path):
    with serving(tmp_path, log_name=NAME) as (url, application), client_of(url, application.local_key) as client:
        application.services.store.tenant(TENANT).insert([arrival(record(1))])
        assert client.post(f"{LOG}/exports/{'0' * 16}").status_code == 404
        export = client.post("/api/ext/v1/exports", json={"format": "ndjson"}).json()["id"]
        end = time.monotonic() + 60
        while client.get(f"/api/ext/v1/exports/{export}").json()["state"] != "ready":
            assert time.monotonic() < end
            time.sleep(0.02)
        other = application.services.tokens.create("a", tenant="acme", scopes=["Investigation.read"])[0]
        headers = {"Authorization": f"Token {other}"}
        assert httpx.post(f"{url}{LOG}/exports/{export}", headers=headers).status_code == 404
        assert client.post(f"{LOG}/exports/{export}").status_code == 200
