"""What a collector of OpenTelemetry is sent: a span a request, with its search inside, and nothing that was asked."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from casbah import compose, settings
from casbah.base.traces import NoTraces, traces
from casbah.errors import BadSettingError
from scenarios.inprocess import Asker

LIST = "/api/v1/activities/"
ASKED = b'{"filters": {"user.username": {"eq": ["hush@contoso.com"]}}}'


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An address, and what was sent to it."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
        server.shutdown()
        thread.join()


def test_a_request_is_a_span_in_the_trace_that_it_names(tmp_path: Path, collector: tuple[str, list[bytes]]) -> None:
    address, got = collector
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with compose.build(settings.read({}, store=str(tmp_path), traces=address)) as house:
        ask = Asker(house.app, house.local_key)
        assert ask("POST", LIST, ASKED, headers={"traceparent": f"00-{trace}-{parent}-01"}).status == 200
        assert ask("GET", "/nowhere/hush").status == 404
    spans = {}
    for each in got:
        for resource in ExportTraceServiceRequest.FromString(each).resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            assert names["service.name"] == "casbah"
            spans |= {span.name: span for scope in resource.scope_spans for span in scope.spans}
    listed, search, lost = (spans[name] for name in ("POST /api/v1/activities", "search", "GET none"))
    assert (listed.trace_id.hex(), listed.parent_span_id.hex()) == (trace, parent)
    assert (search.trace_id, search.parent_span_id) == (listed.trace_id, listed.span_id)
    assert lost.trace_id != listed.trace_id
    assert {attribute.key: attribute.value.int_value for attribute in lost.attributes}[
        "http.response.status_code"
    ] == 404
    assert b"hush" not in b"".join(got)


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadSettingError, match="the extra `otel`"):
        traces("http://127.0.0.1:4318/v1/traces")
    assert isinstance(traces(""), NoTraces)


@pytest.mark.parametrize("given", ["localhost:4318", "ftp://a/b", "http://", "http://a b/"])
def test_an_address_that_is_none(given: str) -> None:
    with pytest.raises(BadSettingError, match="traces"):
        settings.read({}, traces=given)
