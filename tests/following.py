"""A store that follows another, and what it leaves to its owner, to hold both together to the same contract."""

from typing import Any

from casbah.store.embedded.following import FollowingStore
from casbah.store.embedded.store import EmbeddedStore

APART = ("opening", "find", "scan", "count", "top_values", "histogram", "fetch", "insert", "insert_soon")


class Followed:
    """See `Store`: what `APART` names is `follower`'s, the rest `owner`'s."""

    def __init__(self, owner: EmbeddedStore) -> None:
        self.owner = owner
        self.follower = FollowingStore(owner.followed, owner, cache=10_000_000)
        for name in APART:
            setattr(self, name, getattr(self.follower, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.owner, name)

    def close(self) -> None:
        """Both."""
        self.follower.close()
        self.owner.close()
