"""A house on a socket: listening, and the server that answers there."""

import json
import socket

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from casbah.errors import OperatorError
from casbah.settings import Settings

_SECONDS_TO_FINISH = 30
_MOST_HEAD = 1_048_576
_MOST_TARGET = 65_535
_BAD_REQUEST, _TARGET_TOO_LONG, _HEAD_TOO_LARGE = 400, 414, 431


class AddressTakenError(OperatorError):
    """The address cannot be listened on."""


def listening(settings: Settings) -> socket.socket:
    """A socket that listens already: whoever connects from now on is answered once the server runs."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        raise AddressTakenError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port"
        ) from None


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: ASGIApp) -> uvicorn.Server:
    """A server of the application, not yet running."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PlainHttp,
            lifespan="off",
            access_log=False,
            server_header=False,
            log_config=None,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )


class PlainHttp(HttpToolsProtocol):
    """HTTP/1.1 and nothing else, with bounds to the head of a request, and errors in the shape of all others.

    Whoever offers another protocol is answered in this one (RFC 9110, 7.8). Java's client and `curl --http2` offer HTTP/2 with
    their first request. The parser takes the offer for an agreement and stops after the head, so that uvicorn loses the body
    (https://github.com/Kludex/uvicorn/issues/2722): filters would match everything. Here a new parser begins with the same
    head, without the offer.
    """

    _head = 0
    _in_head = False
    _problem = (_BAD_REQUEST, "")

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._unset_keepalive_if_required()
        self._problem = (
            _BAD_REQUEST,
            "not a request of HTTP/1.1: its first line, a header or its length cannot be read",
        )
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            again = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As uvicorn has it.
            self.data_received(again + data[offered.args[0] :])
        except httptools.HttpParserError:
            self._refuse(*self._problem)
        self._head += len(data)
        if self._in_head and self._head > _MOST_HEAD and not self.transport.is_closing():
            self._refuse(_HEAD_TOO_LARGE, f"the head of the request is larger than {_MOST_HEAD} bytes")

    def on_message_begin(self) -> None:
        """A request begins; its head is counted from the read on in which it does."""
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; nothing is answered while the parser is about to stop."""
        self._in_head = False
        if len(self.url) > _MOST_TARGET:
            # The parser of targets keeps places in 16 bits, and refuses longer ones without saying why.
            self._problem = (
                _TARGET_TOO_LONG,
                f"the target of the request is longer than {_MOST_TARGET} bytes; send a body",
            )
            raise ValueError(self._problem)
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no proxy")
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there, unless the parser is about to stop."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _head_without_offer(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = (b"%b: %b" % header for header in self.headers if header[0] != b"upgrade")
        return b"\r\n".join((line, *kept, b"", b""))

    def _refuse(self, status: int, detail: str) -> None:
        """Say what is wrong in the way of `http.problems`, and close: where a request ends that cannot be read nobody knows."""
        text = json.dumps({"detail": detail}).encode()
        headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self.transport.write(STATUS_LINE[status] + headers + text)
        self.transport.close()
