"""Reads Avro object container files, as of Event Hubs Capture, as lines of JSON.

Apache Avro specification, "Object Container Files" and "Binary Encoding". Bytes become text if they are UTF-8, else Base64.
"""

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from casbah.base import jsontext

MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_MAX_BLOCK = 1 << 28
"""Bytes of one block, also once decompressed."""

_CUT = "the Avro file is cut off before its end"
_MAX_LONG_BYTES = 10
_CONTINUES, _DIGITS = 0x80, 0x7F


class AvroError(OSError):
    """Not a valid file. The message says why."""


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """One line of JSON per record. Raises AvroError, and EOFError for a truncated file."""
    if _read(stream, len(MAGIC)) != MAGIC:
        raise AvroError("not an Avro file")
    header = _header(stream)
    decode = _decoder(header)
    decompress = _CODECS.get(header.get("avro.codec", b"null"))
    if decompress is None:
        raise AvroError(f"the Avro codec {header['avro.codec']!r} is not supported; known: null, deflate")
    sync = _read(stream, _SYNC_BYTES)
    while (count := _long(stream, ends=True)) is not None:
        packed = _read(stream, _size(stream))
        if not sync.startswith(marker := stream.read(_SYNC_BYTES)):
            raise AvroError("the Avro file is damaged: a block does not end with its marker")
        text = decompress(packed)
        if not 0 <= count <= len(text):
            raise AvroError(f"an Avro block of {len(text)} bytes cannot hold {count} records")
        # Of a damaged block nothing is read, so it is decoded twice: its lines can be far longer than it, and are not kept.
        for _ in _records(decode, text, count):
            pass
        yield from map(_line, _records(decode, text, count))
        if len(marker) < _SYNC_BYTES:
            raise EOFError(_CUT)


def _records(decode: "_Decode", text: bytes, count: int) -> Iterator[Any]:
    """The records of a block."""
    data = _Data(text)
    for _ in range(count):
        yield decode(data)
    if data.at < len(text):
        raise AvroError("the Avro file is damaged: a block is longer than its records")


def _line(record: Any) -> bytes:
    try:
        return jsontext.dump(record) + b"\n"
    except jsontext.InvalidJsonError as error:
        raise AvroError(f"an Avro record {error}") from None


def _header(stream: BinaryIO) -> dict[str, bytes]:
    """The metadata: blocks of keys and values, the last of them empty. A negative count precedes the size of its block."""
    header: dict[str, bytes] = {}
    size = 0
    while count := _long(stream):
        if count < 0:
            _long(stream)
        for _ in range(abs(count)):
            key = _read(stream, _size(stream)).decode("utf-8", "replace")
            header[key] = _read(stream, _size(stream))
            size += len(key) + len(header[key])
            if size > _MAX_BLOCK:
                raise AvroError("the Avro file is damaged: its header is too long")
    return header


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError(_CUT)
    return data


def _size(stream: BinaryIO) -> int:
    size = _long(stream)
    if size is None or not 0 <= size <= _MAX_BLOCK:
        raise AvroError(f"the Avro file is damaged: a part of it would have {size} bytes")
    return size


def _long(stream: BinaryIO, *, ends: bool = False) -> int | None:
    """A number of variable length. None at the end of the file, where it may be."""
    digits = b""
    while len(digits) < _MAX_LONG_BYTES:
        byte = stream.read(1)
        if not byte and ends and not digits:
            return None
        if not byte:
            raise EOFError(_CUT)
        digits += byte
        if byte[0] < _CONTINUES:
            return _zigzag(digits)
    raise AvroError("the Avro file is damaged: a number is too long")


def _zigzag(digits: bytes) -> int:
    number = sum((digit & _DIGITS) << (7 * place) for place, digit in enumerate(digits))
    return (number >> 1) ^ -(number & 1)


def _inflated(packed: bytes) -> bytes:
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    data = decompressor.decompress(packed, _MAX_BLOCK)
    if not decompressor.eof:
        raise AvroError("the Avro file is damaged: a block is cut off, or larger than it may be")
    return data


_CODECS: Mapping[bytes, Callable[[bytes], bytes]] = {b"null": bytes, b"deflate": _inflated}


class _Data:
    """The values of one block, read one after the other."""

    __slots__ = ("at", "items", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.at = 0
        self.items = len(text)
        """Items of lists that may follow. They can be empty, and many lists of those can be in a small block."""

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self.at + size
        if not self.at <= end <= len(self.text):
            raise AvroError("the Avro file is damaged: a value is longer than its block")
        data, self.at = self.text[self.at : end], end
        return data

    def long(self) -> int:
        """The next number of variable length."""
        start = self.at
        while self.take(1)[0] >= _CONTINUES:
            if self.at - start >= _MAX_LONG_BYTES:
                raise AvroError("the Avro file is damaged: a number is too long")
        return _zigzag(self.text[start : self.at])


_Decode = Callable[[_Data], Any]


def _decoder(header: Mapping[str, bytes]) -> _Decode:
    """The function that reads one record by the schema in the header."""
    try:
        return _of_schema(json.loads(header["avro.schema"]), {})
    except (KeyError, TypeError, ValueError) as error:
        raise AvroError(f"the Avro file has no usable schema: {error!r}") from None


def _of_schema(schema: Any, known: dict[str, _Decode]) -> _Decode:
    """Raises KeyError or TypeError for an invalid schema. `known` are the named types so far, without their namespaces."""
    if type(schema) is list:
        return _union([_of_schema(branch, known) for branch in schema])
    kind = schema["type"] if type(schema) is dict else schema
    if type(kind) is not str:
        return _of_schema(kind, known)
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    if type(schema) is str:
        return _named(_last(kind), known)
    decode = _COMPLEX[kind](schema, known)
    if "name" in schema:
        name = _last(schema["name"])
        if name in known:
            raise TypeError(f"two types are called {name}")
        known[name] = decode
    return decode


def _last(name: str) -> str:
    """The name of a type without its namespace, which may be left out where the type is used."""
    return name.rpartition(".")[2]


def _named(name: str, known: dict[str, _Decode]) -> _Decode:
    """A type by its name, which is looked up only when it is used: a type may contain itself."""

    def decode(data: _Data) -> Any:
        if name not in known:
            raise AvroError(f"the Avro file has no usable schema: no type {name}")
        return known[name](data)

    return decode


def _union(branches: list[_Decode]) -> _Decode:
    def decode(data: _Data) -> Any:
        index = data.long()
        if not 0 <= index < len(branches):
            raise AvroError("the Avro file is damaged: a value has a type that its schema lacks")
        return branches[index](data)

    return decode


def _record(schema: Any, known: dict[str, _Decode]) -> _Decode:
    fields = [(field["name"], _of_schema(field["type"], known)) for field in schema["fields"]]
    return lambda data: {name: decode(data) for name, decode in fields}


def _enum(schema: Any, _known: dict[str, _Decode]) -> _Decode:
    return _union([_constant(symbol) for symbol in schema["symbols"]])


def _constant(symbol: str) -> _Decode:
    return lambda _: symbol


def _fixed(schema: Any, _known: dict[str, _Decode]) -> _Decode:
    size = int(schema["size"])
    return lambda data: _text(data.take(size))


def _array(schema: Any, known: dict[str, _Decode]) -> _Decode:
    item = _of_schema(schema["items"], known)
    return lambda data: [item(data) for _ in _items(data)]


def _map(schema: Any, known: dict[str, _Decode]) -> _Decode:
    value = _of_schema(schema["values"], known)
    return lambda data: {_text(data.take(data.long())): value(data) for _ in _items(data)}


def _items(data: _Data) -> Iterator[None]:
    """Once per item of an array or map, which are in blocks as in the header."""
    while count := data.long():
        if count < 0:
            data.long()
        data.items -= abs(count)
        if data.items < 0:
            raise AvroError("the Avro file is damaged: its lists are longer than their block")
        for _ in range(abs(count)):
            yield


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(content).decode("ascii")


_PRIMITIVES: Mapping[str, _Decode] = {
    "null": lambda _: None,
    "boolean": lambda data: data.take(1) != b"\0",
    "int": _Data.long,
    "long": _Data.long,
    "float": lambda data: struct.unpack("<f", data.take(4))[0],
    "double": lambda data: struct.unpack("<d", data.take(8))[0],
    "bytes": lambda data: _text(data.take(data.long())),
    "string": lambda data: _text(data.take(data.long())),
}
_COMPLEX: Mapping[str, Callable[[Any, dict[str, _Decode]], _Decode]] = {
    "record": _record,
    "enum": _enum,
    "fixed": _fixed,
    "array": _array,
    "map": _map,
}
