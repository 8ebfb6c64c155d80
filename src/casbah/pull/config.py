"""The config file of pull sources, read strictly. docs/pull.md explains how to write one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from casbah import toml_file
from casbah.errors import OperatorError

Kind = Literal[
    "cloudtrail",
    "entra_audits",
    "entra_signins",
    "github",
    "google_workspace",
    "mdca",
    "office365",
    "okta",
    "slack",
]
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SPAN_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# fmt: off
NEEDS: Mapping[str, tuple[str, ...]] = {
    "cloudtrail":       (),
    "entra_audits":     ("tenant", "client_id", "secret"),
    "entra_signins":    ("tenant", "client_id", "secret"),
    "github":           ("organisation", "secret"),
    "google_workspace": ("subject", "secret"),
    "mdca":             ("url", "secret"),
    "office365":        ("tenant", "client_id", "secret"),
    "okta":             ("url", "secret"),
    "slack":            ("secret",),
}
"""The required keys of each kind, besides `kind`."""
# fmt: on


class BadPullFileError(OperatorError):
    """The config file of pull sources is invalid. The message says where and why."""


class Secret(str):
    """A string whose repr hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class PullSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One puller. `secret_env` or `secret_file` says where its secret is; the file itself never holds it."""

    kind: Kind
    url: str = ""
    login: str = ""
    tenant: str = ""
    client_id: str = ""
    organisation: str = ""
    subject: str = ""
    bucket: str = ""
    prefix: str = ""
    queue: str = ""
    region: str = ""
    applications: list[str] = []
    secret_env: str = ""
    secret_file: str = ""
    since: str = "7d"
    overlap: str = ""
    every: str = "1m"
    into: str = "default"


def read(path: Path) -> dict[str, PullSource]:
    """The pullers of a file, by name. Raises BadPullFileError."""
    entries = toml_file.read(path, PullSource, error=BadPullFileError)
    for name, entry in entries.items():
        _check(f"{path}: [{name}]", entry)
    return entries


def secret(name: str, entry: PullSource, environment: Mapping[str, str] = os.environ) -> Secret:
    """The puller's secret. Raises BadPullFileError, which says where it was expected."""
    if entry.secret_file:
        try:
            return Secret(Path(entry.secret_file).expanduser().read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise BadPullFileError(f"[{name}] secret_file: cannot be read: {type(error).__name__}") from None
    variable = entry.secret_env or f"CASBAH_PULL_{name.upper().replace('-', '_')}_SECRET"
    if not environment.get(variable):
        raise BadPullFileError(f"[{name}] has no secret: set {variable}, or name a file with secret_file")
    return Secret(environment[variable].strip())


def span(text: str) -> int:
    """Parse a duration such as 30s, 10m, 2h or 7d to ms. Raises ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 10m, 2h or 7d")
    return int(match.group(1)) * _SPAN_MS[match.group(2)]


def _check(place: str, entry: PullSource) -> None:
    lacking = [key for key in NEEDS[entry.kind] if key != "secret" and not getattr(entry, key)]
    if entry.kind == "cloudtrail" and not (entry.bucket or entry.queue):
        lacking = ["bucket, or queue"]
    if lacking:
        raise BadPullFileError(f"{place} {entry.kind} needs {', '.join(lacking)}")
    for key in ("since", "every", *(("overlap",) if entry.overlap else ())):
        try:
            span(getattr(entry, key))
        except ValueError as error:
            raise BadPullFileError(f"{place} {key}: {error}") from None
    if entry.url and not entry.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise BadPullFileError(f"{place} url: expected an https:// address, because credentials are sent")
