"""The digest of the source event in a record: two records of the same event have the same."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from casbah.base import jsontext


def digest_of_event(event: Mapping[str, Any]) -> str:
    """The hex SHA-256 of the canonical form of a parsed event."""
    return sha256(jsontext.canonical(event)).hexdigest()


def digest_of_record(record: Mapping[str, Any]) -> str | None:
    """The digest of the source event in a parsed record; None if it holds none."""
    event = record.get("rawDataJson")
    return digest_of_event(event) if type(event) is dict else None
