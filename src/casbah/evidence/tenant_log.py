"""The log of one tenant: reads what the store has stored since, adds an entry for each record, and signs the tree.

<tenant>/current.json   which log is the current one, and in a copy of the store its last checkpoint
<tenant>/<log>/         the files of a log
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from casbah.base.checked_json import read_json, write_json
from casbah.base.fsync import make_folder
from casbah.errors import ActivityNotFoundError, DamagedFileError, LogStoppedError, RouteNotFoundError
from casbah.evidence import entries as layout
from casbah.evidence import merkle, notes
from casbah.evidence.log_files import LogFiles, has_entries
from casbah.evidence.witnessed_log import WitnessedLog
from casbah.evidence.witnessed_trees import cosigned
from casbah.store.sealed import SealedRecord, SealedTenant

CURRENT: Final = "current.json"
_AT_ONCE = 2_000
_PER_COMMIT = 100_000


@dataclass(frozen=True, slots=True)
class Signer:
    """The name of the server, and the keys that sign its checkpoints."""

    name: str
    keys: Sequence[notes.SigningKey]


class TenantLog:
    """Thread-safe."""

    def __init__(self, folder: Path, tenant_name: str, tenant: SealedTenant, signer: Signer) -> None:
        self._tenant = tenant
        self._signer = signer
        self._lock = threading.Lock()
        self._behind_since: float | None = None
        self._files = _opened(folder, f"{signer.name}/{tenant_name}", [key.public_key() for key in signer.keys])
        self.witnessed = WitnessedLog(self._files, signer.keys)
        if self._files.state.checkpoint:
            self._files.sign_again(self._sign)  # The keys may be others.

    @property
    def origin(self) -> str:
        """The origin of the log."""
        return self._files.state.origin

    @property
    def checkpoint(self) -> str:
        """The last signed checkpoint, with the cosignatures of witnesses."""
        if not self._files.state.checkpoint:
            self.advance()
        return self.witnessed.checkpoint

    @property
    def size(self) -> int:
        """How many entries the last signed checkpoint covers."""
        return self._files.state.size

    @property
    def verifier_keys(self) -> Sequence[str]:
        """The public keys whose signatures checkpoints have."""
        return [notes.verifier_key(self.origin, key.public_key()) for key in self._signer.keys]

    @property
    def delay(self) -> float:
        """For how many seconds, seen from here, an activity has waited for a checkpoint."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def is_behind(self) -> bool:
        """Whether something was stored that is not in the log."""
        state = self._files.state
        behind = not state.checkpoint or self._tenant.high_water_mark() > min(state.number, state.stored)
        if behind and self._behind_since is None:
            self._behind_since = time.monotonic()
        return behind

    def advance(self, *, leaving: Callable[[], bool] = lambda: False) -> None:
        """Add everything stored so far, and sign; in parts, if it is much. Raises LogStoppedError."""
        while self.is_behind and not leaving():
            self._require_agreement()
            with self._lock:
                self._add_some()
        if not leaving():
            self._behind_since = None

    def erase(self, numbers: Sequence[int]) -> None:
        """Add everything stored so far, and that the records of these activities (ascending) are erased; signed on return."""
        self.advance()
        self._require_agreement()
        with self._lock:
            try:
                self._files.settle()
                for entry in layout.erased(sorted(self._files.indexes(numbers))):
                    self._files.append(entry)
                self._commit(self._files.state.number, self._files.state.stored)
            except BaseException:
                self._files.forget()
                raise

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises RouteNotFoundError if the tree has no such tile."""
        first = number * merkle.WIDTH
        if level >= merkle.LEVELS or first + width > self._files.state.size // merkle.WIDTH**level:
            raise RouteNotFoundError
        self._require_tile(level, number)
        return b"".join(self._files.rows(level, first, first + width))

    def bundle(self, number: int, width: int) -> bytes:
        """The first `width` entries of a bundle. Raises RouteNotFoundError if the log has no such bundle."""
        if number * merkle.WIDTH + width > self._files.state.size:
            raise RouteNotFoundError
        return self._files.bundle(number, width)

    def proof(self, activity_id: str) -> str:
        """A proof (c2sp.org/tlog-proof) that an activity is in the log. Raises ActivityNotFoundError or DamagedFileError.

        Of a stopped log, there are proofs of what it has; then raises LogStoppedError of other activities.
        """
        record, index, entry = self._logged(activity_id)
        checkpoint = self.witnessed.checkpoint_of(index)
        size = notes.size_in(checkpoint)
        hashes = merkle.inclusion(self._files.rows, index, size)
        if merkle.root_of(hashes, index, size, merkle.leaf_hash(entry)) != notes.root_in(checkpoint):
            raise DamagedFileError(self._files.folder, f"entry {index} is not in the tree of the checkpoint")
        opening = notes.base64(layout.opening(record.salt, record.added, entry))
        lines = ["c2sp.org/tlog-proof@v1", f"extra {opening}", f"index {index}", *map(notes.base64, hashes)]
        return "\n".join(lines) + f"\n\n{checkpoint}"

    def _logged(self, activity_id: str) -> tuple[SealedRecord, int, bytes]:
        """The record of an activity, and the index and the entry that commits to it. Raises as `proof` does.

        A record may be replaced while this looks for its entry; then it is read again.
        """
        while True:
            if not self.witnessed.conflicts:
                self.advance()
            record = self._tenant.sealed_record(activity_id)
            if record is None:
                raise ActivityNotFoundError
            if record.number > self._files.state.number:
                raise LogStoppedError
            index = next(self._files.indexes([record.number]))
            entry = self._files.entry(index)
            if layout.committed_in(entry) == _commitment(record):
                return record, index, entry
            is_logged = record.stored <= self._files.state.stored
            if is_logged and self._tenant.sealed_record(activity_id) == record:
                problem = f"entry {index} does not commit to the record of {activity_id}"
                raise DamagedFileError(self._files.folder, problem)
            if not is_logged and self.witnessed.conflicts:
                raise LogStoppedError

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            self.witnessed.keep()
            self._files.close()

    def _require_agreement(self) -> None:
        """Raises LogStoppedError if a witness knows another history: signing would make a fork of it."""
        if self.witnessed.conflicts:
            raise LogStoppedError

    def _require_tile(self, level: int, number: int) -> None:
        """Raises DamagedFileError if the tile does not match its hash in the row above, or the last one of a row the root."""
        state, first = self._files.state, number * merkle.WIDTH
        if first + merkle.WIDTH <= state.size // merkle.WIDTH**level:
            hashes = self._files.rows(level, first, first + merkle.WIDTH)
            right = [merkle.tree_hash(hashes)] == self._files.rows(level + 1, number, number + 1)
        else:
            right = merkle.root(self._files.rows, state.size) == notes.root_in(state.checkpoint)
        if not right:
            raise DamagedFileError(self._files.folder / f"row{level}", f"tile {number} does not match its hash")

    def _add_some(self) -> None:
        """Add activities; once all are in, add replacements, which refer to entries that are already committed."""
        try:
            self._files.settle()
            number, stored = self._add_activities(), self._files.state.stored
            if number >= self._tenant.high_water_mark() and not self._tenant.replaced(after=stored, limit=1).records:
                stored = number
            self._commit(number, stored)
            if stored < number and number >= self._tenant.high_water_mark():
                self._add_replacements()
        except BaseException:
            self._files.forget()
            raise

    def _add_activities(self) -> int:
        reached, added = self._files.state.number, 0
        while added < _PER_COMMIT:
            page = self._tenant.sealed(after=reached, limit=_AT_ONCE)
            for record in page.records:
                self._files.append(layout.activity(record.number, _commitment(record)))
            reached, added = page.reached, added + len(page.records)
            if len(page.records) < _AT_ONCE:
                break
        return reached

    def _add_replacements(self) -> None:
        while True:
            page = self._tenant.replaced(after=self._files.state.stored, limit=_AT_ONCE)
            for record in page.records:
                self._add_replacement(record)
            self._commit(self._files.state.number, page.reached)
            if len(page.records) < _AT_ONCE:
                return

    def _add_replacement(self, record: SealedRecord) -> None:
        """Add a replacement, unless the last entry of the activity commits to the same record."""
        if record.number > self._files.state.number:  # It was stored a moment ago.
            return
        earlier, committed = next(self._files.indexes([record.number])), _commitment(record)
        if layout.committed_in(self._files.entry(earlier)) != committed:
            self._files.append(layout.replaced(record.number, earlier, committed))

    def _commit(self, number: int, stored: int) -> None:
        self._files.commit(number=number, stored=stored, sign=self._sign)

    def _sign(self, size: int, root: bytes) -> str:
        return notes.checkpoint(self.origin, size, root, self._signer.keys).decode()


def _opened(folder: Path, name: str, keys: Sequence[notes.PublicKey]) -> LogFiles:
    """The current log in a folder; a new one for the first time, in a copy of a store, and where its key was lost."""
    current = read_json(folder / CURRENT) if (folder / CURRENT).exists() else None
    if current is None and has_entries(folder):
        raise DamagedFileError(folder / CURRENT, "it is missing")
    if current is not None and "checkpoint" not in current:
        files = LogFiles.open(folder / current["log"])
        last = files.state.checkpoint
        if files.state.origin.rpartition("/")[0] == name and (not last or notes.is_signed(last, keys)):
            return files
        current = {"checkpoint": cosigned(last, files.folder)}  # The server has another name now, or other keys.
        files.close()
    identity = secrets.token_hex(4)
    make_folder(folder, mode=0o700)
    files = LogFiles.create(folder / identity, f"{name}/{identity}")
    if current is not None and current["checkpoint"]:
        files.append(layout.continued(current["checkpoint"].encode()))
    files.commit(number=0, stored=0, sign=lambda *_: "")
    write_json(folder / CURRENT, {"log": identity})
    return files


def _commitment(record: SealedRecord) -> bytes:
    return layout.commitment(record.salt, record.record, record.added)
