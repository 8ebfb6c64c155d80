"""Parsers of settings: from text to a typed value. Each raises ValueError, which says what it expected."""

import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

_RATE = re.compile(r"(\d{1,9})\s*/\s*(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_MAX_PORT = 65_535
_MAX_DIGITS = 18
_MAX_WORKERS = 8
_SPAN = re.compile(r"(\d{1,12})\s*(ms|s|m|h|d)")
_SPAN_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FAILURE = re.compile(r"(4\d\d|5\d\d)\s*:\s*(0?\.\d{1,6}|1(?:\.0*)?|0)")
_ADDRESS = re.compile(
    r"opensearch\+(https?)://(?:([^\s/:@,]+)@)?([\w.\[\]-]+(?::\d{1,5})?(?:,[\w.\[\]-]+(?::\d{1,5})?)*)"
    r"/?([a-z0-9][a-z0-9._-]{0,63})?"
)
_PAGE_LIMITS = ("100", "250")
_OFF = ("", "off")
_SELF = ("localhost", "127.0.0.1", "::1")
_WITNESS = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)\s+(https?://[^\s?#]+)")
_ED25519, _ML_DSA = b"\x04", b"\x06"
_KEY_BYTES = {_ED25519: 33, _ML_DSA: 1_313}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a cluster is: the addresses of its nodes, the user, and how the names of its indices begin."""

    hosts: tuple[str, ...]
    user: str
    prefix: str

    @property
    def shown(self) -> str:
        """For display."""
        return f"{', '.join(self.hosts)}, indices {self.prefix}~*"


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness of transparency logs: the name, the id and the public key of its cosignatures, and where it is."""

    name: str
    id: bytes
    key: bytes
    url: str
    is_ml_dsa: bool = False
    """Whether it signs with ML-DSA-44 instead of Ed25519."""


def store_folder(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "casbah"


def optional_folder(text: str) -> Path | None:
    if not text:
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise ValueError("a folder that exists, or nothing")
    return folder


def optional_file(text: str) -> Path | None:
    return _file(text) if text else None


def files(text: str) -> tuple[Path, ...]:
    return tuple(map(_file, names(text)))


def positive(text: str) -> int:
    digits = text.replace("_", "")
    if not _is_number(digits) or int(digits) == 0:
        raise ValueError("a whole number above 0")
    return int(digits)


def optional_positive(text: str) -> int | None:
    return None if text.lower() in _OFF else positive(text)


def count(text: str) -> int:
    if not _is_number(text):
        raise ValueError("a whole number")
    return int(text)


def port(text: str) -> int:
    if not _is_number(text) or int(text) > _MAX_PORT:
        raise ValueError("a port, 0 to 65535 (0: any free one)")
    return int(text)


def host(text: str) -> str:
    if not text:
        raise ValueError("an address to listen on")
    return text


def rate(text: str) -> Rate | None:
    if text.lower() in _OFF:
        return None
    match = _RATE.fullmatch(text.strip().lower())
    if not match or int(match.group(1)) == 0:
        raise ValueError("a rate such as 30/minute, or off")
    return Rate(int(match.group(1)), _SECONDS[match.group(2)])


def one_of(*words: str) -> Callable[[str], str]:
    """Reads one of these words, however it is spelled."""

    def read_word(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.lower()

    return read_word


def secure_url(text: str) -> str:
    """An address that credentials may depend on: encrypted, or on this machine."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("an https:// address") from None
    if text and not (
        parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _SELF))
    ):
        raise ValueError("an https:// address")
    return text


def collector(text: str) -> str:
    parts = urlsplit(text) if text.isprintable() and " " not in text else urlsplit("")
    if text and not (parts.scheme in ("http", "https") and parts.netloc):
        raise ValueError("an http:// or https:// address, such as http://127.0.0.1:4318/v1/traces")
    return text


def cluster(text: str) -> ClusterAddress | None:
    """`opensearch+https://user@host:9200,host:9200/prefix`."""
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(
            "opensearch+https://user@host:9200/prefix, with further hosts after commas; the password stands in "
            "CASBAH_CLUSTER_PASSWORD"
        )
    scheme, user, hosts, prefix = match.groups()
    nodes = hosts.split(",")
    if user and scheme == "http" and not {node.rpartition(":")[0] or node for node in nodes} <= set(_SELF):
        raise ValueError("https:// where there is a password to send")
    return ClusterAddress(tuple(f"{scheme}://{node}" for node in nodes), user or "", prefix or "casbah")


def keys(text: str) -> str:
    return secure_url(text) if "://" in text else text


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def networks(text: str) -> tuple[str, ...]:
    """Networks in their canonical spelling; an address is a network of one."""
    try:
        return tuple(str(ip_network(item)) for item in names(text))
    except ValueError as error:
        raise ValueError(f"addresses or networks such as 127.0.0.1, 10.1.0.0/16 or 2001:db8::/64: {error}") from None


def name(text: str) -> str:
    if not text.strip():
        raise ValueError("a name")
    return text.strip()


def origin(text: str) -> str:
    """The beginning of an origin of transparency logs, or nothing."""
    if any(sign.isspace() or sign == "+" or not sign.isprintable() for sign in text.strip()) or "//" in text:
        raise ValueError("a name such as casbah.example.com, without blanks, + or a scheme")
    return text.strip().strip("/")


def witnesses(text: str) -> tuple[WitnessAddress, ...]:
    """`name+hash+key https://address, ...`; a line for each will do as well."""
    result = tuple(_witness(item.strip()) for item in re.split("[,\n]", text) if item.strip())
    for what in ("name", "key", "url"):
        if len({getattr(item, what) for item in result}) < len(result):
            raise ValueError(f"witnesses of which no two have the same {what}")
    return result


def _witness(text: str) -> WitnessAddress:
    match = _WITNESS.fullmatch(text)
    if match is None:
        raise ValueError("<verifier key> <address> of each witness, separated by commas: name+hash+key https://...")
    name, key_id, encoded, url = match.groups()
    try:
        data = b64decode(encoded, validate=True)
    except ValueError:
        data = b""
    if len(data) != _KEY_BYTES.get(data[:1]):
        raise ValueError(
            f"a key of Ed25519 (type 4) or ML-DSA-44 (type 6) cosignatures; that of {name} is another, or cut short"
        )
    if sha256(f"{name}\n".encode() + data).digest()[:4].hex() != key_id:
        raise ValueError(f"the verifier key of {name} without a change; its hash does not match")
    try:
        is_address = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"an http:// or https:// address of {name}")
    return WitnessAddress(name, bytes.fromhex(key_id), data[1:], url.rstrip("/"), data[:1] == _ML_DSA)


def tenants(text: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in names(text)]
    if not all(claim.strip() and tenant.strip() for claim, _, tenant in pairs):
        raise ValueError("<value of the claim>=<tenant>, separated by commas")
    return {claim.strip(): tenant.strip() for claim, _, tenant in pairs}


def secret(text: str) -> str:
    """A secret, or what stands in the file that `@FILE` names."""
    if not text.startswith("@"):
        return text.strip()
    try:
        return Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError("a secret, or @FILE with the name of a file that can be read") from None


def seconds(text: str) -> int:
    if not _is_number(text):
        raise ValueError("a whole number of seconds")
    return int(text)


def emulated(text: str) -> str:
    if text.lower() not in (*_OFF, "mdca"):
        raise ValueError("mdca, or off")
    return "" if text.lower() in _OFF else text.lower()


def page_limit(text: str) -> int:
    if text not in _PAGE_LIMITS:
        raise ValueError(" or ".join(_PAGE_LIMITS))
    return int(text)


def duration(text: str) -> int | None:
    """A duration in ms."""
    if text.lower() in _OFF:
        return None
    match = _SPAN.fullmatch(text.strip().lower())
    if not match or int(match.group(1)) == 0:
        raise ValueError("a duration such as 500ms, 30s, 5m, 2h or 30d, or off")
    return int(match.group(1)) * _SPAN_MS[match.group(2)]


def processors(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many processors this process may use: a container may be given the time of fewer than it sees.

    `quota` is where Linux says so (https://docs.kernel.org/admin-guide/cgroup-v2.html): microseconds of each period, or `max`.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        maximum, period = quota.read_text("ascii").split()
        allowed = -(-int(maximum) // int(period))
    except (OSError, ValueError):  # No container, no bound, or another system.
        return seen
    return max(1, min(seen, allowed))


def processes(text: str) -> int:
    return _number_or_auto(text, processors() - 1)


def workers(text: str) -> int:
    number = _number_or_auto(text, min(processors(), _MAX_WORKERS))
    if not number:
        raise ValueError("how many processes, at least 1, or auto")
    return number


def flag(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("on or off")
    return text.lower() == "on"


def failures(text: str) -> tuple[tuple[int, float], ...]:
    matches = [_FAILURE.fullmatch(item) for item in names(text if text.lower() not in _OFF else "")]
    pairs = tuple((int(item.group(1)), float(item.group(2))) for item in matches if item)
    if len(pairs) < len(matches) or sum(chance for _, chance in pairs) > 1:
        raise ValueError("statuses and how often, such as 502:0.1,429:0.05 (together at most 1), or off")
    return pairs


def _file(text: str) -> Path:
    file = Path(text).expanduser()
    if not file.is_file():
        raise ValueError("a file that exists, or nothing")
    return file


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def _number_or_auto(text: str, automatic: int) -> int:
    if text.lower() == "auto":
        return automatic
    if not _is_number(text):
        raise ValueError("how many processes, 0 for none, or auto")
    return int(text)
