"""An entry of the config file of pull sources."""

import re

import msgspec

from casbah.errors import OperatorError
from casbah.ingest.pull.clouds import WORLDWIDE

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SPAN_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class BadPullFileError(OperatorError):
    """The config file of pull sources is invalid. The message says where and why."""


class Secret(str):
    """A string whose repr hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class PullEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The config of one pull source. `secret_env` or `secret_file` says where its secret is; the file itself never holds it."""

    kind: str
    url: str = ""
    login: str = ""
    cloud: str = WORLDWIDE
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


def span(text: str) -> int:
    """Parse a duration such as 30s, 10m, 2h or 7d to ms. Raises ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 10m, 2h or 7d")
    return int(match.group(1)) * _SPAN_MS[match.group(2)]
