r"""Decodes JSON with msgspec that may have lone surrogate escapes (`\ud83d`), which msgspec refuses, even in a Raw."""

import re
import secrets
from typing import Any, TypeVar

import msgspec

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
Kind = TypeVar("Kind")


def decode(content: bytes, kind: type[Kind]) -> Kind:
    """Decode JSON as `kind`; every Raw in it has the bytes of the content. Raises msgspec.DecodeError.

    While msgspec decodes, a mark that nobody can know replaces each lone escape.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        mark = f"surrogate {secrets.token_hex(16)} "
        text = _ESCAPE.sub(lambda match: mark.encode() + match["lone"] if match["lone"] else match[0], content)
        result: Kind = _restored(msgspec.json.decode(text, type=kind), mark)
        return result


def _restored(value: Any, mark: str) -> Any:
    match value:
        case msgspec.Raw():
            return msgspec.Raw(bytes(value).replace(mark.encode(), rb"\u"))
        case msgspec.Struct():
            fields = {name: _restored(getattr(value, name), mark) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **fields)
        case list():
            return [_restored(item, mark) for item in value]
        case dict():
            return {_restored(key, mark): _restored(item, mark) for key, item in value.items()}
        case str():
            return re.sub(f"{mark}(.{{4}})", lambda match: chr(int(match[1], 16)), value)
        case _:
            return value
