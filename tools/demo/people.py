"""The made-up company: about four hundred accounts named by role, with their seats and documents.

The company is the same for every seed, so that one store can hold several runs. Only the events differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tools.demo import agent, cloud, place
from tools.demo.dice import Dice, dice, shuffled, wheel
from tools.demo.document import Document, Site, library, site

TENANT = "5f2d7c1e-9a40-4b1b-8c55-0c0ffee0ca5b"
DOMAIN = "contoso.example"
STREAMS: Mapping[str, str] = {
    "microsoft365": "0000ca5b00000000000000a1",
    "cloudtrail": "0000ca5b00000000000000a2",
    "google_workspace": "0000ca5b00000000000000a3",
}
EXTERNAL_TAG = "000000200000000000000000"
ADMIN_TAG = "0000ca5b00000000000000f1"
VIP_TAG = "0000ca5b00000000000000f2"
COMPLIANT_TAG = "0000ca5b00000000000000d1"
JOINED_TAG = "0000ca5b00000000000000d2"
_COMPANY_SEED = 20_250_101
_OWN_DOCUMENTS = 5
_SEATS = 16
_ZIPF = 0.9
_HEAD = 4


@dataclass(frozen=True, slots=True)
class Role:
    """Accounts of one kind; `name` takes their number."""

    name: str
    count: int
    domain: str
    unit: str
    kind: str = "person"


@dataclass(frozen=True, slots=True)
class Seat:
    """A person at an address with certain programs: `name` is the person's name as spelled there, `identity` is CloudTrail's
    `userIdentity`, `extras` are the keys that enrichment adds, per source.
    """

    name: str
    address: place.Address
    browser: agent.Browser
    file_client: str
    mail_client: str
    tool: str
    session: str
    identity: Mapping[str, Any]
    extras: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Person:
    """An account: a person, an administrator, a service, a guest, or a part of the provider's own system."""

    name: str
    kind: str
    unit: str
    key: str
    object_id: str
    sid: str
    mailbox: str
    profile: str
    site: Site
    documents: tuple[Document, ...]
    seats: tuple[Seat, ...]
    cloud: tuple[Seat, ...]


# fmt: off
ROLES = (
    Role("analyst-{:03d}",    64, DOMAIN,              "Finance/Analysis"),
    Role("engineer-{:03d}",   72, DOMAIN,              "Engineering"),
    Role("sales-{:03d}",      58, DOMAIN,              "Sales/Field"),
    Role("finance-{:03d}",    24, DOMAIN,              "Finance/Accounting"),
    Role("hr-{:03d}",         14, DOMAIN,              "People"),
    Role("legal-{:03d}",      10, DOMAIN,              "Legal"),
    Role("support-{:03d}",    38, DOMAIN,              "Support"),
    Role("marketing-{:03d}",  26, DOMAIN,              "Marketing"),
    Role("director-{:02d}",    9, DOMAIN,              "Board",               "vip"),
    Role("designer-{:03d}",   20, "fabrikam.example",  "Fabrikam/Design"),
    Role("operator-{:03d}",   22, "fabrikam.example",  "Fabrikam/Plant"),
    Role("consultant-{:02d}", 10, "northwind.example", "Northwind"),
    Role("admin-{:02d}",       8, DOMAIN,              "IT/Administration",   "admin"),
    Role("helpdesk-{:02d}",    6, DOMAIN,              "IT/Helpdesk",         "admin"),
    Role("svc-backup",         1, DOMAIN,              "IT/Services",         "service"),
    Role("svc-scanner",        1, DOMAIN,              "IT/Services",         "service"),
    Role("svc-reporting",      1, DOMAIN,              "IT/Services",         "service"),
    Role("svc-deploy",         1, DOMAIN,              "IT/Services",         "service"),
    Role("svc-sync",           1, DOMAIN,              "IT/Services",         "service"),
    Role("svc-mail-archive",   1, DOMAIN,              "IT/Services",         "service"),
    Role("partner-{:02d}_fabrikam.example#EXT#",  8, "contoso.onmicrosoft.example", "", "guest"),
    Role("partner-{:02d}_northwind.example#EXT#", 7, "contoso.onmicrosoft.example", "", "guest"),
)
SYSTEMS = (
    "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)",
    "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.AdminApi.NetCore)",
    "ServicePrincipal_3f1b6f0e-0d57-4ad3-a5d4-3d2c5a9b7e10",
    "app@sharepoint",
)
# How many of the sixteen seats of each kind of account have which kind of address.
HABITS: Mapping[str, Mapping[str, int]] = {
    "person":  {"office": 7, "home": 6, "hand": 2, "vpn": 1},
    "vip":     {"office": 5, "home": 4, "hand": 4, "travel": 2, "vpn": 1},
    "admin":   {"admin": 6, "office": 5, "home": 3, "vpn": 2},
    "service": {"cloud": 12, "hosting": 4},
    "guest":   {"home": 12, "hand": 3, "travel": 1},
}
# fmt: on
_TRAVELS = 0.15
_RISKS = 0.06
_COMPLIANT = 0.4
_JOINED = 0.3


@cache
def people() -> tuple[Person, ...]:
    """All accounts except the provider's system accounts."""
    chance = dice(_COMPANY_SEED)
    homes = wheel(((n, p.weight) for n, p in enumerate(place.PLACES)), 512)
    names = [(role, role.name.format(n + 1)) for role in ROLES for n in range(role.count)]
    return tuple(_person(role, f"{name}@{role.domain}", chance.pick(homes), chance) for role, name in names)


@cache
def everyone() -> tuple[Person, ...]:
    """People and guests as a wheel: a few are very active, most are not (Zipf)."""
    kinds = {"person", "vip", "admin", "guest"}
    ranked = shuffled((person for person in people() if person.kind in kinds), dice(_COMPANY_SEED + 1))
    return wheel((person, 1 / (rank + _HEAD) ** _ZIPF) for rank, person in enumerate(ranked))


@cache
def staff() -> tuple[Person, ...]:
    """Like `everyone`, without guests."""
    return tuple(person for person in everyone() if person.kind != "guest")


@cache
def admins() -> tuple[Person, ...]:
    return tuple(person for person in people() if person.kind == "admin")


@cache
def services() -> tuple[Person, ...]:
    return tuple(person for person in people() if person.kind == "service")


@cache
def systems() -> tuple[Person, ...]:
    """The provider's system accounts, which have neither address nor user agent."""
    chance = dice(_COMPANY_SEED + 2)
    return tuple(_system(name, chance) for name in SYSTEMS)


@cache
def developers() -> tuple[Person, ...]:
    """The users of the cloud accounts, as a wheel: engineers, administrators and services."""
    users = [p for p in people() if p.cloud]
    return wheel((person, 1 / (rank + _HEAD)) for rank, person in enumerate(shuffled(users, dice(7))))


def _person(role: Role, name: str, home: int, chance: Dice) -> Person:
    own = site(f"personal/{name.replace('@', '_').replace('.', '_').replace('#', '_')}", chance, personal=True)
    seats = tuple(_seats(role, name, home, chance))
    return Person(
        name=name,
        kind=role.kind,
        unit=role.unit,
        key=f"1003200{chance.digits(9).upper()}",
        object_id=chance.uuid(),
        sid=f"S-1-5-21-1825954961-3338807533-2873504967-{chance.below(90_000_000) + 1_000_000}",
        mailbox=chance.uuid(),
        profile=f"1{chance.below(10**10):010d}{chance.below(10**10):010d}",
        site=own,
        documents=tuple(library(own, _OWN_DOCUMENTS, chance)),
        seats=seats,
        cloud=tuple(_in_the_cloud(role, name, seats, chance)),
    )


def _system(name: str, chance: Dice) -> Person:
    own = site("sites/administration", chance)
    extras = {source: {"streamId": stream} for source, stream in STREAMS.items()}
    seat = Seat(name, place.NOWHERE, agent.BROWSERS[0], "", "", "", chance.uuid(), {}, extras)
    documents = tuple(library(own, _OWN_DOCUMENTS, chance))
    blank = chance.uuid()
    return Person(name, "system", "", name, blank, "S-1-5-18", blank, "", own, documents, (seat,), ())


def _seats(role: Role, name: str, home: int, chance: Dice) -> Iterator[Seat]:
    desk = wheel(((b, b.weight) for b in agent.BROWSERS if b.where == "desk"), 256)
    hand = wheel(((b, b.weight) for b in agent.BROWSERS if b.where == "hand"), 256)
    usual = chance.pick(desk)
    tags = _device_tags(role, chance)
    for kind, count in _habits(role, chance).items():
        address = _address(kind, home, chance)
        browser = chance.pick(hand) if kind == "hand" else usual
        if kind == "risky":
            browser = chance.pick(desk)
        # Some phones capitalise the name.
        spelled = name[0].upper() + name[1:] if kind == "hand" else name
        known = tags if kind in {"office", "home", "admin", "vpn"} else ()
        seat = _seat(role, spelled, address, browser, known, chance)
        yield from (seat for _ in range(count))


def _habits(role: Role, chance: Dice) -> Mapping[str, int]:
    """Seats per kind of address. A few people travel, and a few accounts are also used from risky addresses."""
    habits = dict(HABITS.get(role.kind, HABITS["person"]))
    if role.kind == "person" and chance.random() < _TRAVELS:
        habits |= {"travel": 2}
    if role.kind != "service" and chance.random() < _RISKS:
        habits |= {"risky": 1}
    return habits


def _address(kind: str, home: int, chance: Dice) -> place.Address:
    if kind == "travel":
        return chance.pick(place.homes()[chance.below(len(place.PLACES))])
    if kind in {"home", "hand"}:
        return chance.pick(place.homes()[home])
    table = place.networks()[kind]
    near = tuple(address for address in table if address.place == home)
    return chance.pick(near or table)


def _device_tags(role: Role, chance: Dice) -> tuple[str, ...]:
    if role.kind == "guest":
        return ()
    compliant, joined = chance.random() < _COMPLIANT, chance.random() < _JOINED
    return (COMPLIANT_TAG,) * compliant + (JOINED_TAG,) * joined


def _seat(
    role: Role, name: str, address: place.Address, browser: agent.Browser, tags: tuple[str, ...], chance: Dice
) -> Seat:
    scripted = role.kind == "service"
    if scripted:
        browser = agent.Browser(chance.pick(agent.SCRIPTS), "", "", 1)
    return Seat(
        name=name,
        address=address,
        browser=browser,
        file_client=browser.raw if scripted else chance.pick(agent.FILE_CLIENTS),
        mail_client="Client=WebServices;" if scripted else chance.pick(agent.MAIL_CLIENTS),
        tool=chance.pick(agent.CLOUD_TOOLS),
        session=chance.uuid(),
        identity={},
        extras={source: _extra(source, role, address, tags) for source in STREAMS},
    )


def _extra(source: str, role: Role, address: place.Address, tags: tuple[str, ...]) -> Mapping[str, Any]:
    """Keys from address tables, the directory and device management. Only Google has organizational units."""
    extra: dict[str, Any] = {"streamId": STREAMS[source], **address.facts}
    if tags:
        extra["device"] = {**extra.get("device", {}), "tags": list(tags)}
    user: dict[str, Any] = {"userTags": user_tags(role)} if user_tags(role) else {}
    if source == "google_workspace" and role.unit:
        user["orgUnit"] = f"/Contoso/{role.unit}"
    return {**extra, "user": user} if user else extra


def user_tags(role: Role) -> list[str]:
    """The groups of a role, by department and kind."""
    if role.kind == "guest":
        return [EXTERNAL_TAG]
    kinds = {"admin": [ADMIN_TAG], "vip": [VIP_TAG]}
    department = role.unit.partition("/")[0]
    if department in {"Engineering", "Support", "Fabrikam"}:
        return []
    return [f"0000ca5b{sum(department.encode()):016x}", *kinds.get(role.kind, [])]


def _in_the_cloud(role: Role, name: str, seats: tuple[Seat, ...], chance: Dice) -> Iterator[Seat]:
    """The distinct seats, with an identity in the cloud account."""
    if role.unit not in {"Engineering", "IT/Administration", "IT/Services"}:
        return
    identity = cloud.identity(name, role.kind, chance)
    for seat in {id(seat): seat for seat in seats}.values():
        tools = agent.CONSOLE_TOOLS if seat.address.kind == "office" else agent.CLOUD_TOOLS
        yield replace(seat, tool=chance.pick(tools), identity=identity)
