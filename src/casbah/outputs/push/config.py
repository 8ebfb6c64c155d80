"""The config file of push destinations, read strictly. docs/push.md explains how to write one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from casbah.activity.query import where
from casbah.activity.tenant import TenantId
from casbah.activity.value import MS_PER_DAY
from casbah.base import toml_file
from casbah.errors import BadTenantError, OperatorError, RequestError

_DAYS = re.compile(r"([0-9]{1,4})d")
_SCHEMES: Mapping[str, tuple[str, ...]] = {"webhook": ("https", "http"), "syslog": ("udp", "tcp", "tls")}
_MAX_BATCH = 1_000
_MAX_PORT = 65_535


class BadPushFileError(OperatorError):
    """The config file of push destinations is invalid. The message says where and why."""


class PushTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One destination. A webhook's secret is in an environment variable or a separate file, never in the config file."""

    kind: Literal["webhook", "syslog"]
    to: str
    tenant: str = "default"
    filters: dict[str, Any] = {}
    backfill: str = "2d"
    batch: int = 100
    secret_env: str = ""
    secret_file: str = ""
    allow_private: bool = False
    header: Literal["rfc5424", "agent"] = "rfc5424"
    framing: Literal["octets", "lines"] = "octets"
    host: str = ""
    portal: str = ""
    tls_ca: str = ""

    @property
    def target(self) -> SplitResult:
        """The destination's address, parsed."""
        return urlsplit(self.to)

    @property
    def backfill_ms(self) -> int:
        """The maximum age in ms of activities sent when the destination is first connected."""
        match = _DAYS.fullmatch(self.backfill)
        return int(match.group(1)) * MS_PER_DAY if match else 0


def read(path: Path) -> dict[str, PushTarget]:
    """The destinations of a file, by name. Raises BadPushFileError."""
    entries = toml_file.read(path, PushTarget, error=BadPushFileError)
    for name, entry in entries.items():
        _check(f"{path}: [{name}]", entry)
    return entries


def secret(name: str, entry: PushTarget, environment: Mapping[str, str] = os.environ) -> bytes:
    """The signing key of a webhook. Raises BadPushFileError, which says where it was expected."""
    if entry.secret_file:
        try:
            return Path(entry.secret_file).expanduser().read_bytes().strip()
        except OSError as error:
            raise BadPushFileError(f"[{name}] secret_file: cannot be read: {type(error).__name__}") from None
    variable = entry.secret_env or f"CASBAH_PUSH_{name.upper().replace('-', '_')}_SECRET"
    if not environment.get(variable):
        raise BadPushFileError(f"[{name}] has no secret: set {variable}, or name a file with secret_file")
    return environment[variable].strip().encode()


def _check(place: str, entry: PushTarget) -> None:
    schemes = _SCHEMES[entry.kind]
    try:
        port = entry.target.port
    except ValueError:
        port = _MAX_PORT + 1
    if entry.target.scheme not in schemes or not entry.target.hostname or (port or 0) > _MAX_PORT:
        expected = " or ".join(f"{scheme}://host" for scheme in schemes)
        raise BadPushFileError(f"{place} to: expected {expected}, got {entry.to!r}")
    if entry.kind == "syslog" and port is None:
        raise BadPushFileError(f"{place} to: expected a port, such as {entry.to}:514")
    if not _DAYS.fullmatch(entry.backfill):
        raise BadPushFileError(f"{place} backfill: expected days such as 2d, or 0d, got {entry.backfill!r}")
    if not 1 <= entry.batch <= _MAX_BATCH:
        raise BadPushFileError(f"{place} batch: expected 1 to {_MAX_BATCH}, got {entry.batch}")
    try:
        TenantId(entry.tenant)
        where(entry.filters, now=0)
    except (RequestError, BadTenantError) as error:
        raise BadPushFileError(f"{place} {error}") from None
