"""The trees of one log that witnesses have cosigned: the newest one, and of those before it enough to tell since when.

The file has a line for each tree that is kept: the digest of what follows, and JSON. Lines are only added. From one to the next
are ten minutes or more, in which only the last tree is kept: so each entry is in a kept tree that was witnessed at most so much
later than the first one with that entry.
"""

import hashlib
import json
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from casbah.base.fsync import append
from casbah.errors import DamagedFileError
from casbah.evidence import notes

FILE: Final = "witnessed"
_EVERY_SECONDS = 600
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class WitnessedTree:
    """A tree with the lines of its cosignatures; `root` is in Base64, as in a checkpoint."""

    size: int
    root: str
    lines: tuple[str, ...]

    @property
    def since(self) -> int:
        """When it was first cosigned, in seconds since the epoch."""
        return min(map(notes.moment_of, self.lines))


class WitnessedTrees:
    """Thread-safe. Raises DamagedFileError."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = threading.Lock()
        self._sizes: list[int] = []
        self._places: list[int] = []
        self._end = 0
        self._kept: WitnessedTree | None = None
        self.newest: WitnessedTree | None = None
        for place, end, tree in _lines_of(self._file):
            self._note(tree, place, end)

    def add(self, tree: WitnessedTree) -> None:
        """Note a tree that witnesses have cosigned just now."""
        with self._lock:
            before = self.newest
            if before is None:
                self._keep(tree)
            elif before.size == tree.size:
                known = {line.split(" ")[1] for line in before.lines}
                added = tuple(line for line in tree.lines if line.split(" ")[1] not in known)
                tree = WitnessedTree(before.size, before.root, before.lines + added)
                if added and before == self._kept:
                    self._keep(tree)
            elif before.size > tree.size:
                return
            elif self._kept is None or tree.since >= self._kept.since + _EVERY_SECONDS:
                self._keep(before)
            self.newest = tree

    def covering(self, index: int) -> WitnessedTree | None:
        """The first tree with an entry that is known to be witnessed."""
        with self._lock:
            place = bisect_right(self._sizes, index)
            if place < len(self._sizes):
                return self._read(place)
            return self.newest if self.newest is not None and self.newest.size > index else None

    def keep(self) -> None:
        """Write down the newest tree."""
        with self._lock:
            if self.newest is not None:
                self._keep(self.newest)

    def _keep(self, tree: WitnessedTree) -> None:
        if tree == self._kept:
            return
        content = _line(tree)
        append(self._file, self._end, content)
        self._note(tree, self._end, self._end + len(content))

    def _note(self, tree: WitnessedTree, place: int, end: int) -> None:
        """A later line of the same tree has more cosignatures."""
        if self._sizes and self._sizes[-1] == tree.size:
            self._places[-1] = place
        else:
            self._sizes.append(tree.size)
            self._places.append(place)
        self._end, self.newest, self._kept = end, tree, tree

    def _read(self, place: int) -> WitnessedTree:
        with self._file.open("rb") as file:
            file.seek(self._places[place])
            return _tree(file.readline(), self._file)


def cosigned(checkpoint: str, folder: Path) -> str:
    """The last signed checkpoint of the log in a folder, with the cosignatures that the folder has of it."""
    newest = WitnessedTrees(folder).newest
    if newest is None or newest.size != notes.size_in(checkpoint):
        return checkpoint
    return checkpoint + "".join(f"{line}\n" for line in newest.lines)


def _lines_of(file: Path) -> Iterator[tuple[int, int, WitnessedTree]]:
    """The trees in a file, and where their lines begin and end. What a crash left of a line at the end is ignored."""
    if not file.exists():
        return
    place, size = 0, 0
    with file.open("rb") as opened:
        for line in opened:
            if not line.endswith(b"\n"):
                return
            tree = _tree(line, file)
            if tree.size < size:
                raise DamagedFileError(file, "its trees are not in order")
            yield place, place + len(line), tree
            place, size = place + len(line), tree.size


def _line(tree: WitnessedTree) -> bytes:
    content = json.dumps(asdict(tree)).encode()
    return b"%b %b\n" % (_digest_of(content), content)


def _tree(line: bytes, file: Path) -> WitnessedTree:
    digest, _, content = line.rstrip(b"\n").partition(b" ")
    if digest != _digest_of(content):
        raise DamagedFileError(file, "a line does not match its digest")
    fields = json.loads(content)
    return WitnessedTree(fields["size"], fields["root"], tuple(fields["lines"]))


def _digest_of(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest().encode()
