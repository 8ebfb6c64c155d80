"""A backup in a place: files under their SHA-256, and a list of them for each backup.

    files/<two digits>/<sha-256>     a file's content, kept once however many backups have it
    backups/<when>-<id>.json         which files a store consists of, and how many activities each tenant has

The engine's files never change, so the next backup brings only what is new. The list is written last: an interrupted backup
does not count, but the next one reuses the files that it copied.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from casbah.base.fsync import make_folder, sync_folder, sync_into
from casbah.errors import BackupError
from casbah.operations.backup.target import BackupTarget
from casbah.store.format import FILE as FORMAT_FILE

_LISTS = "backups/"
_FORMAT = 1

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in total."""


@dataclass(frozen=True, slots=True)
class ArchivedSnapshot:
    """One file of a backup: its path in the store, its size in bytes and its SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str

    @property
    def key(self) -> str:
        """The key of its content in the place."""
        return f"files/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True, slots=True)
class Backup:
    """`created` is in ms; `totals` is the number of activities per tenant."""

    name: str
    created: int
    totals: Mapping[str, int]
    files: Sequence[ArchivedSnapshot]

    @property
    def size(self) -> int:
        """The size of all its files in bytes."""
        return sum(file.size for file in self.files)


def save(
    folder: Path, place: BackupTarget, *, created: int, totals: Mapping[str, int], progress: Progress
) -> tuple[Backup, int]:
    """Copy a folder, which must not change meanwhile, to a place. Returns the backup and the number of new bytes."""
    files = [_held(file, folder) for file in sorted(folder.rglob("*")) if file.is_file()]
    total, done, new = sum(file.size for file in files), 0, 0
    for file in files:
        if place.size(file.key) != file.size:
            place.put(file.key, folder / file.path)
            new += file.size
        progress(done := done + file.size, total)
    moment = datetime.fromtimestamp(created / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    name = (
        f"{moment}{created % 1000:03}-{hashlib.sha256(repr(files).encode()).hexdigest()[:8]}"  # The newest sorts last.
    )
    backup = Backup(name, created, totals, files)
    contents = {"format": _FORMAT, "created": created, "totals": totals, "files": [asdict(file) for file in files]}
    with TemporaryDirectory(prefix="casbah-backup-") as room:
        draft = Path(room) / name
        draft.write_bytes(json.dumps(contents).encode())
        place.put(f"{_LISTS}{name}.json", draft)
    return backup, new


def all_of(place: BackupTarget) -> list[str]:
    """The names of all backups, the oldest first."""
    return [key.removeprefix(_LISTS).removesuffix(".json") for key in place.keys(_LISTS)]


def one_of(place: BackupTarget, name: str | None) -> Backup:
    """The backup of that name, or the newest. Raises BackupError."""
    names = all_of(place)
    if not names:
        raise BackupError("there is no backup there")
    chosen = names[-1] if name is None else name
    if chosen not in names:
        raise BackupError(f"there is no backup {chosen!r} there; the newest is {names[-1]}")
    try:
        contents = orjson.loads(b"".join(place.read(f"{_LISTS}{chosen}.json")))
        files = [ArchivedSnapshot(**file) for file in contents["files"]]
        if contents["format"] != _FORMAT:
            raise BackupError(f"backup {chosen} has format {contents['format']}; this Casbah reads format {_FORMAT}")
        return Backup(chosen, contents["created"], contents["totals"], files)
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"the list of backup {chosen} cannot be read") from None


def verify(place: BackupTarget, backup: Backup, *, progress: Progress) -> list[str]:
    """Read every file of a backup; returns error messages."""
    errors, done = [], 0
    for file in backup.files:
        try:
            for _ in _checked(place, file):
                pass
        except BackupError as error:
            errors.append(str(error))
        progress(done := done + file.size, backup.size)
    return errors


def restore(place: BackupTarget, backup: Backup, into: Path, *, progress: Progress) -> None:
    """Restore a backup into a new or empty folder. Raises BackupError; a damaged file is never used."""
    if into.exists() and any(into.iterdir()):
        raise BackupError(f"{into} is not empty; restore into a new folder")
    make_folder(into, mode=0o700)
    done = 0
    # The format file last: without it, the folder does not count as a store.
    for held in sorted(backup.files, key=lambda held: held.path == FORMAT_FILE):
        file = into / _inside(held.path)
        make_folder(file.parent)
        sync_into(file, _checked(place, held))
        sync_folder(file.parent)
        progress(done := done + held.size, backup.size)


def _checked(place: BackupTarget, held: ArchivedSnapshot) -> Iterator[bytes]:
    """A file's content in chunks. Raises BackupError at the end if its size or SHA-256 is wrong."""
    digest, size = hashlib.sha256(), 0
    for piece in place.read(held.key):
        digest.update(piece)
        size += len(piece)
        yield piece
    if (size, digest.hexdigest()) != (held.size, held.sha256):
        raise BackupError(f"{held.key} ({held.path}) is damaged: {size} bytes, SHA-256 {digest.hexdigest()}")


def _held(file: Path, folder: Path) -> ArchivedSnapshot:
    with file.open("rb") as source:
        digest: Any = hashlib.file_digest(source, "sha256")
    return ArchivedSnapshot(file.relative_to(folder).as_posix(), file.stat().st_size, digest.hexdigest())


def _inside(path: str) -> PurePosixPath:
    """A path from an untrusted list. Raises BackupError if it leads out of the folder."""
    parsed = PurePosixPath(path)
    if parsed.is_absolute() or ".." in parsed.parts or not parsed.parts:
        raise BackupError(f"a backup must not hold {path!r}")
    return parsed
