"""The Merkle tree of RFC 6962, kept as rows of hashes: row 0 holds the leaves, and each hash of row n + 1 covers 256 of row n.

Those are the hashes of the tiles of c2sp.org/tlog-tiles. Only full subtrees are kept; what lies between is computed.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

WIDTH = 256
"""How many hashes a full tile has."""

LEVELS = 8
"""A tree of 2^64 leaves has so many levels of tiles."""

Rows = Callable[[int, int, int], Sequence[bytes]]
"""The hashes of a row from one position up to another."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash of a tree with these as leaves, or of subtrees of one height, of which only the last may be incomplete."""
    if not hashes:
        return sha256().digest()
    while len(hashes) > 1:
        paired = [node_hash(hashes[place], hashes[place + 1]) for place in range(0, len(hashes) - 1, 2)]
        hashes = [*paired, hashes[-1]] if len(hashes) % 2 else paired
    return hashes[0]


def root(rows: Rows, size: int) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return _span(rows, 0, size)


def inclusion(rows: Rows, index: int, size: int) -> list[bytes]:
    """The proof that a leaf is in the tree of the first `size` leaves, from its sibling up (RFC 6962, 2.1.1)."""
    return _path(rows, index, 0, size)


def root_of(proof: Sequence[bytes], index: int, size: int, leaf: bytes) -> bytes | None:
    """The root that an inclusion proof leads to; None if it is too short or too long for the tree (RFC 9162, 2.1.3.2)."""
    last, result = size - 1, leaf
    for sibling in proof:
        if not last:
            return None
        if index % 2 or index == last:
            result = node_hash(sibling, result)
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        index, last = index >> 1, last >> 1
    return None if last else result


def consistency(rows: Rows, older: int, size: int) -> list[bytes]:
    """The proof that the tree of the first `older` leaves is the beginning of that of the first `size` (RFC 6962, 2.1.2)."""
    return _subproof(rows, older, 0, size, whole=True) if 0 < older < size else []


def _path(rows: Rows, index: int, start: int, end: int) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(rows, index, start, middle), _span(rows, middle, end)]
    return [*_path(rows, index, middle, end), _span(rows, start, middle)]


def _subproof(rows: Rows, older: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    if older == end:
        return [] if whole else [_span(rows, start, end)]
    middle = start + _split(end - start)
    if older <= middle:
        return [*_subproof(rows, older, start, middle, whole=whole), _span(rows, middle, end)]
    return [*_subproof(rows, older, middle, end, whole=False), _span(rows, start, middle)]


def _span(rows: Rows, start: int, end: int) -> bytes:
    """The hash of the leaves from `start` to `end`, which is a subtree of the tree."""
    size = end - start
    row, width = 0, 1
    while width * WIDTH <= size:
        row, width = row + 1, width * WIDTH
    whole = size // width
    hashes = list(rows(row, start // width, start // width + whole))
    if rest := size - whole * width:  # An incomplete subtree at the right edge: it is as high as the others, or lower.
        return _joined(hashes, _span(rows, end - rest, end))
    return tree_hash(hashes)


def _joined(hashes: Sequence[bytes], last: bytes) -> bytes:
    """The hash of subtrees of one height and of an incomplete one after them."""
    return tree_hash([*hashes, last])


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def tile_path(level: str | int, number: int, width: int = WIDTH) -> str:
    """The path of a tile, such as 0/x001/x234/067, or entries/000.p/5 for a part of a bundle."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    path = "/".join([str(level), *(f"x{part}" for part in parts[:-1]), parts[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"
