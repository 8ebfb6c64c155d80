"""JSON text: parsed and written exactly, and changed in place.

Records keep the bytes that their sources sent, so most work on them is on text: `codec` reads and writes values, `patch`
changes members of an object, `grammar` scans text that may be broken,
`surrogates` decodes as types of msgspec.
"""

from casbah.base.jsontext.codec import (
    MAX_NESTING,
    TOO_DEEP,
    InvalidJsonError,
    NotAnObjectError,
    canonical,
    dump,
    joined,
    on_one_line,
    parse,
    parse_accepted,
    parse_object,
)
from casbah.base.jsontext.patch import elements, extended, filled, numbered, raw_values, replaced, without
from casbah.base.jsontext.surrogates import decode

__all__ = [
    "MAX_NESTING",
    "TOO_DEEP",
    "InvalidJsonError",
    "NotAnObjectError",
    "canonical",
    "decode",
    "dump",
    "elements",
    "extended",
    "filled",
    "joined",
    "numbered",
    "on_one_line",
    "parse",
    "parse_accepted",
    "parse_object",
    "raw_values",
    "replaced",
    "without",
]
