"""One log as its witnesses see it: what they are to cosign, what they have cosigned, whether they know another history."""

import logging
import threading
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence

from casbah.evidence import merkle, notes
from casbah.evidence.conflict import Conflict, conflicts_in, note_conflicts
from casbah.evidence.log_files import LogFiles
from casbah.evidence.witnessed_trees import WitnessedTree, WitnessedTrees

log = logging.getLogger("casbah.evidence")

_FRESH_SECONDS = 10.0


class WitnessedLog:
    """Thread-safe."""

    def __init__(self, files: LogFiles, keys: Sequence[notes.SigningKey]) -> None:
        self._files = files
        self._keys = keys
        self._trees = WitnessedTrees(files.folder)
        self._cosigned_at = -_FRESH_SECONDS
        self._lock = threading.Lock()
        self._served = 0
        self._lines: dict[int, dict[str, str]] = {}
        self._conflicts = conflicts_in(files.folder)
        for conflict in self._conflicts.values():
            log.error("the log %s is stopped: %s", self.origin, conflict.problem)

    @property
    def origin(self) -> str:
        """The origin of the log."""
        return self._files.state.origin

    @property
    def signed(self) -> str:
        """The last signed checkpoint, without cosignatures; empty before the first one."""
        return self._files.state.checkpoint

    @property
    def conflicts(self) -> Sequence[Conflict]:
        """What witnesses know that are in conflict with the log, which is then stopped."""
        return list(self._conflicts.values())

    @property
    def checkpoint(self) -> str:
        """The last signed checkpoint with its cosignatures; for a few seconds, until it has some, the one before that has."""
        signed, tree = self.signed, self._trees.newest
        size = notes.size_in(signed)
        if tree is not None and (tree.size == size or self._is_fresh(tree)):
            signed, size = self._note(tree), tree.size
        self._served = size
        return signed

    @property
    def last_witnessed(self) -> str:
        """The checkpoint of the newest tree that is witnessed, or else the last signed one."""
        return self.signed if self._trees.newest is None else self._note(self._trees.newest)

    def checkpoint_of(self, index: int) -> str:
        """The checkpoint of the first tree with an entry that is known to be witnessed, or else the last signed one."""
        tree = self._trees.covering(index)
        return self.signed if tree is None else self._note(tree)

    def consistency(self, older: int, size: int) -> Sequence[bytes]:
        """The proof that the tree of the first `older` entries is the beginning of that of the first `size`."""
        return merkle.consistency(self._files.rows, older, size)

    def cosigned(self, checkpoint: str, lines: Mapping[str, str], *, quorum: int) -> None:
        """Note valid cosignatures of a checkpoint by the names of their witnesses. It is witnessed once there are so many."""
        size = notes.size_in(checkpoint)
        with self._lock:
            if size < max(self._lines, default=0):
                return  # Another answer has come first, of a later checkpoint.
            self._lines = {size: {**self._lines.get(size, {}), **lines}}
            if len(self._lines[size]) >= quorum:
                root = notes.base64(notes.root_in(checkpoint))
                self._trees.add(WitnessedTree(size, root, tuple(self._lines[size].values())))
                self._cosigned_at = time.monotonic()

    def stop(self, conflict: Conflict) -> None:
        """Sign nothing more, also after a restart."""
        with self._lock:
            if self._conflicts.get(conflict.witness) != conflict:
                log.error("the log %s is stopped: %s", self.origin, conflict.problem)
                self._conflicts = {**self._conflicts, conflict.witness: conflict}
                note_conflicts(self._files.folder, self._conflicts)

    def resume(self, witness: str) -> None:
        """A witness has cosigned the last checkpoint, or is no longer asked. Sign again, unless another is in conflict."""
        with self._lock:
            if witness in self._conflicts:
                log.warning("witness %s is no longer in conflict with the log %s", witness, self.origin)
                self._conflicts = {name: item for name, item in self._conflicts.items() if name != witness}
                note_conflicts(self._files.folder, self._conflicts)

    def keep(self) -> None:
        """Write down the newest witnessed tree."""
        self._trees.keep()

    def _is_fresh(self, tree: WitnessedTree) -> bool:
        """Whether a tree was cosigned a moment ago, and no later one was served."""
        return tree.size >= self._served and time.monotonic() < self._cosigned_at + _FRESH_SECONDS

    def _note(self, tree: WitnessedTree) -> str:
        """The checkpoint of a tree. It is signed with the keys of now: a proof holds with a new key, too."""
        signed = notes.checkpoint(self.origin, tree.size, b64decode(tree.root), self._keys).decode()
        return signed + "".join(f"{line}\n" for line in tree.lines)
