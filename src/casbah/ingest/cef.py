r"""Parses and writes lines in the Common Event Format, as MDCA's SIEM agent wrote them.

    <time> [host ]CEF:0|vendor|product|version|signature|name|severity|key=value key=value ...

A backslash escapes `|` and `\` in the header, `=` and `\` in values; line ends are written `\n` and `\r` in both (ArcSight,
Common Event Format, "Character Encoding"). A value ends before a space, a key and an unescaped `=`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from casbah.ingest.contract import HAS_LOST, LOST

VENDOR, PRODUCT = "MCAS", "SIEM_Agent"
APP_PREFIX = "APPID_"
_MARK = re.compile(r"CEF:(\d+)\|")
_PARTS = 6
_HEADER_PART = re.compile(r"((?:[^\\|]|\\.)*)\|", re.DOTALL)
_PAIR = re.compile(r"(?:^| )([A-Za-z0-9_.\[\]-]+)=")
_NOT_WORD = re.compile(r"[^A-Z0-9]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ENDS = {"n": "\n", "r": "\r"}


class NoCefError(ValueError):
    """The line is not CEF. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class CefLine:
    """One line. `before` is the text before `CEF:`, such as a time and a host; `pairs` keep their order."""

    before: str
    version: int
    vendor: str
    product: str
    device_version: str
    signature: str
    name: str
    severity: str
    pairs: tuple[tuple[str, str], ...]


def is_cef(line: bytes) -> bool:
    """Whether `CEF:<version>|` occurs in the first 512 bytes."""
    return _MARK.search(line[:512].decode("latin-1")) is not None


def parse(text: str) -> CefLine:
    """Parse a line. Raises NoCefError."""
    mark = _MARK.search(text)
    if mark is None:
        raise NoCefError("no CEF:0| in the line")
    at, header = mark.end(), list[str]()
    for _ in range(_PARTS):
        part = _HEADER_PART.match(text, at)
        if part is None:
            raise NoCefError(f"the header has {len(header) + 1} parts, expected {_PARTS + 1}")
        header.append(_plain(part.group(1)))
        at = part.end()
    vendor, product, device_version, signature, name, severity = header
    pairs = tuple(_pairs(text[at:]))
    before = text[: mark.start()]
    return CefLine(before, int(mark.group(1)), vendor, product, device_version, signature, name, severity, pairs)


def as_event(text: str) -> dict[str, object]:
    """A line as the event that the connector reads: header, pairs, and the line itself. Raises NoCefError."""
    if LOST in text:
        raise NoCefError(HAS_LOST)
    line = parse(text)
    return {
        "cef": line.version,
        "before": line.before.strip(),
        "vendor": line.vendor,
        "product": line.product,
        "deviceVersion": line.device_version,
        "signature": line.signature,
        "name": line.name,
        "severity": line.severity,
        "extension": dict(line.pairs),
        "line": text,
    }


def app_key(name: str) -> str:
    """The spelling of an app's name after `APPID_`: `Amazon Web Services` is `AMAZON_WEB_SERVICES`."""
    return _NOT_WORD.sub("_", name.upper()).strip("_")


def emit(line: CefLine) -> str:
    """The text of a line, without a line end."""
    header = (line.vendor, line.product, line.device_version, line.signature, line.name, line.severity)
    parts = "".join(f"{_escaped(part, '|')}|" for part in header)
    pairs = " ".join(f"{key}={_escaped(value, '=')}" for key, value in line.pairs)
    return f"{line.before}CEF:{line.version}|{parts}{pairs}"


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    """The pairs of the extension. An `=` without a key before it is part of the value: some senders do not escape it."""
    keys = list(_PAIR.finditer(text))
    ends = [*(key.start() for key in keys[1:]), len(text)]
    for key, end in zip(keys, ends, strict=False):
        yield key.group(1), _plain(text[key.end() : end])


def _escaped(value: str, special: str) -> str:
    value = value.replace("\\", "\\\\").replace(special, f"\\{special}")
    return value.replace("\n", "\\n").replace("\r", "\\r")


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda match: _ENDS.get(match.group(1), match.group(1)), value)
