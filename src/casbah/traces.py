"""Traces, with the extra `otel`: a span a request, and inside it one for each search, sent to an OpenTelemetry collector.

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
"""The headers of a request, in which whoever asks may name the trace that it is part of (W3C Trace Context)."""

_VARIABLE = "CASBAH_TRACES"


class Span(Protocol):
    """What is being done."""

    def update_name(self, name: str) -> None:
        """Say what it turned out to be."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Say more of it."""


class Traces(Protocol):
    """Where spans go."""

    def span(self, name: str, *, asked: Carrier | None = None) -> AbstractContextManager[Span | None]:
        """Around something that is done; None is nobody's to tell. `asked` begins where whoever asks left off."""

    def close(self) -> None:
        """Send what is left."""


class NoTraces:
    """See `Traces`: nobody wants them."""

    def span(self, name: str, *, asked: Carrier | None = None) -> AbstractContextManager[Span | None]:  # noqa: ARG002  as the others
        """See `Traces.span`."""
        return nullcontext()

    def close(self) -> None:
        """See `Traces.close`."""


class Collected:
    """See `Traces`; `processor` is OpenTelemetry's, and gets the spans that end."""

    def __init__(self, processor: Any) -> None:
        sdk, resources = _of("sdk.trace"), _of("sdk.resources")
        said = {"service.name": "casbah", "service.version": casbah.__version__}
        self._provider = sdk.TracerProvider(resource=resources.Resource.create(said))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("casbah")
        self._kind = _of("trace").SpanKind
        self._extract = _of("trace.propagation.tracecontext").TraceContextTextMapPropagator().extract

    def span(self, name: str, *, asked: Carrier | None = None) -> AbstractContextManager[Span | None]:
        """See `Traces.span`."""
        more: dict[str, Any] = {}
        if asked is not None:
            context = self._extract({key: asked[key] for key in ("traceparent", "tracestate") if key in asked})
            more = {"context": context, "kind": self._kind.SERVER}
        span: AbstractContextManager[Span] = self._tracer.start_as_current_span(name, **more)
        return span

    def close(self) -> None:
        """See `Traces.close`."""
        self._provider.shutdown()


def traces(address: str) -> Traces:
    """What sends spans to an address (OTLP over HTTP), or nowhere if there is none. Raises BadSettingError."""
    if not address:
        return NoTraces()
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter
        batches = _of("sdk.trace.export").BatchSpanProcessor
    except ImportError:
        raise BadSettingError(_VARIABLE, address, "the extra `otel`: pip install 'casbah[otel]'") from None
    return Collected(batches(exporter(endpoint=address)))


def _of(name: str) -> Any:
    return import_module(f"opentelemetry.{name}")
