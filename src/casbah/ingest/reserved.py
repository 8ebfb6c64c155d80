"""What only Casbah itself may store: its own acts. From outside they are refused, whichever way they come."""

from casbah.activity.arrival import Arrival
from casbah.activity.record import identifier, integer
from casbah.ingest.apps import APPS, CASBAH
from casbah.ingest.contract import UnusableEventError

ID_PREFIX = "casbah_"
"""How the ids of acts begin."""

_APP_KEYS = ("appId", "saasId", "srcAppId")
_ID_KEYS = ("_id", "uid")


def require_unreserved(arrival: Arrival) -> None:
    """Raises UnusableEventError for what would look like an act of Casbah's own: its app, or an id of that kind."""
    activity = arrival.activity
    key = next((key for key in _APP_KEYS if integer(activity.get(key)) == CASBAH), None)
    if key is not None:
        raise UnusableEventError(f"{key} {CASBAH} is {APPS[CASBAH]}'s own; only the server itself records its acts")
    for name in (arrival.id, *(identifier(activity.get(key)) or "" for key in _ID_KEYS)):
        if name.lower().startswith(ID_PREFIX):
            raise UnusableEventError(
                f"ids that begin with {ID_PREFIX!r} are those of acts, which only the server records"
            )
