"""Who the intruder of the story is, and whose accounts they use."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tools.demo import agent, people, place
from tools.demo.dice import dice
from tools.demo.people import Person, Seat

_SEED = 20_251_026
_COUNTRY = place.Place("IS", "Reykjavik", "Capital Region", 64.1466, -21.9426, ("Aurora Hosting", ""), 0)
_BROWSER = agent.Browser(
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Linux", "Firefox 128.0", 0
)
_SYNC_CLIENT = "Microsoft SkyDriveSync 24.070.0407.0003 ship; Windows NT 10.0 (19045)"
_TOOL = "aws-cli/2.15.30 Python/3.11.8 Linux/6.6.15-amd64 exe/x86_64.kali.2024"


def _address(text: str) -> place.Address:
    location = {
        "category": 6,
        "categoryValue": place.CATEGORIES[6],
        "organizationSearchable": _COUNTRY.providers[0],
        "countryCode": _COUNTRY.country,
        "city": _COUNTRY.city,
        "region": _COUNTRY.region,
        "latitude": _COUNTRY.latitude,
        "longitude": _COUNTRY.longitude,
    }
    return place.Address(text, "intruder", None, {"location": location, "device": {"countryCode": _COUNTRY.country}})


ADDRESS = _address("203.0.113.240")
"""Everything that the intruder does comes from here."""

COLLECTOR = _address("203.0.113.245")
"""From here the public link is opened."""


def person(name: str) -> Person:
    """A person of the company, as the intruder uses the account: at their address, with their programs."""
    return _intruded(name, ADDRESS)


def at_work(name: str, kind: str = "admin") -> Person:
    """A person of the company at the address of that kind."""
    own = _named(name)
    return replace(own, seats=tuple(seat for seat in own.seats if seat.address.kind == kind)[:1], cloud=own.cloud[:1])


def nobody() -> Person:
    """Who opens a public link: SharePoint knows no name."""
    blank = _intruded("finance-021@contoso.example", COLLECTOR)
    seat = replace(blank.seats[0], name="anonymous", extras={"microsoft365": _extra({}, COLLECTOR)})
    return replace(blank, name="anonymous", key="anonymous", kind="anonymous", seats=(seat,))


def _intruded(name: str, address: place.Address) -> Person:
    own = _named(name)
    session = dice(_SEED + sum(name.encode())).uuid()
    seats = tuple(_seat(seat, session, address) for seat in (own.seats[:1] + own.cloud[:1]))
    return replace(own, seats=seats[:1], cloud=seats[1:])


def _seat(own: Seat, session: str, address: place.Address) -> Seat:
    extras = {source: _extra(extra, address) for source, extra in own.extras.items()}
    return replace(
        own,
        address=address,
        browser=_BROWSER,
        file_client=_SYNC_CLIENT,
        mail_client="Client=REST;Client=RESTSystem;;",
        tool=_TOOL,
        session=session,
        extras=extras,
    )


def _extra(own: Mapping[str, Any], address: place.Address) -> Mapping[str, Any]:
    """What enrichment would add: the groups of the person, and the facts of the address."""
    groups = {key: value for key, value in own.items() if key in {"streamId", "user"}}
    return {"streamId": people.STREAMS["microsoft365"], **groups, **address.facts}


def _named(name: str) -> Person:
    return next(each for each in people.people() if each.name == name)
