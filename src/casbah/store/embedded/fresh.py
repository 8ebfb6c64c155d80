"""An activity about to be written to a partition."""

from dataclasses import dataclass

from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Fresh:
    """An activity to write: the entry under its final id, its dedup keys, and its sequence number."""

    entry: Prepared
    dedup_keys: tuple[str, ...]
    sequence: SequenceNumber
