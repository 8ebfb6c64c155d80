"""Finds the members of an object in its JSON text, and changes them in place: all other bytes stay as they are.

The text must be valid, which callers know because they parsed it. Its structure is checked again, not its scalars.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import msgspec

from casbah.base.jsontext.codec import InvalidJsonError, dump, is_too_deep, parse
from casbah.base.jsontext.grammar import KEY, ScanState, blank, scan

_BLANKS = b" \t\r\n"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])

_Values = TypeVar("_Values")

# What msgspec does not read: lone surrogates, great depth, and invalid text.
_UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Member(NamedTuple):
    """A member of an object: `text[start:end]`, its value `text[value:end]`."""

    key: str
    start: int
    value: int
    end: int


def raw_values(text: bytes, keys: Collection[str]) -> dict[str, bytes]:
    """The values of those keys that the object `text` has, as text; the last one of a repeated key."""
    try:
        values = _decoded(text, _OBJECT)
    except _UNREAD:
        return {member.key: text[member.value : member.end] for member in scanned_members(text) if member.key in keys}
    return {key: bytes(values[key]) for key in keys if key in values}


def replaced(text: bytes, changes: Mapping[str, bytes]) -> bytes:
    """`text`, an object, with the values of the keys in `changes` replaced; only the last one of a repeated key."""
    parts = []
    position = 0
    last = {member.key: member for member in members(text) if member.key in changes}
    for member in sorted(last.values(), key=lambda member: member.start):
        parts += [text[position : member.value], changes[member.key]]
        position = member.end
    return b"".join([*parts, text[position:]])


def extended(text: bytes, added: bytes) -> bytes:
    """`text`, an object, with the members of the non-empty object `added` put first. It must have none of those keys."""
    start = text.index(b"{") + 1
    rest = text[start:]
    comma = b"" if rest.lstrip(_BLANKS).startswith(b"}") else b","
    return b"".join((text[:start], added[1:-1], comma, rest))


def filled(text: bytes, values: Mapping[str, Any]) -> bytes:
    """`text`, an object, with these keys set, existing or not."""
    existing = raw_values(text, values.keys())
    text = replaced(text, {key: dump(values[key]) for key in existing})
    fresh = {key: value for key, value in values.items() if key not in existing}
    return extended(text, dump(fresh)) if fresh else text


def without(text: bytes, keys: Collection[str]) -> bytes:
    """`text`, an object, without the members of these keys, repeated ones included."""
    existing = members(text)
    kept = [text[member.start : member.end] for member in existing if member.key not in keys]
    if len(kept) == len(existing):
        return text
    opening = text.index(b"{") + 1
    return text[:opening] + b",".join(kept) + text[text.rindex(b"}") :]


def numbered(text: bytes) -> bytes:
    """The list `text` as an object whose keys are the positions; the elements' own bytes are kept."""
    parts = (b'"%d":%b' % (index, element) for index, element in enumerate(elements(text)))
    return b"{" + b",".join(parts) + b"}"


def elements(text: bytes) -> list[bytes]:
    """The elements of the list `text`, as text."""
    try:
        return [bytes(element) for element in _decoded(text, _LIST)]
    except _UNREAD:
        return list(scanned_elements(text))


def members(text: bytes) -> list[Member]:
    """The members of the object `text` in order, repeated keys included."""
    try:
        values = _decoded(text, _OBJECT)
    except _UNREAD:
        return list(scanned_members(text))
    sizes = [len(value) for value in values.values()]
    # The positions if there are no spaces, no escapes in keys and no repeated keys. Each of those makes the text longer,
    # so the positions are right exactly if the text ends where they do.
    lengths = (len(key.encode()) + size + len('"":,') for key, size in zip(values, sizes, strict=True))
    starts = list(accumulate(lengths, initial=len("{")))
    if starts[-1] != len(text):
        return list(scanned_members(text))
    bounds = zip(values, sizes, pairwise(starts), strict=True)
    return [Member(key, start, following - 1 - size, following - 1) for key, size, (start, following) in bounds]


def _decoded(text: bytes, decoder: msgspec.json.Decoder[_Values]) -> _Values:
    """Raises one of `_UNREAD`. How deep msgspec reads depends on the version of Python, and may be deeper than `parse`."""
    if is_too_deep(text):
        raise RecursionError
    return decoder.decode(text)


def scanned_members(text: bytes) -> Iterator[Member]:
    """Like `members`, for any text: what precedes the first error is found."""
    position = _opening(text, b"{")
    while text[position : position + 1] != b"}":
        key = KEY.match(text, position)
        if key is None:
            raise _broken(position)
        end = _end_of_value(text, key.end())
        yield Member(_key(key.group(1), position), position, key.end(), end)
        position = _past_separator(text, end, b"}")


def scanned_elements(text: bytes) -> Iterator[bytes]:
    """Like `elements`, for any text: what precedes the first error is found."""
    position = _opening(text, b"[")
    while text[position : position + 1] != b"]":
        end = _end_of_value(text, position)
        yield text[position:end]
        position = _past_separator(text, end, b"]")


def _broken(position: int) -> InvalidJsonError:
    return InvalidJsonError(f"not JSON from byte {position + 1} on")


def _opening(text: bytes, bracket: bytes) -> int:
    position = blank(text, 0)
    if text[position : position + 1] != bracket:
        raise _broken(position)
    return blank(text, position + 1)


def _key(text: bytes, position: int) -> str:
    try:
        key: str = parse(text)
    except InvalidJsonError:  # Not UTF-8, or an invalid escape.
        raise _broken(position) from None
    return key


def _end_of_value(text: bytes, position: int) -> int:
    value = scan(text, position, len(text))
    if value.state is not ScanState.CLOSED:
        raise _broken(value.at)
    return value.at


def _past_separator(text: bytes, position: int, closing: bytes) -> int:
    """Past the comma to the next part, or at the closing bracket."""
    position = blank(text, position)
    first = text[position : position + 1]
    if first == closing:
        return position
    following = blank(text, position + 1)
    if first != b"," or text[following : following + 1] == closing:
        raise _broken(position)
    return following
