"""`casbah health`: what a container's health check runs."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.cli.server_file import announced
from casbah.testing.server import casbah_server
from command_line import app

Setting = Callable[[str, str], None]


def invoke(*words: str):
    return CliRunner().invoke(app, ["health", *words])


class Leaving(BaseHTTPRequestHandler):
    """A server that is alive and not ready."""

    def do_GET(self) -> None:
        alive = self.path == "/livez"
        body = json.dumps({"status": "alive"} if alive else {"detail": "shutting down"}).encode()
        self.send_response(200 if alive else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def leaving(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """The port of a server that is leaving."""
    with HTTPServer(("127.0.0.1", 0), Leaving) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_server_at_the_address_of_the_settings(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_HOST", host)
    with casbah_server() as server:
        monkeypatch.setenv("CASBAH_PORT", server.url.rpartition(":")[2])
        for words, status in (([], "alive\n"), (["--ready"], "ready\n")):
            result = invoke(*words)
            assert (result.exit_code, result.stdout) == (0, status), result.exception
        assert invoke("--set", "port=9").exit_code == 1


def test_a_server_at_the_address_that_it_announced(tmp_path: Path) -> None:
    with casbah_server() as server:
        port = server.url.rpartition(":")[2]
        with announced(tmp_path, url=f"http://0.0.0.0:{port}", key="k"):
            assert invoke().stdout == "alive\n"


def test_a_server_with_tls(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pem, secret = certificate
    monkeypatch.setenv("CASBAH_TLS_CERTIFICATE", str(pem))
    monkeypatch.setenv("CASBAH_TLS_KEY", str(secret))
    with leaving(certificate) as port:
        monkeypatch.setenv("CASBAH_PORT", str(port))
        assert invoke().stdout == "alive\n"
    with leaving() as port:
        monkeypatch.setenv("CASBAH_PORT", str(port))
        assert invoke().exit_code == 1


def test_a_server_that_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    with leaving() as port:
        monkeypatch.setenv("CASBAH_PORT", str(port))
        refused = invoke("--ready")
        assert refused.exit_code == 1
        assert str(refused.exception) == (f'http://127.0.0.1:{port}/readyz answered 503: {{"detail": "shutting down"}}')
    gone = invoke("--seconds", "1")
    assert (gone.exit_code, f"http://127.0.0.1:{port}/livez did not answer" in str(gone.exception)) == (1, True)


@pytest.mark.parametrize("content", ["{", "[]", "{}", ""])
def test_a_damaged_file_of_the_server_is_ignored(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.json").write_text(content)
    with leaving() as port:
        monkeypatch.setenv("CASBAH_PORT", str(port))
        assert invoke().stdout == "alive\n"


@pytest.mark.parametrize("url", ["http://a:bad", "http://[bad", "odd:", 5, None])
def test_a_server_that_announced_no_address_is_not_healthy(url: object, tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"url": url, "key": "k"}))
    result = invoke()
    assert (result.exit_code, "did not answer" in str(result.exception)) == (1, True), result.exception
