r"""Lines in the Common Event Format, as MDCA's SIEM agent wrote them (`records.md`): parsed, and written.

    <time> [host ]CEF:0|vendor|product|version|signature|name|severity|key=value key=value ...

In the header `|` and `\` are led by a `\`, in values `=` and `\`; line ends are `\n` and `\r` in both (ArcSight, Common
Event Format, "Character Encoding"). A value ends where a blank, a key and an `=` that is not led by `\` follow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

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
    """A line that is not in this format; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class CefLine:
    """One line. `before` is what stands before `CEF:`, such as a time and a host; `pairs` keep their order."""

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
    """Whether a line has the mark of the format near its beginning."""
    return _MARK.search(line[:512].decode("latin-1")) is not None


def parse(text: str) -> CefLine:
    """The line that a text is. Raises NoCefError."""
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
    """A line as the event that a connector reads: its header, its pairs, and the line itself. Raises NoCefError."""
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
    """How an app's name is spelt after `APPID_`: `Amazon Web Services` is `AMAZON_WEB_SERVICES`."""
    return _NOT_WORD.sub("_", name.upper()).strip("_")


def emit(line: CefLine) -> str:
    """The text of a line, without a line end."""
    header = (line.vendor, line.product, line.device_version, line.signature, line.name, line.severity)
    parts = "".join(f"{_escaped(each, '|')}|" for each in header)
    pairs = " ".join(f"{key}={_escaped(value, '=')}" for key, value in line.pairs)
    return f"{line.before}CEF:{line.version}|{parts}{pairs}"


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    """The pairs of the extension. An `=` with no key before it belongs to the value, as some senders forget to escape it."""
    found = list(_PAIR.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    for each, end in zip(found, ends, strict=False):
        yield each.group(1), _plain(text[each.end() : end])


def _escaped(value: str, special: str) -> str:
    value = value.replace("\\", "\\\\").replace(special, f"\\{special}")
    return value.replace("\n", "\\n").replace("\r", "\\r")


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda found: _ENDS.get(found.group(1), found.group(1)), value)
