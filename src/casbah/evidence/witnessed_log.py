"""One log as its witnesses see it: what they are to cosign, what they have cosigned, whether they know another history."""

import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casbah.evidence import merkle, notes
from casbah.evidence.conflict import Conflict, conflict_in, forget_conflict, note_conflict
from casbah.evidence.log_files import LogFiles
from casbah.evidence.witnessed_trees import WitnessedTree, WitnessedTrees

log = logging.getLogger("casbah.evidence")

_FRESH_SECONDS = 10.0


class WitnessedLog:
    """Thread-safe."""

    def __init__(self, files: LogFiles, keys: Sequence[Ed25519PrivateKey]) -> None:
        self._files = files
        self._keys = keys
        self._trees = WitnessedTrees(files.folder)
        self._cosigned_at = -_FRESH_SECONDS
        self._served = 0
        self._lines: dict[int, dict[str, str]] = {}
        self.conflict = conflict_in(files.folder)

    @property
    def origin(self) -> str:
        """The origin of the log."""
        return self._files.state.origin

    @property
    def signed(self) -> str:
        """The last signed checkpoint, without cosignatures; empty before the first one."""
        return self._files.state.checkpoint

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
        self._lines = {size: {**self._lines.get(size, {}), **lines}}
        if len(self._lines[size]) >= quorum:
            root = b64encode(notes.root_in(checkpoint)).decode()
            self._trees.add(WitnessedTree(size, root, tuple(self._lines[size].values())))
            self._cosigned_at = time.monotonic()

    def stop(self, conflict: Conflict) -> None:
        """Sign nothing more, also after a restart."""
        if self.conflict != conflict:
            log.error("the log %s is stopped: %s", self.origin, conflict.problem)
            self.conflict = conflict
            note_conflict(self._files.folder, conflict)

    def resume(self) -> None:
        """Sign again: the witness of the conflict has cosigned the last checkpoint, or is no longer asked."""
        if self.conflict is not None:
            log.warning(
                "the log %s is continued: witness %s is no longer in conflict with it",
                self.origin,
                self.conflict.witness,
            )
            forget_conflict(self._files.folder)
            self.conflict = None

    def close(self) -> None:
        """Keep the newest witnessed tree."""
        self._trees.close()

    def _is_fresh(self, tree: WitnessedTree) -> bool:
        """Whether a tree was cosigned a moment ago, and no later one was served."""
        return tree.size >= self._served and time.monotonic() < self._cosigned_at + _FRESH_SECONDS

    def _note(self, tree: WitnessedTree) -> str:
        """The checkpoint of a tree. It is signed with the keys of now: a proof holds with a new key, too."""
        signed = notes.checkpoint(self.origin, tree.size, b64decode(tree.root), self._keys).decode()
        return signed + "".join(f"{line}\n" for line in tree.lines)
