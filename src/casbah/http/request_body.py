"""Request parameters, decoded from any of the six encodings (docs/compatibility.md, section 3)."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from casbah.base import gzip, jsontext
from casbah.errors import BodyTooLargeError, BusyError, MalformedBodyError, UnknownParameterError, clip, describe
from casbah.http.memory import MemoryBudget

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r\n"
"""JSON's (RFC 8259, 2). Python counts more bytes as whitespace, such as a form feed."""
_MAX_DIGITS = 18
_MAX_DISCARDED = 67_108_864
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


class Incoming:
    """Wraps ASGI `receive`: tracks whether the whole body was received, and reserves memory for it until `close`."""

    def __init__(self, receive: Receive, memory: MemoryBudget) -> None:
        self._receive = receive
        self._memory = memory
        self._reserved = 0
        self._begun = self._ended = False

    async def __call__(self) -> Message:
        """The next message. Raises BusyError if there is no memory for it."""
        message = await self._next()
        size = len(message.get("body", b""))
        if not self._memory.reserve(size):
            raise BusyError
        self._reserved += size
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._begun = True
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    def close(self) -> None:
        """Release the memory."""
        self._memory.release(self._reserved)
        self._reserved = 0

    async def finish(self, headers: Mapping[str, str], *, version: str) -> None:
        """Discard the rest of the body, up to a bound, if the connection closes after the response.

        A client still sending at the close sees a broken connection instead of the response (RFC 9112, 9.6). A client that
        waits for `100 Continue` does not get it. On a connection that stays open, the server itself reads the rest.
        """
        closes = version == "1.0" or "close" in headers.get("connection", "").lower()
        waits = "expect" in headers and not self._begun
        size = 0
        while closes and not waits and not self._ended and size < _MAX_DISCARDED:
            size += len((await self._next()).get("body", b""))


async def read_body(request: Request, *, limit: int, setting: str) -> bytes:
    """The body's bytes. Raises BodyTooLargeError once they exceed `limit`, or MalformedBodyError if the client disconnects."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:_MAX_DIGITS]) > limit:
        raise BodyTooLargeError(limit, setting)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise BodyTooLargeError(limit, setting)
            parts.append(part)
    except ClientDisconnect:
        raise MalformedBodyError("the request ended before its body did") from None
    return b"".join(parts)


async def read_parameters(request: Request, *, limit: int) -> dict[str, Any]:
    """The parameters of the query string and the body. The body takes precedence."""
    body = await read_body(request, limit=limit, setting="CASBAH_MAX_BODY")
    label = request.headers.get("content-type", "")
    query = request.scope["query_string"].decode("latin-1")
    request.state.parameters = parsed = _with_filters({**dict(_pairs(query)), **parameters(body, label)})
    return parsed


async def read_exactly(
    request: Request, *, limit: int, known: Sequence[str] = (), flags: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters of an irreversible request: only `known` ones, none repeated, `flags` as booleans.

    In the query string and in forms, where every value is text, a flag is `true` or `false`. Raises UnknownParameterError,
    MalformedBodyError or BodyTooLargeError.
    """
    body = await read_body(request, limit=limit, setting="CASBAH_MAX_BODY")
    query = _pairs(request.scope["query_string"].decode("latin-1"))
    pairs = _body_pairs(body, request.headers.get("content-type", ""))
    names = [name for name, _ in (*query, *pairs)]
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise UnknownParameterError(unknown, known)
    _require_distinct(names)
    merged = dict((*query, *pairs))
    request.state.parameters = parsed = _with_filters(merged)
    _require_distinct_keys(_trimmed(body) if _is_json(body) else b"")
    _require_distinct_keys(merged["filters"] if isinstance(merged.get("filters"), str) else "")
    texts = {name for name, _ in (query if _is_json(body) else (*query, *pairs))}
    return parsed | {name: _flag(name, parsed[name], text=name in texts) for name in flags if name in parsed}


def parameters(body: bytes, label: str) -> dict[str, Any]:
    """The parameters of a body. A body that begins with `{` is JSON, whatever its Content-Type (`label`)."""
    return dict(_body_pairs(body, label))


def _with_filters(parsed: dict[str, Any]) -> dict[str, Any]:
    """`filters` may be JSON in a string."""
    filters = parsed.get("filters")
    if isinstance(filters, str) and filters.strip():
        return {**parsed, "filters": _object(filters.encode("utf-8", "surrogatepass"), "filters")}
    return parsed


def _body_pairs(body: bytes, label: str) -> list[tuple[str, Any]]:
    text = _trimmed(body)
    kind = label.partition(";")[0].strip().lower()
    if not text:
        return []
    if _is_json(body):
        return list(_object(text, "body").items())
    if text.startswith(gzip.MAGIC):
        raise MalformedBodyError("body: compressed; send it as it is (ingest alone takes gzip)")
    if kind == _MULTIPART:
        return _multipart(body, label)
    if kind == _FORM:
        return _pairs(_decoded(text))
    raise MalformedBodyError(
        "body: expected a JSON object, or a form (application/x-www-form-urlencoded or multipart/form-data)"
    )


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = jsontext.parse(text)
    except jsontext.InvalidJsonError as error:
        raise MalformedBodyError(f"{where}: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise MalformedBodyError(f"{where}: expected a JSON object, got {describe(value)}")
    return dict(value)


def _trimmed(body: bytes) -> bytes:
    return body.removeprefix(_BYTE_ORDER_MARK).strip(_WHITESPACE)


def _is_json(body: bytes) -> bool:
    return _trimmed(body).startswith(b"{")


def _flag(name: str, value: Any, *, text: bool) -> bool:
    if text and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    if type(value) is not bool:
        raise MalformedBodyError(f"{name}: expected true or false, got {describe(value)}")
    return value


def _require_distinct(names: Iterable[str]) -> None:
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    if repeated is not None:
        raise MalformedBodyError(f"{clip(repeated)} is given more than once; give it once")


def _require_distinct_keys(text: bytes | str) -> None:
    """Refuse repeated keys: parsers keep only the last, so a condition would be lost and too much deleted."""

    def checked(pairs: list[tuple[str, Any]]) -> None:
        _require_distinct(name for name, _ in pairs)

    try:
        if text.strip():
            json.loads(text, object_pairs_hook=checked, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError(f"not JSON: {clip(str(error))}") from None


def _pairs(text: str) -> list[tuple[str, Any]]:
    try:
        return list(parse_qsl(text, keep_blank_values=True, max_num_fields=1_000, errors="strict"))
    except UnicodeDecodeError:
        raise MalformedBodyError("a parameter is not UTF-8 after decoding its %XX") from None
    except ValueError as error:
        raise MalformedBodyError(f"parameters cannot be read: {error}") from None


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedBodyError("body: the form is not UTF-8") from None


def _multipart(body: bytes, label: str) -> list[tuple[str, Any]]:
    _, options = parse_options_header(label.encode("latin-1"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedBodyError("body: multipart/form-data without a boundary")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(_without_preamble(body, boundary))
        parser.finalize()
    except ValueError as error:  # the parser's own errors are ValueErrors
        raise MalformedBodyError(f"body: multipart/form-data cannot be read: {error}") from None
    if not parts.ended:
        raise MalformedBodyError("body: multipart/form-data breaks off before its closing boundary")
    return [(_decoded(name), _decoded(value)) for name, value in parts.pairs]


def _without_preamble(body: bytes, boundary: bytes) -> bytes:
    """The body from its first boundary. The preamble is for mail readers and is skipped (RFC 2046, 5.1.1)."""
    first = body.find(b"\r\n--" + boundary)
    return body if first < 0 or body.lstrip(b"\r\n").startswith(b"--" + boundary) else body[first + 2 :]


class _Parts:
    """The named parts of a multipart body, collected by parser callbacks."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.ended = False
        self._header: dict[str, bytes] = {}
        self._data = b""
        self._name = b""

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._add("field", data[start:end]),
            "on_header_value": lambda data, start, end: self._add("value", data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": self._more,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }

    def _begin(self) -> None:
        self._data = self._name = b""

    def _begin_header(self) -> None:
        self._header = {"field": b"", "value": b""}

    def _add(self, which: str, data: bytes) -> None:
        self._header[which] += data

    def _end_header(self) -> None:
        if self._header["field"].lower() == b"content-disposition":
            _, options = parse_options_header(self._header["value"])
            self._name = options.get(b"name", b"")

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        self.pairs.append((self._name, self._data))

    def _end_all(self) -> None:
        self.ended = True
