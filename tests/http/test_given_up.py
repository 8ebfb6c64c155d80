"""A search that nobody waits for any more ends at its next step, and leaves its thread to others."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from casbah.activity.deadline import Deadline
from casbah.errors import SearchTooLongError
from casbah.store.embedded.tenant import EmbeddedTenant
from scenarios.server import serving


@pytest.mark.parametrize(
    "path, method",
    [
        ("/api/v1/activities/", "find"),
        ("/api/v1/activities/count/", "count"),
        ("/api/ext/v1/facets", "count"),
        ("/api/ext/v1/histogram", "histogram"),
    ],
)
def test_whoever_leaves_ends_their_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*_: Any, deadline: Deadline) -> None:
        begun.set()
        try:
            while True:
                deadline.check()
                time.sleep(0.005)
        except SearchTooLongError:
            ended.set()
            raise

    with serving(tmp_path, search_seconds="60") as (url, house):
        monkeypatch.setattr(EmbeddedTenant, method, endless)
        body = json.dumps({"first": 1, "last": 10, "width": 5}).encode()
        host, port = urlsplit(url).netloc.split(":")
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {house.local_key}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head.encode() + body)
            assert begun.wait(10)
            assert not ended.wait(0.1)
        assert ended.wait(30)


def test_a_deadline_of_those_who_wait_is_only_a_time() -> None:
    gone = threading.Event()
    deadline = Deadline.after(60, gone=gone)
    deadline.check()
    gone.set()
    with pytest.raises(SearchTooLongError):
        deadline.check()
    with pytest.raises(SearchTooLongError):
        Deadline.after(-1).check()
    Deadline().check()
