"""Answers with records in them, whose bytes stay what they are."""

import re
import secrets
from typing import TypeVar

import msgspec

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class Records(msgspec.Struct):
    """An answer with a list of records."""

    data: list[msgspec.Raw]

    def records(self) -> list[bytes]:
        """Each record as it came."""
        return list(map(bytes, self.data))


R = TypeVar("R", bound=Records)


def read(content: bytes, kind: type[R]) -> R:
    """An answer read as `kind`.

    A record may hold half of a surrogate pair, as its source wrote it. msgspec refuses that, even in a Raw; so a mark takes
    the place of its escape while msgspec reads.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        mark = b"surrogate " + secrets.token_hex(16).encode()
        answer = msgspec.json.decode(
            _ESCAPE.sub(lambda found: mark + found["lone"] if found["lone"] else found[0], content), type=kind
        )
        answer.data = [msgspec.Raw(bytes(each).replace(mark, rb"\u")) for each in answer.data]
        return answer
