"""What is stored reaches a webhook or a collector of syslog: in order, at least once, and nothing that is not to."""

import hashlib
import hmac
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.base.backoff import Backoff
from casbah.ingest.cef import parse
from casbah.outputs.push import guard
from casbah.outputs.push.config import BadPushFileError, PushTarget, read, secret
from casbah.outputs.push.deliver import DeliveryRefusedError, RetryLaterError, Syslog, Webhook
from casbah.outputs.push.pusher import Outbox, Pusher, Pushing
from casbah.store.contract import Store
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, record

TENANT = TenantId("default")
DAY = 86_400_000
KEY = b"a secret"
PATIENCE = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = EmbeddedStore(tmp_path / "store", clock=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path)) as opened:
        yield opened


class Hook:
    """A webhook's other side: answers what it is told to, then 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes, int]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = hook.answers.pop(0) if hook.answers else 200
                hook.got.append((dict(self.headers), body, status))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def taken(self) -> list[str]:
        return [each["_id"] for _, body, status in self.got if status == 200 for each in json.loads(body)["data"]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def webhook(hook: Hook, **given: Any) -> PushTarget:
    return PushTarget(kind="webhook", to=hook.url, **{"allow_private": True, "batch": 10, **given})


OPEN: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def way(entry: PushTarget) -> Any:
    OPEN.append(Webhook("soar", entry, KEY) if entry.kind == "webhook" else Syslog(entry))
    return OPEN[-1]


def pusher(store: Store, letters: Outbox, entry: PushTarget) -> Pusher:
    return Pusher("soar", entry, way(entry), store=store, outbox=letters, clock=lambda: NOW)


def stored(store: Store, first: int, count: int, **keys: Any) -> list[str]:
    store.tenant(TENANT).insert(
        [arrival(record(each, timestamp=NOW - each, **keys)) for each in range(first, first + count)]
    )
    return [f"activity-{each}" for each in range(first, first + count)]


def drained(each: Pusher) -> None:
    while each.step():
        pass


def test_all_that_is_stored_arrives_once_in_order(store: Store, letters: Outbox, hook: Hook) -> None:
    sent = pusher(store, letters, webhook(hook))
    wanted = stored(store, 0, 35)
    drained(sent)
    wanted += stored(store, 100, 3)
    drained(sent)
    drained(sent)
    assert hook.taken() == wanted


def test_a_delivery_is_signed_and_named(store: Store, letters: Outbox, hook: Hook) -> None:
    stored(store, 0, 3)
    pusher(store, letters, webhook(hook)).step()
    ((headers, body, _),) = hook.got
    said = dict(part.split("=", 1) for part in headers["Casbah-Signature"].split(","))
    wanted = hmac.new(KEY, f"{said['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert said["v1"] == wanted
    assert headers["Casbah-Delivery"] == "soar-1-3"
    assert KEY.decode() not in str(headers)


def test_what_is_not_taken_now_is_sent_again(store: Store, letters: Outbox, hook: Hook) -> None:
    wanted = stored(store, 0, 15)
    sent = pusher(store, letters, webhook(hook))
    hook.answers = [503, 429, 500]
    for _ in range(3):
        with pytest.raises(RetryLaterError, match="answered"):
            sent.step()
    drained(sent)
    assert hook.taken() == wanted
    assert len({headers["Casbah-Delivery"] for headers, _, _ in hook.got[:4]}) == 1


def test_a_restart_goes_on_where_it_was(store: Store, letters: Outbox, hook: Hook) -> None:
    wanted = stored(store, 0, 25)
    first = pusher(store, letters, webhook(hook))
    first.step()
    first.close()
    drained(pusher(store, letters, webhook(hook)))
    assert hook.taken() == wanted


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_what_is_refused_for_good_is_kept_and_can_be_sent_again(
    store: Store, letters: Outbox, hook: Hook, status: int
) -> None:
    wanted = stored(store, 0, 25)
    sent = pusher(store, letters, webhook(hook))
    hook.answers = [200, status]
    drained(sent)
    assert hook.taken() == wanted[:10] + wanted[20:]
    (letter,) = letters.dead("soar")
    assert (letter.count, letter.reason) == (10, f"answered {status}")
    assert sent.replay(letter) == 10
    assert sorted(hook.taken()) == sorted(wanted)
    assert letters.dead() == []


def test_only_what_the_filters_find_of_that_tenant_is_sent(store: Store, letters: Outbox, hook: Hook) -> None:
    store.tenant(TenantId("other")).insert([arrival(record(500))])
    stored(store, 0, 5)
    wanted = stored(store, 10, 5, appId=10980)
    drained(pusher(store, letters, webhook(hook, filters={"service": {"eq": [10980]}})))
    assert hook.taken() == wanted


def test_at_first_only_the_last_days_are_sent_and_then_whatever_is_stored(
    store: Store, letters: Outbox, hook: Hook
) -> None:
    old = [record(each, timestamp=NOW - 3 * DAY) for each in range(20)]
    store.tenant(TENANT).insert(map(arrival, old))
    wanted = stored(store, 100, 12)
    sent = pusher(store, letters, webhook(hook))
    sent.step()
    late = [record(each, timestamp=NOW - 30 * DAY) for each in range(200, 205)]
    store.tenant(TENANT).insert(map(arrival, late))
    drained(sent)
    assert hook.taken() == wanted + [each["_id"] for each in late]


def test_without_backfill_only_what_is_stored_from_then_on_is_sent(store: Store, letters: Outbox, hook: Hook) -> None:
    stored(store, 0, 5)
    sent = pusher(store, letters, webhook(hook, backfill="0d"))
    drained(sent)
    wanted = stored(store, 10, 5)
    drained(sent)
    assert hook.taken() == wanted


def test_a_destination_that_is_away_is_tried_again_by_itself(
    store: Store, letters: Outbox, hook: Hook, monkeypatch
) -> None:
    monkeypatch.setattr("casbah.outputs.push.pusher._BACKOFF", Backoff(0.01, 1.0, jitter=0.5))
    hook.answers = [503] * 4
    wanted = stored(store, 0, 12)
    with closing(Pushing({"soar": pusher(store, letters, webhook(hook))})) as running:
        running.start()
        end = time.monotonic() + PATIENCE
        while len(hook.taken()) < len(wanted) and time.monotonic() < end:
            time.sleep(0.02)
    assert hook.taken() == wanted


def test_a_report_says_how_far_behind_a_destination_is(store: Store, letters: Outbox, hook: Hook) -> None:
    sent = pusher(store, letters, webhook(hook, backfill="0d"))
    stored(store, 0, 5)
    assert (sent.lag_ms, sent.report().behind) == (None, 0)
    drained(sent)
    stored(store, 100, 12)
    sent._clock = lambda: NOW + 60_000
    hook.answers = [503]
    with pytest.raises(RetryLaterError) as caught:
        sent.step()
    sent.failed(str(caught.value))
    away = sent.report()
    assert (away.lag_ms, away.behind, away.last_success, away.last_failure) == (60_000, 12, None, NOW + 60_000)
    assert (away.name, away.kind, away.error) == ("soar", "webhook", "answered 503")
    hook.answers = [410]
    drained(sent)
    done = sent.report()
    assert (done.lag_ms, done.behind, done.last_success, done.dead_letters) == (0, 0, NOW + 60_000, 10)


def test_a_report_hides_the_path_and_the_password_of_a_destination(store: Store, letters: Outbox) -> None:
    secret = pusher(store, letters, PushTarget(kind="webhook", to="https://user:pass@[2001:db8::1]:8443/key?token=1"))
    assert secret.report().to == "https://[2001:db8::1]:8443"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::", "2002:7f00:1::",
     "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::5db8:d822", "::127.0.0.1", "::93.184.216.34",
     "::ffff:0:7f00:1", "fec0::1", "feff::1", "2001:0:7f00:1::1", "2606:2800:220:1::5efe:a00:1", "2606:2800:220:1:200:5efe:a00:1",
     "5f00::1", "ff0e::1"],
)  # fmt: skip
def test_addresses_of_ones_own_network_are_not_public(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::"]
)
def test_addresses_of_the_internet_are(address: str) -> None:
    assert guard.is_public(address)


def test_a_private_destination_is_not_connected_to_whatever_it_is_called(store, letters, hook, monkeypatch) -> None:
    stored(store, 0, 1)
    port = hook.server.server_port
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
    entry = PushTarget(kind="webhook", to=f"http://innocent.example:{port}/")
    with pytest.raises(RetryLaterError, match=r"innocent\.example is 127\.0\.0\.1, a private address"):
        pusher(store, letters, entry).step()
    with pytest.raises(RetryLaterError, match="a private address"):
        way(PushTarget(kind="syslog", to=f"tcp://innocent.example:{port}")).send(changes(store))
    assert hook.got == []


def changes(store: Store) -> Any:
    return store.tenant(TENANT).changes(Everything(), after=0, limit=100).changes


class Collector:
    """A collector of syslog: takes connections one after the other and keeps what comes."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = [bytearray()]
        self.connection: socket.socket | None = None
        self._tls = tls
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
                self.connection = self._tls.wrap_socket(raw, server_side=True) if self._tls else raw
                while data := self.connection.recv(65_536):
                    self.taken[-1] += data
                self.taken.append(bytearray())
            except OSError:
                if self.listener.fileno() < 0:
                    return
                self.taken.append(bytearray())

    def wait(self, done: Callable[[bytes], bool]) -> bytes:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if done(all_taken := b"".join(self.taken)):
                return all_taken
            time.sleep(0.01)
        raise AssertionError(b"".join(self.taken))

    def close(self) -> None:
        self.listener.close()
        if self.connection:
            self.connection.close()
        self._thread.join(5)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def syslog(collector: Collector, scheme: str = "tcp", **given: Any) -> PushTarget:
    return PushTarget(
        kind="syslog", to=f"{scheme}://127.0.0.1:{collector.port}", **{"allow_private": True, "batch": 10, **given}
    )


def by_length(data: bytes) -> list[bytes]:
    found = []
    while data:
        size, _, rest = data.partition(b" ")
        found.append(rest[: int(size)])
        data = rest[int(size) :]
    return found


def named(lines: list[bytes]) -> list[str]:
    return [dict(parse(line.decode()).pairs)["externalId"] for line in lines]


@pytest.mark.slow
def test_frames_are_those_of_the_rfcs(store: Store, letters: Outbox, collector: Collector) -> None:
    wanted = stored(store, 0, 25, description="a\nb|c=d \\ é")
    drained(pusher(store, letters, syslog(collector, host="casbah.example")))
    data = collector.wait(lambda taken: taken.count(b"CEF:0|") == 25)
    lines = by_length(data)
    assert named(lines) == wanted
    head = rb"<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z casbah\.example casbah - - - "
    assert all(re.match(head + rb"\d{4}-\d\d-\d\dT[\d:.]+Z CEF:0\|MCAS\|SIEM_Agent\|", line) for line in lines)
    assert dict(parse(lines[0].decode()).pairs)["msg"] == "a\nb|c=d \\ é"


@pytest.mark.slow
def test_bare_lines_are_those_of_the_agent(store: Store, letters: Outbox, collector: Collector) -> None:
    wanted = stored(store, 0, 3)
    drained(pusher(store, letters, syslog(collector, header="agent", framing="lines", host="agent7")))
    lines = collector.wait(lambda taken: taken.count(b"\n") == 3).splitlines()
    assert named(lines) == wanted
    assert lines[0].startswith(b"2025-10-09T08:53:20.000Z agent7 CEF:0|MCAS|SIEM_Agent|")


@pytest.mark.slow
def test_after_a_broken_connection_the_last_batch_is_sent_once_more(
    store: Store, letters: Outbox, collector: Collector
) -> None:
    wanted = stored(store, 0, 10)
    sent = pusher(store, letters, syslog(collector))
    sent.step()
    collector.wait(lambda taken: taken.count(b"CEF:0|") == 10)
    assert collector.connection is not None
    collector.connection.shutdown(socket.SHUT_RDWR)
    collector.connection.close()
    more = stored(store, 20, 10)
    threading.Event().wait(0.2)
    with pytest.raises(RetryLaterError, match="closed the connection"):
        sent.step()
    drained(sent)
    data = collector.wait(lambda taken: taken.count(b"CEF:0|") >= 20)
    assert set(named([b"CEF:0|" + each for each in data.split(b"CEF:0|")[1:]])) == {*wanted, *more}


@pytest.mark.slow
def test_tls_trusts_only_what_it_is_told_to(store: Store, letters: Outbox, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    made = Collector(tls=context)
    try:
        wanted = stored(store, 0, 5)
        with pytest.raises(RetryLaterError, match="certificate verify failed"):
            way(syslog(made, "tls")).send(changes(store))
        drained(pusher(store, letters, syslog(made, "tls", tls_ca=str(certificate))))
        data = made.wait(lambda taken: taken.count(b"CEF:0|") == 5)
        assert named(by_length(data)) == wanted
    finally:
        made.close()


def test_datagrams_are_one_line_each(store: Store, letters: Outbox) -> None:
    wanted = stored(store, 0, 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        entry = PushTarget(kind="syslog", to=f"udp://127.0.0.1:{listener.getsockname()[1]}", allow_private=True)
        drained(pusher(store, letters, entry))
        assert named([listener.recv(65_536) for _ in wanted]) == wanted


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    built = built.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
    )
    made = built.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[a]\nkind = "webhook"\nto = "ftp://x"', "expected https://host or http://host"),
        ('[a]\nkind = "syslog"\nto = "tcp://x"', "expected a port"),
        ('[a]\nkind = "syslog"\nto = "tcp://x:99999"', "to: expected"),
        ('[a]\nkind = "pigeon"\nto = "tcp://x:1"', "kind"),
        ('[a]\nkind = "webhook"\nto = "https://x"\nsecret = "s"', "secret"),
        ('[a]\nkind = "webhook"\nto = "https://x"\nbackfill = "soon"', "backfill: expected days"),
        ('[a]\nkind = "webhook"\nto = "https://x"\nbatch = 0', "batch: expected 1 to 1000"),
        ('[a]\nkind = "webhook"\nto = "https://x"\ntenant = "../x"', "tenant"),
        ('[a]\nkind = "webhook"\nto = "https://x"\nfilters = { usr = { eq = [1] } }', "unknown filter 'usr'"),
        ("[a", "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "push.toml").write_text(text)
    with pytest.raises(BadPushFileError, match=re.escape(says)):
        read(tmp_path / "push.toml")


def test_a_secret_is_in_the_environment_or_a_file(tmp_path: Path) -> None:
    entry = PushTarget(kind="webhook", to="https://x")
    assert secret("my-hook", entry, {"CASBAH_PUSH_MY_HOOK_SECRET": " s\n"}) == b"s"
    with pytest.raises(BadPushFileError, match="set CASBAH_PUSH_MY_HOOK_SECRET"):
        secret("my-hook", entry, {})
    (tmp_path / "s").write_text("t\n")
    assert secret("x", PushTarget(kind="webhook", to="https://x", secret_file=str(tmp_path / "s")), {}) == b"t"


def test_a_refusal_is_no_reason_to_try_again(store: Store, hook: Hook) -> None:
    stored(store, 0, 1)
    hook.answers = [400]
    with pytest.raises(DeliveryRefusedError):
        way(webhook(hook)).send(changes(store))
