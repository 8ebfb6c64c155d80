"""Lines of MDCA's SIEM agent in the Common Event Format, which hold only part of each activity.

The id is the activity's own, so an activity that is also ingested as a record is stored once; the first one is kept.
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
    CatalogApp,
    Instance,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.times import calendar, milliseconds

_BY_KEY: Mapping[str, CatalogApp] = {app_key(name): CatalogApp(number, name, number) for number, name in APPS.items()}


def recognizes(event: Mapping[str, Any]) -> bool:
    """An event built by `ingest.cef` from a line of that agent, or of Casbah's export in the same format."""
    return "cef" in event and event.get("product") == PRODUCT


def drafts(event: Event) -> Iterator[Draft]:
    """One activity."""
    extension = folded(folded(event.parsed).get("extension"))
    header = folded(event.parsed)
    yield Draft(
        id=text(extension.get("externalid")) or None,
        timestamp=_moment(extension.get("rt")),
        keys={**keys(_parts(header, extension)), **_policies(extension)},
    )


def _moment(value: Any) -> int:
    """Parse `rt`: ms since the epoch or, as the format allows, a calendar time."""
    moment = milliseconds(value)
    if moment is None and isinstance(value, str):
        moment = calendar(value)
    if moment is None:
        raise UnusableEventError(f"no usable time: rt is {str(value)[:60]!r}")
    return moment


def _parts(header: Mapping[str, Any], extension: Mapping[str, Any]) -> RecordParts:
    category = text(header.get("signature")) or UNSPECIFIED
    app = _app(text(extension.get("cs2")), text(extension.get("destinationservicename")))
    targets = [Target(NAMED_ACCOUNT, ROLE_ACTED_ON, id=name, name=name) for name in _several(extension, "cs3")]
    return RecordParts(
        app=app,
        instance=Instance(""),
        actor=Actor(text(extension.get("suser")), "", app.id),
        operation=text(header.get("name")),
        category=category,
        event_type=category,
        targets=targets,
        subject="",
        addresses=tuple(address for key in ("dvc", "c6a1") if (address := text(extension.get(key)))),
        agent=text(extension.get("requestclientapplication")),
        admin=False,
        title=text(header.get("name")),
        sentence=text(extension.get("msg")),
    )


def _app(key: str, name: str) -> CatalogApp:
    """The app that `APPID_...` names, by its number or its name; an unknown one has number 0."""
    bare = key.removeprefix(APP_PREFIX)
    if bare.isascii() and bare.isdigit():
        return CatalogApp(int(bare), APPS.get(int(bare), name), int(bare))
    return _BY_KEY.get(bare) or _BY_KEY.get(app_key(name)) or CatalogApp(0, name, 0)


def _policies(extension: Mapping[str, Any]) -> dict[str, Any]:
    policies = _several(extension, "cs4")
    return {"policies": policies} if policies else {}


def _several(extension: Mapping[str, Any], key: str) -> list[str]:
    return [item for item in text(extension.get(key)).split(",") if item]


CONNECTOR = Connector(
    name="cef",
    title="CEF lines of Defender for Cloud Apps' SIEM agent",
    samples="Casbah's own export",
    recognizes=recognizes,
    drafts=drafts,
    examples=("a file written by a syslog collector, one activity per line", "casbah export all.cef"),
    documents=("https://learn.microsoft.com/en-us/defender-cloud-apps/siem",),
    marks=(frozenset({"cef", "product"}),),
)
