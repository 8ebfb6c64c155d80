"""A disk that forgets: what a recording wrote, and what of it is there after the power fails at some step.

The model is the weakest that file systems promise. What a file held when it was last synced is there. Of what was written
since, in order, any first part is there, the last write perhaps torn, or in its place zeros; or nothing. Entries of a folder
(a new name, a rename, a removal) are there once the folder was synced; of later ones any first part is, in the order in which
they were made (as on ext4, XFS and Btrfs, whose journals keep it), each whole or not at all. A sync that failed has lost for
good what it should have made safe.
"""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults.recording import Call

_APPLIED_AT_BEGINNING = ("close",)
_SYNCS = ("fsync", "fdatasync")


@dataclass(slots=True, eq=False)
class File:
    """`safe` is what survives; `since` are the writes after that: an offset and bytes, or a length to cut it to."""

    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes | None) -> None:
        _apply(self.now, offset, data)
        self.since.append((offset, data))

    def sync(self, count: int, *, kept: bool) -> None:
        """The first `count` writes since the last sync are safe, or lost."""
        if kept:
            safe = bytearray(self.safe)
            for each in self.since[:count]:
                _apply(safe, *each)
            self.safe = bytes(safe)
        del self.since[:count]


@dataclass(slots=True, eq=False)
class Folder:
    """`since` are changes of entries after the last sync: each some names and what they are now, None for nothing."""

    now: "dict[str, File | Folder]" = field(default_factory=dict)
    safe: "dict[str, File | Folder]" = field(default_factory=dict)
    since: "list[dict[str, File | Folder | None]]" = field(default_factory=list)

    def change(self, change: "dict[str, File | Folder | None]") -> None:
        _enter(self.now, change)
        self.since.append(change)

    def sync(self, count: int, *, kept: bool) -> None:
        """The first `count` changes since the last sync are safe, or lost."""
        if kept:
            for each in self.since[:count]:
                _enter(self.safe, each)
        del self.since[:count]


@dataclass(slots=True)
class _Open:
    node: File | Folder
    at: int = 0
    appends: bool = False


class Disk:
    """Everything below `root`, a folder that was empty when the recording began."""

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)
        self._top = Folder()
        self._opened: dict[int, _Open] = {}
        self._syncing: dict[int, tuple[File | Folder, int]] = {}

    def apply(self, call: Call) -> None:
        """Take one step."""
        if not call.ended:
            if call.name in _APPLIED_AT_BEGINNING:
                self._opened.pop(_number(call.arguments[0]), None)
            elif call.name in _SYNCS and (held := self._held(call)) is not None:
                self._syncing[call.key] = (held.node, len(held.node.since))
        elif call.name in _SYNCS:
            if call.key in self._syncing:
                node, count = self._syncing.pop(call.key)
                node.sync(count, kept=call.result == 0)
        elif call.result >= 0 and call.name not in _APPLIED_AT_BEGINNING:
            getattr(self, f"_{call.name}", self._unknown)(call)

    def after_power_failure(self, dice: random.Random, into: Path) -> None:
        """Write what is left into a folder."""
        _write(self._top, into, dice)

    def _held(self, call: Call) -> _Open | None:
        return self._opened.get(_number(call.arguments[0]))

    def _unknown(self, call: Call) -> None:
        """A call that is not modelled must not touch what is."""
        touches = any(isinstance(argument, bytes) and self._inside(argument) is not None for argument in call.arguments)
        if touches or any(number in self._opened for number in _numbers(call)):
            raise NotImplementedError(f"{call.name}{call.arguments} cannot be replayed")

    def _openat(self, call: Call) -> None:
        above, path, flags = call.arguments[:3]
        if _number(above) in self._opened and not (isinstance(path, bytes) and path.startswith(b"/")):
            raise NotImplementedError(f"{call.name}{call.arguments} cannot be replayed")
        self._take(path, flags, call.result)

    def _open(self, call: Call) -> None:
        """What some allocators call before there is any other file."""
        path, flags = call.arguments[:2]
        self._take(path, flags, call.result)

    def _take(self, path: str | bytes, flags: str | bytes, number: int) -> None:
        found = self._inside(path)
        if found is None:
            self._opened.pop(number, None)
            return
        folder, name = found
        if name and name not in folder.now:
            folder.change({name: File()})
        node = folder.now[name] if name else folder
        if "O_TRUNC" in str(flags) and isinstance(node, File):
            node.write(0, None)
        self._opened[number] = _Open(node, appends="O_APPEND" in str(flags))

    def _write(self, call: Call) -> None:
        held = self._held(call)
        if held is None:
            return
        assert isinstance(held.node, File)
        data = call.arguments[1]
        assert isinstance(data, bytes)
        at = len(held.node.now) if held.appends else held.at
        held.node.write(at, data[: call.result])
        held.at = at + call.result

    def _pwrite64(self, call: Call) -> None:
        held = self._held(call)
        if held is None:
            return
        _, data, _, offset = call.arguments
        assert isinstance(held.node, File)
        assert isinstance(data, bytes)
        held.node.write(_number(offset), data[: call.result])

    def _lseek(self, call: Call) -> None:
        held = self._held(call)
        if held is not None:
            held.at = call.result

    def _ftruncate(self, call: Call) -> None:
        held = self._held(call)
        if held is not None:
            assert isinstance(held.node, File)
            held.node.write(_number(call.arguments[1]), None)

    def _fallocate(self, call: Call) -> None:
        """Room is made: a file that was shorter has zeros at its end."""
        held = self._held(call)
        if held is None:
            return
        _, mode, offset, length = call.arguments
        assert isinstance(held.node, File)
        assert mode == "0", "only room is modelled"
        end = _number(offset) + _number(length)
        if end > (size := len(held.node.now)):
            held.node.write(size, bytes(end - size))

    def _mkdir(self, call: Call) -> None:
        found = self._inside(call.arguments[0])
        if found is not None and found[1]:
            found[0].change({found[1]: Folder()})

    def _unlink(self, call: Call) -> None:
        found = self._inside(call.arguments[0])
        if found is not None:
            found[0].change({found[1]: None})

    _rmdir = _unlink

    def _unlinkat(self, call: Call) -> None:
        """Of a folder that is open, as removing a tree does it."""
        above, name = call.arguments[:2]
        if (held := self._opened.get(_number(above))) is None:
            self._unlink(call._replace(arguments=(name,)))
            return
        assert isinstance(held.node, Folder)
        assert isinstance(name, bytes)
        held.node.change({os.fsdecode(name): None})

    def _rename(self, call: Call) -> None:
        self._move(call.arguments[0], call.arguments[1])

    def _renameat(self, call: Call) -> None:
        self._move(call.arguments[1], call.arguments[3])

    def _move(self, old: str | bytes, new: str | bytes) -> None:
        before, after = self._inside(old), self._inside(new)
        if before is None and after is None:
            return
        assert before is not None
        assert after is not None
        assert before[0] is after[0], "a rename between folders is two changes, which no file system keeps together"
        before[0].change({before[1]: None, after[1]: before[0].now[before[1]]})

    def _mmap(self, call: Call) -> None:
        """Reading is no step; what is written through memory would go unseen, and only SQLite's index of its log may be."""
        held = self._opened.get(_number(call.arguments[4]))
        protection, flags = str(call.arguments[2]), str(call.arguments[3])
        if held is not None and "PROT_WRITE" in protection and "MAP_SHARED" in flags:
            assert any(name.endswith("-shm") for name in self._names_of(held.node)), "a file is written through memory"

    def _fcntl(self, call: Call) -> None:
        if "F_DUPFD" in str(call.arguments[1]):
            self._dup(call)

    def _dup(self, call: Call) -> None:
        self._opened.pop(call.result, None)
        if (held := self._held(call)) is not None:
            self._opened[call.result] = held

    _dup2 = _dup3 = _dup

    def _sendto(self, call: Call) -> None:
        """An answer: no step of the disk's."""

    def _names_of(self, node: File | Folder) -> Iterator[str]:
        folders = [self._top]
        while folders:
            folder = folders.pop()
            yield from (name for name, each in folder.now.items() if each is node)
            folders += [each for each in folder.now.values() if isinstance(each, Folder)]

    def _inside(self, path: str | bytes) -> tuple[Folder, str] | None:
        """The folder that a path names an entry of, and the entry's name ('' for the root itself); None: it is outside."""
        if not isinstance(path, bytes) or not (path + b"/").startswith(self._root + b"/"):
            return None
        *above, name = os.fsdecode(path[len(self._root) :]).strip("/").split("/")
        folder = self._top
        for each in above:
            inner = folder.now[each]
            assert isinstance(inner, Folder)
            folder = inner
        inner = folder.now.get(name)
        return (inner, "") if isinstance(inner, Folder) else (folder, name)


def _number(argument: str | bytes) -> int:
    assert isinstance(argument, str)
    return int(argument) if argument.lstrip("-").isdigit() else -1


def _numbers(call: Call) -> Sequence[int]:
    """What may be descriptors among the arguments of a call that is not known."""
    return [int(argument) for argument in call.arguments[:1] if isinstance(argument, str) and argument.isdigit()]


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data


def _enter(entries: "dict[str, File | Folder]", change: "dict[str, File | Folder | None]") -> None:
    for name, node in change.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def _write(folder: Folder, into: Path, dice: random.Random) -> None:
    into.mkdir(exist_ok=True)
    entries = dict(folder.safe)
    for each in folder.since[: _some(dice, len(folder.since))]:
        _enter(entries, each)
    for name, node in entries.items():
        if isinstance(node, Folder):
            _write(node, into / name, dice)
        else:
            (into / name).write_bytes(_left(node, dice))


def _left(file: File, dice: random.Random) -> bytes:
    """The safe content, and some of what was written since."""
    content = bytearray(file.safe)
    count = _some(dice, len(file.since))
    for offset, data in file.since[:count]:
        _apply(content, offset, data)
    if count < len(file.since):
        offset, data = file.since[count]
        if data:
            torn = data[: dice.randrange(len(data))]
            _apply(content, offset, dice.choice([b"", torn, bytes(len(data)), torn + bytes(len(data) - len(torn))]))
    return bytes(content)


def _some(dice: random.Random, maximum: int) -> int:
    """How many of so many: often none, often all."""
    return dice.choice([0, 0, maximum, dice.randint(0, maximum)])
