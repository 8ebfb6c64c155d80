"""Where a transparency log is copied to: a folder, or a bucket of S3-compatible storage."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from casbah.base.fsync import make_folder, write_file
from casbah.operations.backup.target import BackupTarget, is_bucket, open_target


class LogCopy(Protocol):
    """Stores the files of a log under paths such as `tile/0/000`."""

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        ...

    def put(self, path: str, content: bytes) -> None:
        """Store a file, in place of the one that is there."""
        ...


def open_copy(place: str, *, endpoint: str | None) -> LogCopy:
    """The copy in a folder, or at `s3://bucket/prefix`. Raises BackupError."""
    return (
        BucketCopy(open_target(place, endpoint=endpoint)) if is_bucket(place) else FolderCopy(Path(place).expanduser())
    )


class FolderCopy:
    """Everybody may read its files, so that a web server can serve them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, path: str) -> bool:
        return (self._folder / path).exists()

    def put(self, path: str, content: bytes) -> None:
        file = self._folder / path
        make_folder(file.parent)
        write_file(file, content)


class BucketCopy:
    """Its tiles are listed once."""

    def __init__(self, target: BackupTarget) -> None:
        self._target = target
        self._tiles = frozenset(target.keys("tile/"))

    def has(self, path: str) -> bool:
        return path in self._tiles

    def put(self, path: str, content: bytes) -> None:
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._target.put(path, Path(file.name))
