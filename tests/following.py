"""A store that writes in the process that owns it and reads as one that follows does, to hold it to the same contract."""

from typing import Any

from casbah.store.embedded.following import FollowingStore
from casbah.store.embedded.store import EmbeddedStore

READS = ("find", "scan", "count", "most_frequent", "histogram", "fetch")


class Followed:
    """See `Store`: reading is `follower`'s, the rest `owner`'s."""

    def __init__(self, owner: EmbeddedStore) -> None:
        self.owner = owner
        self.follower = FollowingStore(owner.followed, owner.state, cache=10_000_000)
        for name in READS:
            setattr(self, name, getattr(self.follower, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.owner, name)

    def close(self) -> None:
        """Both."""
        self.follower.close()
        self.owner.close()
