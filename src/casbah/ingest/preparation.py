"""How a process that only reads prepares new activities for the one that owns the store."""

from collections.abc import Callable
from dataclasses import dataclass

from casbah.activity.new_activity import NewActivity
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.enrich.networks import IpRanges
from casbah.store.contract import PreparedByStore

OpenEnrichment = Callable[[], Enrichment]
Prepare = Callable[[NewActivity], PreparedByStore]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What opens the enrichment of a process, and the store's `prepare`; `ranges` are those of the tenant, if there is only
    one. It can be pickled if both callables can.
    """

    enrichment: OpenEnrichment
    prepare: Prepare
    ranges: IpRanges | None = None

    def opened(self) -> Enrichment:
        """The enrichment. Raises BadSettingError."""
        return self.enrichment().knowing(self.ranges)
