"""The forms of an activity that carry less than its source's own event, and how they are compared with a fuller copy.

A record made from such a form names it in `sourceForm`. A record without that key, or with another value, is a full one: of the
source's event itself, or Defender for Cloud Apps' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "sourceForm"
"""The record's key that names the form."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that carries less. Of two copies of an activity, the one of the smaller `rank` carries more.

    Two records of one id are copies if their times differ by at most `tolerance` ms, and the values at the `compared` paths
    are the same, as far as both have them.
    """

    name: str
    title: str
    rank: int
    tolerance: int
    compared: tuple[str, ...]


def _index(*forms: Form) -> Mapping[str, Form]:
    return {form.name: form for form in forms}


_WHO_AND_WHERE = ("user.userName", "device.clientIP")

# By rank.
# fmt: off
FORMS = _index(
    Form("cloud_app_events", "a row of CloudAppEvents", 1, 1_000,  _WHO_AND_WHERE),
    # Many exports have whole seconds, some whole minutes.
    Form("csv",              "a row of a CSV export",   2, 60_000, _WHO_AND_WHERE),
)
# fmt: on
CLOUD_APP_EVENTS, CSV = FORMS["cloud_app_events"], FORMS["csv"]


LEFT_OUT = frozenset({"recipientAccountId"})
"""Keys of events that some deliveries leave out: Amazon EventBridge those of CloudTrail's."""


def form_of(record: Mapping[str, Any]) -> Form | None:
    """The form that a record was made from, if it carries less than the source's event."""
    name = record.get(KEY)
    return FORMS.get(name) if type(name) is str else None
