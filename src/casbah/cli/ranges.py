"""casbah ranges list | add | change | remove | load."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from casbah.cli import options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import cell, plain
from casbah.errors import OperatorError, nearest
from casbah.ingest.enrich.networks import CATEGORIES

app = typer.Typer(
    help="IP ranges: what is known of the addresses of offices, VPNs, providers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_PATH = "/api/v1/subnet"
_PAGE = 1_000
_NAMES = {"corporate": 1, "administrative": 2, "risky": 3, "vpn": 4, "cloud": 5, "other": 6}
_COLUMNS = ("name", "ip_address_ranges", "category", "tag(id)", "isp_name")

Category = Annotated[str, typer.Option(help=f"One of {', '.join(_NAMES)}, or 1 to 6.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag by id or name; may be given several times.")]
Organization = Annotated[str, typer.Option(help="Whose they are, in place of what files say.")]
Country = Annotated[str, typer.Option(help="Where they are: a country by code or name, in place of what files say.")]
City = Annotated[str, typer.Option(help="The city, beside --country.")]


class BadRangesFileError(OperatorError):
    """A file of IP ranges that cannot be read."""


@app.command("list")
def list_ranges(
    *, tenant: options.Tenant = options.TENANT, as_json: options.AsJson = False, store: options.Store = None
) -> None:
    """List IP ranges by name.

    Example: casbah ranges list --json
    """
    with connected(options.existing(store=store), tenant=tenant) as api:
        found = list(_all(api))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("name", "category", "networks", "organization", "place", "tags", "id")
    for each in found:
        networks = ", ".join(subnet["originalString"] for subnet in each["subnets"])
        tags = ", ".join(tag["name"] for tag in each["tags"])
        columns = (
            each["name"],
            CATEGORIES[each["category"]],
            networks,
            each["organization"] or "",
            _place(each),
            tags,
            each["_id"],
        )
        table.add_row(*map(cell, columns))
    Console().print(table)


@app.command()
def add(  # noqa: PLR0913  one parameter an option
    name: Annotated[str, typer.Argument(help="What people call it.")],
    networks: Annotated[list[str], typer.Argument(help="Addresses and networks, such as 192.0.2.0/24.")],
    *,
    category: Category,
    tag: Tags = None,
    organization: Organization = "",
    country: Country = "",
    city: City = "",
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Add an IP range. It says something of activities from now on; of older ones after `casbah enrich --again`.

    Example: casbah ranges add 'Berlin office' 192.0.2.0/24 2001:db8::/48 --category corporate
    """
    drawn = _drawn(name, networks, category, tag or [], organization, _where(country, city))
    with connected(options.existing(store=store), tenant=tenant) as api:
        range_id = api.ask("POST", f"{_PATH}/create_rule", json=drawn).json()
    typer.echo(json.dumps({"_id": range_id}) if as_json else f"added {plain(name)} ({range_id})")


@app.command()
def remove(
    which: Annotated[str, typer.Argument(help="The range's name or id.")],
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Remove an IP range.

    Example: casbah ranges remove 'Berlin office'
    """
    with connected(options.existing(store=store), tenant=tenant) as api:
        there = list(_all(api))
        found = next((each for each in there if which in (each["_id"], each["name"])), None)
        if found is None:
            raise UnknownRangeError(which, [each["name"] for each in there])
        api.ask("DELETE", f"{_PATH}/{found['_id']}")
    typer.echo(json.dumps(found) if as_json else f"removed {plain(found['name'])} ({found['_id']})")


@app.command()
def load(
    path: Annotated[
        Path, typer.Argument(help=f"CSV with the columns {', '.join(_COLUMNS)}.", dir_okay=False, exists=True)
    ],
    *,
    only: Annotated[bool, typer.Option("--only", help="Remove ranges that the file does not name.")] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Add and change IP ranges as a file has them, by name; the file is that of MDCA's published script.

    Several networks or tags stand in one column with blanks between.

    Example: casbah ranges load ranges.csv
    """
    rows = list(_rows(path))
    done = {"added": 0, "changed": 0, "same": 0, "removed": 0}
    with connected(options.existing(store=store), tenant=tenant) as api:
        there = {each["name"]: each for each in _all(api)}
        if only:
            for name in there.keys() - {row["name"] for row in rows}:
                api.ask("DELETE", f"{_PATH}/{there.pop(name)['_id']}")
                done["removed"] += 1
        for row in rows:
            done[_stored(api, row, there.get(row["name"]))] += 1
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(", ".join(f"{count:,} {what}" for what, count in done.items()))


class UnknownRangeError(OperatorError):
    """No IP range of that name or id."""

    def __init__(self, which: str, known: list[str]) -> None:
        super().__init__(f"no IP range {which!r}{nearest(which, known)}; `casbah ranges list` names them all")


def _stored(api: Api, drawn: dict[str, Any], known: Mapping[str, Any] | None) -> str:
    if known is None:
        api.ask("POST", f"{_PATH}/create_rule", json=drawn)
        return "added"
    if _same(drawn, known):
        return "same"
    api.ask("POST", f"{_PATH}/{known['_id']}/update_rule", json=drawn)
    return "changed"


def _same(drawn: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    return (
        sorted(drawn["subnets"]) == sorted(subnet["originalString"] for subnet in known["subnets"])
        and drawn["category"] == known["category"]
        and all(tag in {tag[key] for tag in known["tags"] for key in ("id", "name")} for tag in drawn["tags"])
        and len(drawn["tags"]) == len(known["tags"])
        and drawn["organization"] == (known["organization"] or "")
    )


def _all(api: Api) -> Iterator[dict[str, Any]]:
    skip, more = 0, True
    while more:
        page = api.ask("POST", f"{_PATH}/", json={"skip": skip, "limit": _PAGE}).json()
        yield from page["data"]
        skip, more = skip + len(page["data"]), page["hasNext"]


def _drawn(
    name: str, networks: list[str], category: str, tags: list[str], organization: str, location: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "name": name,
        "subnets": networks,
        "category": _NAMES.get(category.strip().lower(), category),
        "tags": tags,
        "organization": organization,
        "location": location,
    }


def _where(country: str, city: str) -> dict[str, str] | None:
    if city and not country:
        raise typer.BadParameter("a city needs its --country", param_hint="--city")
    return {"countryCode": country, **({"city": city} if city else {})} if country else None


def _place(found: Mapping[str, Any]) -> str:
    location = found["location"] or {}
    return ", ".join(location[key] for key in ("city", "countryCode") if location.get(key))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened, skipinitialspace=True)
        header = [name.strip().lower() for name in next(rows, [])]
        if header != list(_COLUMNS):
            raise BadRangesFileError(f"{path}: line 1: expected the columns {', '.join(_COLUMNS)}")
        for row in rows:
            if not any(each.strip() for each in row):
                continue
            if len(row) != len(_COLUMNS):
                raise BadRangesFileError(f"{path}: line {rows.line_num}: {len(row)} values for {len(_COLUMNS)} columns")
            name, networks, category, tags, organization = (each.strip() for each in row)
            drawn = _drawn(name, networks.split(), category, tags.split(), organization, None)
            yield {
                **drawn,
                "category": int(category) if category.isascii() and category.isdigit() else drawn["category"],
            }
