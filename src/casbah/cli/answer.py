"""API answers with records, whose bytes are kept unchanged."""

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
        """Each record as received."""
        return list(map(bytes, self.data))


class ChangePage(Records):
    """A page of the change feed: activities stored after a cursor."""

    cursor: str
    hasNext: bool  # noqa: N815  the wire's spelling


R = TypeVar("R", bound=Records)


def read(content: bytes, kind: type[R]) -> R:
    """Decode an answer as `kind`.

    A record may contain a lone surrogate escape from its source. msgspec rejects it, even in a Raw, so the escape is replaced
    with a mark while msgspec decodes.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        mark = b"surrogate " + secrets.token_hex(16).encode()
        answer = msgspec.json.decode(
            _ESCAPE.sub(lambda match: mark + match["lone"] if match["lone"] else match[0], content), type=kind
        )
        answer.data = [msgspec.Raw(bytes(record).replace(mark, rb"\u")) for record in answer.data]
        return answer
