"""What a command does when its input, its store or its surroundings are not as they should be."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import typer
from rich.console import Console

from casbah import settings
from casbah.cli import condition, connection
from casbah.cli.printable import cell, plain
from making import empty_store, record

ESCAPE = "\x1b]0;title\x07\x1b[31mred"


def casbah(
    store: Path, *arguments: str | bytes, stdin: bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[bytes]:
    """One command; whatever goes wrong is said without a traceback."""
    environment = {**os.environ, "CASBAH_STORE": str(store), "CASBAH_PORT": "0", "COLUMNS": "200"}
    command = [sys.executable, "-m", "casbah", *arguments]
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


CONDITIONS = [
    pytest.param(["user.domain eq contoso.com"], {"user.domain": {"eq": ["contoso.com"]}}, id="text"),
    pytest.param(["text text two words"], {"text": {"text": ["two words"]}}, id="a value keeps its blanks"),
    pytest.param(["service eq 11161"], {"service": {"eq": ["11161"]}}, id="a number is text"),
    pytest.param(["service eq [1, 2]"], {"service": {"eq": [1, 2]}}, id="a JSON list is its values"),
    pytest.param(['service eq "1 x"'], {"service": {"eq": ["1 x"]}}, id="a JSON string"),
    pytest.param(["device.type eq null"], {"device.type": {"eq": [None]}}, id="null"),
    pytest.param(["text text [not JSON"], {"text": {"text": ["[not JSON"]}}, id="what only begins as JSON is text"),
    pytest.param(["service eq 1", "service eq 2"], {"service": {"eq": ["1", "2"]}}, id="again means or"),
    pytest.param(
        ["service eq 1", "service neq 2"], {"service": {"eq": ["1"], "neq": ["2"]}}, id="another operator means and"
    ),
]


@pytest.mark.parametrize("typed, expected", CONDITIONS)
def test_conditions_as_typed(typed, expected):
    assert condition.filters(typed, None) == expected


def test_conditions_stand_beside_a_filters_object(tmp_path):
    file = tmp_path / "filters.json"
    file.write_text('{"service": {"eq": 1}}', encoding="utf-8")
    assert condition.filters(["service eq 2"], f"@{file}") == {"service": {"eq": [1, "2"]}}


@pytest.mark.parametrize(
    "typed, given, said",
    [
        pytest.param(["service eq"], None, "NAME OPERATOR VALUE", id="no value"),
        pytest.param([], "{", "not JSON", id="no JSON"),
        pytest.param([], "[]", "expected an object", id="a list of filters"),
        pytest.param([], "@/no/such/file", "No such file", id="no file"),
        pytest.param(["service eq 1"], '{"service": 5}', "expected an object", id="a filter without operators"),
    ],
)
def test_conditions_that_make_no_sense_are_misspelt_commands(typed, given, said):
    with pytest.raises(typer.BadParameter, match=said):
        condition.filters(typed, given)


def test_what_a_log_says_does_not_steer_the_terminal(tmp_path):
    evil = record(1, description=ESCAPE, user={"userName": "u1@contoso.com"})
    casbah(tmp_path, "ingest", "-", stdin=json.dumps(evil).encode())
    for command in (["list"], ["show", "activity-1"]):
        shown = casbah(tmp_path, *command).stdout
        assert b"red" in shown
        assert not set(shown) & {0x1B, 0x07}


@pytest.mark.parametrize(
    "text, shown",
    [
        pytest.param("Zoë, 東京, [bold] 🎉", "Zoë, 東京, [bold] 🎉", id="plain text stays as it is"),
        pytest.param("a\tb\r\nc", "a b  c", id="white space is blanks"),
        pytest.param("\u202egnp.exe", "⟨U+202E⟩gnp.exe", id="a change of direction"),
        pytest.param("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩", id="an isolate"),
        pytest.param("ad\u00admin\u200b", "ad⟨U+00AD⟩min⟨U+200B⟩", id="a soft hyphen and a zero-width space"),
        pytest.param("a\x00b\x9bc\x1b[31m", "a⟨U+0000⟩b⟨U+009B⟩c⟨U+001B⟩[31m", id="control characters"),
        pytest.param("a\ufeffb\u2028c\U000e0041", "a⟨U+FEFF⟩b⟨U+2028⟩c⟨U+E0041⟩", id="a BOM, a line separator, a tag"),
        pytest.param("a\ud83d", "a⟨U+D83D⟩", id="half a character"),
    ],
)
def test_what_hides_is_shown(text, shown):
    assert plain(text) == shown


@pytest.mark.parametrize("encoding, shown", [("latin-1", b"???"), ("ascii", b"???"), ("utf-8", "操作人".encode())])
def test_a_console_that_cannot_show_a_character_shows_something_else(tmp_path, monkeypatch, encoding, shown):
    casbah(tmp_path, "ingest", "-", stdin=json.dumps(record(1, description="操作人")).encode())
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    assert shown in casbah(tmp_path, "list").stdout
    assert b"activity-1" in casbah(tmp_path, "show", "activity-1").stdout


def test_brackets_in_a_cell_are_no_markup():
    console = Console(width=40)
    with console.capture() as captured:
        console.print(cell("export[old].json [/b]"))
    assert captured.get() == "export[old].json [/b]\n"


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        pytest.param(["list", "--tenant", "é"], 1, "use 1 to 64 of a-z", id="a tenant that no header can carry"),
        pytest.param(["list", "--filter", b"text text \xff"], 1, "not UTF-8", id="bytes that are not text"),
        pytest.param(["list", "--all", "--json"], 2, "--ndjson", id="everything as one answer"),
        pytest.param(["list", "--store", __file__], 2, "not a folder", id="a store that is a file"),
        pytest.param(["token", "revoke", "nothing"], 1, "no token 'nothing'", id="a token that is not there"),
        pytest.param(["demo", "--count", "-1"], 2, "--count", id="fewer than none"),
    ],
)
def test_what_goes_wrong_is_said_plainly(tmp_path, arguments, code, said):
    empty_store(tmp_path)
    assert said in casbah(tmp_path, *arguments, code=code).stderr.decode()


@pytest.fixture
def stranger():
    """A server that is not ours, yet says yes to `/livez`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stranger_on_the_port_is_not_our_server(tmp_path, stranger):
    (tmp_path / "server.json").write_text(json.dumps({"url": stranger, "key": "k", "pid": 1}), encoding="utf-8")
    assert connection.running(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"url": "http://[bad", "key": "k"}',
        '{"url": "odd:", "key": "k"}',
        '{"url": "http://a:bad", "key": "k"}',
        "{}",
    ],
)
def test_a_server_file_that_makes_no_sense_is_no_server(tmp_path, text):
    (tmp_path / "server.json").write_text(text, encoding="utf-8")
    assert connection.running(tmp_path) is None


def test_the_owner_is_neither_throttled_nor_shown_quirks(tmp_path):
    narrow = settings.read(
        {}, store=str(tmp_path), throttle="1/hour", mimic="mdca", mimic_fail="502:1", mimic_late="1h"
    )
    with connection.connected(narrow, tenant="t") as api:
        api.ask("POST", "/api/ext/v1/activities?source=mdca", content=b'{"_id": "a", "timestamp": 1, "appId": 1}')
        for _ in range(3):
            answer = api.ask("POST", "/api/v1/activities/", json={"isScan": True})
            assert answer.json()["total"] == 1
            assert "ratelimit" not in answer.headers


@pytest.mark.parametrize("delay", [0, 0.01, 0.03])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_very_start_is_heeded(tmp_path, number, delay):
    command = [sys.executable, "-m", "casbah", "serve", "--store", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"casbah: serving http://127.0.0.1:")
        assert (tmp_path / "server.json").exists()
        time.sleep(delay)
        process.send_signal(number)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert not (tmp_path / "server.json").exists()


def test_a_store_that_others_may_look_into_is_reported_and_what_is_written_is_its_owners(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir(mode=0o755)
    store.chmod(0o755)
    before = os.umask(0o022)
    try:
        sent = json.dumps(record(1)).encode()
        casbah(store, "ingest", "-", "--source", "mdca", stdin=sent)
        environment = {**os.environ, "CASBAH_STORE": str(store), "CASBAH_PORT": "0"}
        process = subprocess.Popen(
            [sys.executable, "-m", "casbah", "serve"], env=environment, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.umask(before)
    with process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        process.terminate()
        process.communicate()
    assert said[1] == f"casbah: other users have access to {store}; run chmod 700 {store}\n"
    made = [each for each in store.rglob("*") if each.stat().st_mode & 0o077]
    assert made == []
