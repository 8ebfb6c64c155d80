"""Something on its way into a period."""

from dataclasses import dataclass

from casbah.store.embedded.stamp import Stamp
from casbah.store.entry import Prepared


@dataclass(frozen=True, slots=True)
class Fresh:
    """Something to store: its entry under the id to store it by, its twin terms, and its stamp."""

    entry: Prepared
    twins: tuple[str, ...]
    stamp: Stamp
