"""API answers with records, whose bytes are kept unchanged."""

import msgspec


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
