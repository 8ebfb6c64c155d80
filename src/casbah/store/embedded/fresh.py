"""An activity about to be written to a partition."""

from typing import NamedTuple

from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.prepared import Prepared


class Fresh(NamedTuple):
    """An activity to write: the entry under its final id, its dedup keys, and its sequence number."""

    entry: Prepared
    dedup_keys: tuple[str, ...]
    sequence: SequenceNumber
