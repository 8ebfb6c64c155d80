"""Something on its way into a period."""

from dataclasses import dataclass

from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.entry import Prepared


@dataclass(frozen=True, slots=True)
class Fresh:
    """Something to store: its entry under the id to store it by, its twin terms, and its stamp."""

    entry: Prepared
    dedup_keys: tuple[str, ...]
    stamp: SequenceNumber
