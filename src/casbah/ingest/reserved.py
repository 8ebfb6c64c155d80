"""Refuses activities that only Casbah itself may store: the acts of its audit trail."""

import unicodedata
from itertools import dropwhile

from casbah.activity.new_activity import NewActivity
from casbah.activity.record import identifier, integer
from casbah.ingest.apps import APPS, CASBAH
from casbah.ingest.contract import UnusableEventError

ID_PREFIX = "casbah_"
"""The prefix of the ids of acts."""

_APP_KEYS = ("appId", "saasId", "srcAppId")
_ID_KEYS = ("_id", "uid")
_INVISIBLE = bytes(range(33)).decode("ascii") + "\x7f"


def require_unreserved(new: NewActivity) -> None:
    """Raises UnusableEventError for an activity that looks like an act of Casbah: by its app or an id."""
    activity = new.activity
    key = next((key for key in _APP_KEYS if _reads_as_casbah(activity.get(key))), None)
    if key is not None:
        raise UnusableEventError(f"{key} {CASBAH} is {APPS[CASBAH]}'s own; only the server itself records its acts")
    for name in (new.id, *(identifier(activity.get(key)) or "" for key in _ID_KEYS)):
        if _visible(name).startswith(ID_PREFIX):
            raise UnusableEventError(
                f"ids that begin with {ID_PREFIX!r} are those of acts, which only the server records"
            )


def _reads_as_casbah(value: object) -> bool:
    """Whether some reader may take a value for Casbah's app, such as text with a sign or digits of another script."""
    if type(value) is int:
        return value == CASBAH
    if isinstance(value, list):
        return any(map(_reads_as_casbah, value))
    if isinstance(value, str):
        try:
            return float(_visible(value)) == CASBAH
        except ValueError:
            return False
    return integer(value) == CASBAH


def _visible(text: str) -> str:
    """The text as people see it: no leading spaces or invisible characters, normalized and case-folded."""
    if text.isascii():
        return text.lower().lstrip(_INVISIBLE)
    form = unicodedata.normalize("NFKC", text).casefold()
    return "".join(dropwhile(lambda character: not character.isprintable() or character.isspace(), form))
