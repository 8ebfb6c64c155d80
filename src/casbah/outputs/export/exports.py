"""Exports: all results of a query, written to a file in the background for download.

Each export has a folder in the store's `exports/`: `export.json` holds the request and the state, next to the
file. The file is written under a temporary name, synced and then renamed, so that a ready file is complete. An export cut
short by a stop or crash is restarted from the beginning when the store is next opened. Only one batch of records is in
memory at a time.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from io import RawIOBase
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

from casbah.activity.query import Bounds, Query, continuation, parse
from casbah.activity.tenant import NOBODY, Principal, TenantId
from casbah.base.failure import bug, is_disk_error
from casbah.base.fsync import make_folder, read_only, sync_folder, write_file
from casbah.errors import CasbahError, LimitExceededError, NoSuchExportError, UnavailableError
from casbah.outputs.export.columns import COLUMNS
from casbah.outputs.export.formats import COMPRESSIONS, FORMATS
from casbah.store.contract import Store

log = logging.getLogger("casbah.export")

FOLDER = "exports"
MAX_EXPORTS = 100
"""Maximum number of exports of one owner in one tenant."""

STATES = WAITING, RUNNING, READY, FAILED = ("waiting", "running", "ready", "failed")
_CHECKED = Bounds(
    filters=1 << 31, values=1 << 31, characters=1 << 31
)  # The request was checked when it was made; limits may be lower now.
_SCAN_PAGE = 50_000
"""Larger than a request's: the records of a page are read gradually, and fewer pages leave less in the store's cache."""

_TOGETHER = 5_000


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: the query's parameters as sent, validated by the caller, and names of rows of the tables."""

    filters: Mapping[str, Any]
    sort: str
    direction: str
    format: str
    columns: tuple[str, ...]
    compress: str | None

    @property
    def suffix(self) -> str:
        """The suffix of the file's name."""
        return f".{self.format}{COMPRESSIONS[self.compress].suffix if self.compress else ''}"

    @property
    def media_type(self) -> str:
        """The media type of the file."""
        return COMPRESSIONS[self.compress].media_type if self.compress else FORMATS[self.format].media_type


@dataclass(frozen=True, slots=True)
class Export:
    """An export's state. It belongs to the principal `owner_id`; `owner` is a name, for display.

    Moments are ms; `total` is how many activities matched when it began, None before that. `bytes` is the
    number of bytes written so far, `sha256` (hexadecimal) is that of the file.
    """

    id: str
    tenant: str
    owner: str
    wanted: ExportRequest
    requested: int
    state: str = WAITING
    rows: int = 0
    total: int | None = None
    bytes: int = 0
    sha256: str | None = None
    ended: int | None = None
    error: str | None = None
    owner_id: str = NOBODY


class _StoppedError(Exception):
    """The export was deleted, or the server is stopping."""


@dataclass
class _StoredExport:
    """An export in its folder; `stop` ends its writing."""

    export: Export
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def file(self) -> Path:
        return self.folder / f"activities{self.export.wanted.suffix}"


class Exports:
    """All tenants' exports. Thread-safe.

    `keep` is how many ms a ready export is kept, None: forever; `spare` is how many bytes of the disk stay free; `threads`
    exports are written at a time.
    """

    def __init__(  # noqa: PLR0913  it has so many settings
        self,
        folder: Path,
        store: Store,
        *,
        clock: Callable[[], int],
        earlier: Callable[[str, str, int], str],
        keep: int | None,
        spare: int,
        threads: int,
    ) -> None:
        self._elsewhere = TemporaryDirectory(prefix="casbah-") if read_only(folder) else None
        """A temporary folder for exports if the store's is read-only; they are then lost when the process ends."""

        self._folder = (folder if self._elsewhere is None else Path(self._elsewhere.name)) / FOLDER
        self._store = store
        self._clock = clock
        self._earlier = earlier
        self._keep = keep
        self._spare = spare
        self._lock = threading.Lock()
        self._closed = threading.Event()
        make_folder(self._folder)
        self._kept = {stored.export.id: stored for stored in self._on_disk()}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="casbah-export")
        self._sweep()
        for kept in sorted(self._kept.values(), key=lambda stored: stored.export.requested):
            if kept.export.state == WAITING:
                self._pool.submit(self._write, kept)

    def begin(self, wanted: ExportRequest, owner: Principal, tenant_id: TenantId) -> Export:
        """Start an export. Raises LimitExceededError."""
        self._sweep()
        export_id, now = secrets.token_hex(8), self._clock()
        export = Export(export_id, tenant_id.name, owner.name, wanted, now, owner_id=owner.id)
        kept = _StoredExport(export, self._folder / export.id)
        with self._lock:
            if sum(stored.export.owner_id == owner.id for stored in self._own(owner, tenant_id)) >= MAX_EXPORTS:
                raise LimitExceededError(f"there are {MAX_EXPORTS} exports already; delete some first")
            make_folder(kept.folder)
            _save(kept.folder, export)
            self._kept[export.id] = kept
        self._pool.submit(self._write, kept)
        return export

    def all(self, owner: Principal, tenant_id: TenantId) -> list[Export]:
        """The owner's exports, newest first."""
        self._sweep()
        with self._lock:
            exports = [stored.export for stored in self._own(owner, tenant_id)]
        return sorted(exports, key=lambda stored: (-stored.requested, stored.id))

    def one(self, export_id: str, owner: Principal, tenant_id: TenantId) -> Export:
        """One of the owner's exports. Raises NoSuchExportError."""
        return self._one(export_id, owner, tenant_id).export

    def file(self, export_id: str, owner: Principal, tenant_id: TenantId) -> Path:
        """The file of a ready export. Raises NoSuchExportError."""
        kept = self._one(export_id, owner, tenant_id)
        if kept.export.state != READY:
            raise NoSuchExportError
        return kept.file

    def remove(self, export_id: str, owner: Principal, tenant_id: TenantId) -> None:
        """Stop an export if it is running, and delete its files.

        Raises NoSuchExportError, and OSError if the disk refuses; the export then remains.
        """
        self._drop(self._one(export_id, owner, tenant_id))

    def close(self) -> None:
        """Stop running exports; they restart when the store is next opened."""
        self._closed.set()
        self._pool.shutdown(cancel_futures=True)
        if self._elsewhere is not None:
            self._elsewhere.cleanup()

    def _own(self, owner: Principal, tenant_id: TenantId) -> list[_StoredExport]:
        return [stored for stored in self._kept.values() if _is_own(stored.export, owner, tenant_id)]

    def _one(self, export_id: str, owner: Principal, tenant_id: TenantId) -> _StoredExport:
        with self._lock:
            kept = self._kept.get(export_id)
        if kept is None or not _is_own(kept.export, owner, tenant_id):
            raise NoSuchExportError
        return kept

    def _on_disk(self) -> Iterator[_StoredExport]:
        """The exports on disk. Interrupted ones wait again; folders without a readable state are skipped."""
        for folder in sorted(self._folder.iterdir()):
            try:
                export = self._read(json.loads((folder / _STATE).read_text("utf-8")))
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("%s is no export and is left alone: %s", folder, error)
                continue
            if export.state == RUNNING:
                export = replace(export, state=WAITING, rows=0, total=None, bytes=0)
            yield _StoredExport(export, folder)

    def _read(self, saved: dict[str, Any]) -> Export:
        """An export as saved. Earlier versions saved only the owner's name: `earlier` maps it to an id."""
        if "owner_id" not in saved:
            saved["owner_id"] = self._earlier(saved["owner"], saved["tenant"], saved["asked"])
        return _export(saved)

    def _sweep(self) -> None:
        """Delete expired exports."""
        if self._keep is None:
            return
        before = self._clock() - self._keep
        with self._lock:
            old = [
                stored
                for stored in self._kept.values()
                if stored.export.ended is not None and stored.export.ended < before
            ]
        for kept in old:
            try:
                self._drop(kept)
            except OSError as error:  # It is tried again at the next request.
                log.warning("the expired export %s cannot be deleted: %s", kept.export.id, error)

    def _drop(self, kept: _StoredExport) -> None:
        with self._lock:  # A state change holds the lock, and would write the state file again.
            if self._kept.get(kept.export.id) is not kept:
                return
            # The state file goes first: a partial deletion then leaves nothing that would be restarted. The export is
            # forgotten last: one that the disk keeps must not be missing until the next start.
            with suppress(FileNotFoundError):
                (kept.folder / _STATE).unlink()
                sync_folder(kept.folder)
            kept.stop.set()
            del self._kept[kept.export.id]
        shutil.rmtree(kept.folder, ignore_errors=True)

    def _write(self, kept: _StoredExport) -> None:
        try:
            self._turn(kept, state=RUNNING)
            digest = self._written(kept)
            self._turn(kept, state=READY, sha256=digest, ended=self._clock(), bytes=kept.file.stat().st_size)
        except _StoppedError:
            (kept.folder / _DRAFT).unlink(missing_ok=True)
        except Exception as error:  # noqa: BLE001  report any failure to the owner; the thread continues with the next export
            if not kept.stop.is_set():
                self._failed(kept, error)

    def _failed(self, kept: _StoredExport, error: Exception) -> None:
        log.warning("export %s failed: %s", kept.export.id, error, exc_info=bug(error))
        failed: dict[str, Any] = {"state": FAILED, "error": _public_message(error), "ended": self._clock()}
        with suppress(_StoppedError):
            try:
                (kept.folder / _DRAFT).unlink(missing_ok=True)
                self._turn(kept, **failed)
            except OSError:  # The owner is told all the same; the next start writes the export again.
                kept.export = replace(kept.export, **failed)

    def _turn(self, kept: _StoredExport, **changed: Any) -> None:
        """Update an export's state, on disk and then in memory, unless it was deleted meanwhile."""
        with self._lock:
            if kept.stop.is_set():
                raise _StoppedError
            export = replace(kept.export, **changed)
            _save(kept.folder, export)
            kept.export = export

    def _written(self, kept: _StoredExport) -> str:
        """Write the file; returns its SHA-256 in hexadecimal."""
        wanted, draft = kept.export.wanted, kept.folder / _DRAFT
        with draft.open("wb") as raw:
            file = _Sink(raw)
            packed = COMPRESSIONS[wanted.compress].opened(cast("BinaryIO", file)) if wanted.compress else file
            writer = FORMATS[wanted.format].writer(
                cast("BinaryIO", packed), [COLUMNS[column] for column in wanted.columns]
            )
            for records in self._batches(kept):
                writer.write(records)
                kept.export = replace(kept.export, rows=kept.export.rows + len(records), bytes=file.tell())
                self._look(kept)
            writer.close()
            if packed is not file:
                packed.close()
            raw.flush()
            os.fsync(raw.fileno())
        draft.rename(kept.file)
        sync_folder(kept.folder)
        return file.digest()

    def _look(self, kept: _StoredExport) -> None:
        if kept.stop.is_set() or self._closed.is_set():
            raise _StoppedError
        if shutil.disk_usage(kept.folder).free < self._spare:
            raise UnavailableError(f"the disk has less than {self._spare:,} bytes free (setting CASBAH_EXPORT_SPARE)")

    def _batches(self, kept: _StoredExport) -> Iterator[list[bytes]]:
        """The matching records, a few thousand at a time: a complete scan."""
        wanted, tenant_id = kept.export.wanted, TenantId(kept.export.tenant)
        filters, now = wanted.filters, kept.export.requested
        while True:
            query = self._query(wanted, filters, now)
            self._look(kept)
            page = self._store.tenant(tenant_id).scan(query)
            if kept.export.total is None:
                kept.export = replace(kept.export, total=page.total)
            while batch := list(islice(page.records, _TOGETHER)):
                yield batch
            if page.boundary is None:
                return
            filters = continuation(filters, query, page.boundary, now=now)

    def _query(self, wanted: ExportRequest, filters: Mapping[str, Any], now: int) -> Query:
        parameters = {"isScan": True, "sortField": wanted.sort, "sortDirection": wanted.direction}
        return replace(
            parse({**parameters, "filters": filters}, now=now, bounds=_CHECKED, groups=True), limit=_SCAN_PAGE
        )


class _Sink(RawIOBase):
    """A file written sequentially; it counts and hashes the bytes written."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self._sum = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._raw.write(data)
        self._sum.update(data)
        size = memoryview(data).nbytes
        self._size += size
        return size

    def tell(self) -> int:
        return self._size

    def digest(self) -> str:
        """The SHA-256 of everything written, in hexadecimal."""
        return self._sum.hexdigest()


def _is_own(export: Export, owner: Principal, tenant_id: TenantId) -> bool:
    return export.tenant == tenant_id.name and owner.owns(export.owner_id)


_STATE, _DRAFT = "export.json", "draft"


def _save(folder: Path, export: Export) -> None:
    saved = asdict(export)
    saved["asked"] = saved.pop("requested")
    write_file(folder / _STATE, json.dumps(saved).encode())


def _export(saved: dict[str, Any]) -> Export:
    wanted = saved.pop("wanted")
    if wanted["format"] not in FORMATS or not set(wanted["columns"]) <= set(COLUMNS):
        raise ValueError("a later version's")
    requested = saved.pop("asked")
    request = ExportRequest(**{**wanted, "columns": tuple(wanted["columns"])})
    return Export(wanted=request, requested=requested, **saved)


def _public_message(error: Exception) -> str:
    """The public message of an error: its own text if expected, else a generic one."""
    if isinstance(error, CasbahError):
        return str(error)
    if isinstance(error, OSError) and is_disk_error(error):
        return error.strerror or str(error)
    return "something unforeseen happened; the server's log says what"
