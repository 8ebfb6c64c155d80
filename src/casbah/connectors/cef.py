"""Lines of MDCA's SIEM agent in the Common Event Format (`records.md`): what a collector kept of activities, which is not all.

The id is the activity's own, so what is also at hand as a record is not stored twice; the record that came first stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from casbah.ingest.apps import APPS
from casbah.ingest.cef import APP_PREFIX, PRODUCT, app_key
from casbah.ingest.contract import Connector, Draft, Event, UnusableEventError
from casbah.ingest.fields import folded, text
from casbah.ingest.record_builder import (
    NAMED_ACCOUNT,
    ROLE_ACTED_ON,
    UNSPECIFIED,
    Actor,
    App,
    Instance,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.times import calendar, milliseconds

_BY_KEY: Mapping[str, App] = {app_key(name): App(number, name, number) for number, name in APPS.items()}


def recognises(event: Mapping[str, Any]) -> bool:
    """What `ingest.cef` makes of a line, if it is of that agent or of Casbah's own export in its form."""
    return "cef" in event and event.get("product") == PRODUCT


def drafts(event: Event) -> Iterator[Draft]:
    """One activity."""
    told = folded(folded(event.parsed).get("extension"))
    header = folded(event.parsed)
    yield Draft(
        id=text(told.get("externalid")) or None,
        timestamp=_moment(told.get("rt")),
        keys={**keys(_shape(header, told)), **_policies(told)},
    )


def _moment(value: Any) -> int:
    """`rt`: ms since the epoch, or a calendar time, which the format allows too."""
    found = milliseconds(value)
    if found is None and isinstance(value, str):
        found = calendar(value)
    if found is None:
        raise UnusableEventError(f"no usable time: rt is {str(value)[:60]!r}")
    return found


def _shape(header: Mapping[str, Any], told: Mapping[str, Any]) -> RecordParts:
    category = text(header.get("signature")) or UNSPECIFIED
    app = _app(text(told.get("cs2")), text(told.get("destinationservicename")))
    targets = [Target(NAMED_ACCOUNT, ROLE_ACTED_ON, id=each, name=each) for each in _several(told, "cs3")]
    return RecordParts(
        app=app,
        instance=Instance(""),
        actor=Actor(text(told.get("suser")), "", app.id),
        operation=text(header.get("name")),
        category=category,
        event_type=category,
        targets=targets,
        subject="",
        addresses=tuple(found for key in ("dvc", "c6a1") if (found := text(told.get(key)))),
        agent=text(told.get("requestclientapplication")),
        admin=False,
        title=text(header.get("name")),
        sentence=text(told.get("msg")),
    )


def _app(key: str, name: str) -> App:
    """The app that `APPID_...` names, by its number or its name; an unknown one has number 0."""
    bare = key.removeprefix(APP_PREFIX)
    if bare.isascii() and bare.isdigit():
        return App(int(bare), APPS.get(int(bare), name), int(bare))
    return _BY_KEY.get(bare) or _BY_KEY.get(app_key(name)) or App(0, name, 0)


def _policies(told: Mapping[str, Any]) -> dict[str, Any]:
    found = _several(told, "cs4")
    return {"policies": found} if found else {}


def _several(told: Mapping[str, Any], key: str) -> list[str]:
    return [each for each in text(told.get(key)).split(",") if each]


CONNECTOR = Connector(
    name="cef",
    title="CEF lines of Defender for Cloud Apps' SIEM agent",
    recognises=recognises,
    drafts=drafts,
    examples=("a file that a syslog collector wrote, one line an activity", "casbah export all.cef"),
    documents=("https://learn.microsoft.com/en-us/defender-cloud-apps/siem",),
    marks=(frozenset({"cef", "product"}),),
)
