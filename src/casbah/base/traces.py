"""Traces, with the extra `otel`: a span per request, and inside it one per search, sent to an OpenTelemetry collector.

Spans carry routes and names, as the log does: never what was asked, nor what a record holds. Names of attributes are those of
OpenTelemetry's semantic conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol

import casbah
from casbah.errors import BadSettingError

Carrier = Mapping[str, str]
"""The headers of a request, in which the client may name its trace (W3C Trace Context)."""

_VARIABLE = "CASBAH_TRACES"


class TraceSpan(Protocol):
    """An operation."""

    def update_name(self, name: str) -> None:
        """Rename the span."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes."""


class Traces(Protocol):
    """Creates spans."""

    def span(self, name: str, *, headers: Carrier | None = None) -> AbstractContextManager[TraceSpan | None]:
        """A span around an operation, or None without tracing. `headers` of a request continue the client's trace."""

    def close(self) -> None:
        """Send pending spans."""


class NoTraces:
    """See `Traces`: tracing is off."""

    def span(self, name: str, *, headers: Carrier | None = None) -> AbstractContextManager[TraceSpan | None]:  # noqa: ARG002  as the others
        return nullcontext()

    def close(self) -> None:
        """See `Traces.close`."""


class Collected:
    """See `Traces`; `processor` is OpenTelemetry's, and gets the spans that end."""

    def __init__(self, processor: Any) -> None:
        sdk, resources = _of("sdk.trace"), _of("sdk.resources")
        attributes = {"service.name": "casbah", "service.version": casbah.__version__}
        self._provider = sdk.TracerProvider(resource=resources.Resource.create(attributes))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("casbah")
        self._kind = _of("trace").SpanKind
        self._extract = _of("trace.propagation.tracecontext").TraceContextTextMapPropagator().extract

    def span(self, name: str, *, headers: Carrier | None = None) -> AbstractContextManager[TraceSpan | None]:
        more: dict[str, Any] = {}
        if headers is not None:
            context = self._extract({key: headers[key] for key in ("traceparent", "tracestate") if key in headers})
            more = {"context": context, "kind": self._kind.SERVER}
        span: AbstractContextManager[TraceSpan] = self._tracer.start_as_current_span(name, **more)
        return span

    def close(self) -> None:
        self._provider.shutdown()


def traces(address: str) -> Traces:
    """The exporter of spans to an address (OTLP over HTTP), or NoTraces if it is empty. Raises BadSettingError."""
    if not address:
        return NoTraces()
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter
        batches = _of("sdk.trace.export").BatchSpanProcessor
    except ImportError:
        raise BadSettingError(_VARIABLE, address, "the extra `otel` (docs/production.md, Installing)") from None
    return Collected(batches(exporter(endpoint=address)))


def _of(name: str) -> Any:
    return import_module(f"opentelemetry.{name}")
