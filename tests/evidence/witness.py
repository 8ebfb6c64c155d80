"""A witness (https://c2sp.org/tlog-witness), made without any code of Casbah, that listens on this machine."""

import threading
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evidence.proofs import Signer

Tree = tuple[int, bytes]
"""The size and the root of a tree."""


@dataclass
class FakeWitness:
    """It knows every log, and keeps the last tree of each that it has cosigned."""

    signer: Signer
    url: str = ""
    trees: dict[str, Tree] = field(default_factory=dict)
    now: int = 1_700_000_000
    broken: int = 0
    """A status that it answers instead."""

    open: threading.Event = field(default_factory=threading.Event)
    """It answers once this is set, as it is at first."""

    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def verifier(self) -> str:
        return self.signer.verifier

    @property
    def setting(self) -> str:
        return f"{self.verifier} {self.url}"

    def answer(self, body: str) -> tuple[int, str]:
        self.requests.append(body)
        assert self.open.wait(60)
        if self.broken:
            return self.broken, "broken\n"
        head, _, checkpoint = body.partition("\n\n")
        first, *proof = head.split("\n")
        old, text = int(first.removeprefix("old ")), checkpoint.partition("\n\n")[0] + "\n"
        origin, size, root = text.split("\n")[:3]
        with self.lock:
            return self._judged(origin, (int(size), b64decode(root)), old, [b64decode(line) for line in proof], text)

    def _judged(self, origin: str, tree: Tree, old: int, proof: Sequence[bytes], text: str) -> tuple[int, str]:
        known = self.trees.get(origin, (0, sha256().digest()))
        if old > tree[0]:
            return 400, "old is larger\n"
        if old != known[0] or (old == tree[0] and known[1] != tree[1]):
            return 409, f"{known[0]}\n"
        if old and old < tree[0] and not consistent(known, tree, proof):
            return 422, "not consistent\n"
        self.trees[origin] = tree
        return 200, self.line(text)

    def line(self, text: str) -> str:
        return self.signer.line(text, self.now)


def consistent(older: Tree, tree: Tree, proof: Sequence[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2."""
    path, (first, first_root), (second, second_root) = list(proof), older, tree
    if not path:
        return False
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for item in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\x01" + item + fr).digest(), sha256(b"\x01" + item + sr).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha256(b"\x01" + sr + item).digest()
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (first_root, second_root, 0)


@contextmanager
def witness(number: int = 1, *, kind: int = 4) -> Iterator[FakeWitness]:
    """A witness that listens; with kind 6 it signs with ML-DSA-44."""
    fake = FakeWitness(Signer(f"witness.example/w{number}", bytes([number]) * 32, kind=kind))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, text = fake.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(status if self.path == "/add-checkpoint" else 404)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
