"""A recording of what a process asked of the disk, as strace writes it, made into steps that can be replayed.

The recording is of system calls, because nothing above them sees all: the engine renames its files by calls of its own that
pass by the C library, so that a library put before it (LD_PRELOAD) never hears of the very step that commits; and a file
system of our own (FUSE) needs rights that a test run rarely has.

A call takes effect when it returns; but what `close` frees is free when it begins, and what a sync has made safe is what was
written when it began. A call on something outside the folder is left out, and one that cannot be replayed is an error.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,"
    "sync_file_range,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "ftruncate,truncate,fallocate,mmap,copy_file_range,sendfile,sendto"
)
"""Every call that a replay must know of."""

_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_UNFINISHED = "<unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(?: .*)?", re.DOTALL)
_ARGUMENT = re.compile(r'\s*"((?:[^"\\]|\\.)*)"(\.\.\.)?|[^,]+', re.DOTALL)
_MISSING = -1


class Call(NamedTuple):
    """A call when it began (`ended` is False, `result` is not known) or when it returned; `key` is the same of both."""

    key: int
    name: str
    arguments: tuple[str | bytes, ...]
    result: int
    ended: bool


@dataclass(frozen=True, slots=True)
class UnreadableError(Exception):
    """A line that is not understood: a recording must not be replayed in part."""

    line: str

    def __str__(self) -> str:
        return f"cannot read this line of the recording: {self.line[:300]}"


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a recording in the order of their beginnings and ends."""
    begun: dict[str, tuple[int, str]] = {}
    for key, line in enumerate(lines):
        matched = _LINE.fullmatch(line.rstrip("\n"))
        if matched is None:
            raise UnreadableError(line)
        thread, text = matched.groups()
        if text.startswith(("+++", "---")):
            continue
        if text.endswith(_UNFINISHED):
            begun[thread] = (key, text.removesuffix(_UNFINISHED))
            name, _, rest = begun[thread][1].partition("(")
            yield Call(key, name, _arguments(rest), _MISSING, ended=False)
        elif resumed := _RESUMED.fullmatch(text):
            first, start = begun.pop(thread)
            yield _ended(first, start + resumed.group(2), line)
        else:
            call = _ended(key, text, line)
            yield call._replace(result=_MISSING, ended=False)
            yield call


def _ended(key: int, text: str, line: str) -> Call:
    matched = _CALL.fullmatch(text)
    if matched is None:
        raise UnreadableError(line)
    name, arguments, result = matched.groups()
    return Call(key, name, _arguments(arguments), _MISSING if result == "?" else int(result, 0), ended=True)


def _arguments(text: str) -> tuple[str | bytes, ...]:
    return tuple(_argument(each) for each in _ARGUMENT.finditer(text))


def _argument(found: re.Match[str]) -> str | bytes:
    if found.group(1) is None:
        return found.group().strip()
    if found.group(2):
        raise UnreadableError(f"shortened: {found.group()}")
    data, _ = codecs.escape_decode(found.group(1).encode("latin-1"))
    assert isinstance(data, bytes)
    return data
