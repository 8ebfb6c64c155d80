"""casbah ranges list | add | change | remove | load."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from casbah.cli import options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import plain
from casbah.cli.table import show_rows
from casbah.errors import OperatorError, nearest
from casbah.ingest.enrich.networks import CATEGORIES

app = options.group("IP ranges: label the addresses of offices, VPNs and providers.")
_PATH = "/api/v1/subnet"
_PAGE = 1_000
_NAMES = {"corporate": 1, "administrative": 2, "risky": 3, "vpn": 4, "cloud": 5, "other": 6}
_COLUMNS = ("name", "ip_address_ranges", "category", "tag(id)", "isp_name")

Category = Annotated[str, typer.Option(help=f"One of {', '.join(_NAMES)}, or 1 to 6.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag by id or name; repeatable.")]
Organization = Annotated[str, typer.Option(help="The organization; overrides lookup files.")]
Country = Annotated[str, typer.Option(help="The country by code or name; overrides lookup files.")]
City = Annotated[str, typer.Option(help="The city; requires --country.")]


class BadRangesFileError(OperatorError):
    """A file of IP ranges that cannot be read."""


@app.command("list")
def list_ranges(
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """List IP ranges by name.

    Example: casbah ranges list --json
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        ranges = list(_all(api))
    if as_json:
        typer.echo(json.dumps(ranges))
        return
    columns = ("name", "category", "networks", "organization", "place", "tags", "id")
    show_rows(columns, map(_row, ranges), least=("tags", "id", "organization", "place"))


@app.command()
def add(  # noqa: PLR0913  one parameter per option
    name: Annotated[str, typer.Argument(help="A name.")],
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
    url: options.Url = None,
) -> None:
    """Add an IP range. It applies to new activities, and to stored ones after `casbah enrich --again`.

    Example: casbah ranges add 'Berlin office' 192.0.2.0/24 2001:db8::/48 --category corporate
    """
    draft = _draft(name, networks, category, tag or [], organization, _where(country, city))
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        range_id = api.ask("POST", f"{_PATH}/create_rule", json=draft).json()
    typer.echo(json.dumps({"_id": range_id}) if as_json else f"added {plain(name)} ({range_id})")


@app.command()
def remove(
    which: Annotated[str, typer.Argument(help="The range's name or id.")],
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Remove an IP range.

    Example: casbah ranges remove 'Berlin office'
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        ranges = list(_all(api))
        entry = next((candidate for candidate in ranges if which in (candidate["_id"], candidate["name"])), None)
        if entry is None:
            raise UnknownRangeError(which, [candidate["name"] for candidate in ranges])
        api.ask("DELETE", f"{_PATH}/{entry['_id']}")
    typer.echo(json.dumps(entry) if as_json else f"removed {plain(entry['name'])} ({entry['_id']})")


@app.command()
def load(
    path: Annotated[
        Path, typer.Argument(help=f"CSV with the columns {', '.join(_COLUMNS)}.", dir_okay=False, exists=True)
    ],
    *,
    only: Annotated[bool, typer.Option("--only", help="Also remove ranges that are not in the file.")] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Add and change IP ranges from a file, matched by name. The format is that of MDCA's published script.

    Separate several networks or tags in a column with blanks.

    Example: casbah ranges load ranges.csv
    """
    rows = list(_rows(path))
    counts = {"added": 0, "changed": 0, "same": 0, "removed": 0}
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        existing = {entry["name"]: entry for entry in _all(api)}
        if only:
            for name in existing.keys() - {row["name"] for row in rows}:
                api.ask("DELETE", f"{_PATH}/{existing.pop(name)['_id']}")
                counts["removed"] += 1
        for row in rows:
            counts[_stored(api, row, existing.get(row["name"]))] += 1
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        typer.echo(", ".join(f"{count:,} {what}" for what, count in counts.items()))


class UnknownRangeError(OperatorError):
    """No IP range of that name or id."""

    def __init__(self, which: str, known: list[str]) -> None:
        super().__init__(f"no IP range {which!r}{nearest(which, known)}; `casbah ranges list` shows them all")


def _stored(api: Api, draft: dict[str, Any], known: Mapping[str, Any] | None) -> str:
    if known is None:
        api.ask("POST", f"{_PATH}/create_rule", json=draft)
        return "added"
    if _same(draft, known):
        return "same"
    api.ask("POST", f"{_PATH}/{known['_id']}/update_rule", json=draft)
    return "changed"


def _same(draft: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    return (
        sorted(draft["subnets"]) == sorted(subnet["originalString"] for subnet in known["subnets"])
        and draft["category"] == known["category"]
        and all(tag in {tag[key] for tag in known["tags"] for key in ("id", "name")} for tag in draft["tags"])
        and len(draft["tags"]) == len(known["tags"])
        and draft["organization"] == (known["organization"] or "")
    )


def _all(api: Api) -> Iterator[dict[str, Any]]:
    skip, more = 0, True
    while more:
        page = api.ask("POST", f"{_PATH}/", json={"skip": skip, "limit": _PAGE}).json()
        yield from page["data"]
        skip, more = skip + len(page["data"]), page["hasNext"]


def _draft(
    name: str, networks: list[str], category: str, tags: list[str], organization: str, location: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "name": name,
        "subnets": networks,
        "category": _category(category),
        "tags": tags,
        "organization": organization,
        "location": location,
    }


def _category(text: str) -> int | str:
    """The category of a name; numbers are the server's to check. Raises typer.BadParameter."""
    name = text.strip().lower()
    if name in _NAMES or not name.isalpha():
        return _NAMES.get(name, text)
    raise typer.BadParameter(
        f"{text!r}{nearest(name, tuple(_NAMES))}; expected one of {', '.join(_NAMES)}, or 1 to 6",
        param_hint="--category",
    )


def _where(country: str, city: str) -> dict[str, str] | None:
    if city and not country:
        raise typer.BadParameter("a city requires --country", param_hint="--city")
    return {"countryCode": country, **({"city": city} if city else {})} if country else None


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    networks = ", ".join(subnet["originalString"] for subnet in entry["subnets"])
    tags = ", ".join(tag["name"] for tag in entry["tags"])
    category, organization = CATEGORIES[entry["category"]], entry["organization"] or ""
    return entry["name"], category, networks, organization, _place(entry), tags, entry["_id"]


def _place(entry: Mapping[str, Any]) -> str:
    location = entry["location"] or {}
    return ", ".join(location[key] for key in ("city", "countryCode") if location.get(key))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened, skipinitialspace=True)
        header = [name.strip().lower() for name in next(rows, [])]
        if header != list(_COLUMNS):
            raise BadRangesFileError(f"{path}: line 1: expected the columns {', '.join(_COLUMNS)}")
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            if len(row) != len(_COLUMNS):
                raise BadRangesFileError(f"{path}: line {rows.line_num}: {len(row)} values for {len(_COLUMNS)} columns")
            name, networks, category, tags, organization = (value.strip() for value in row)
            draft = _draft(name, networks.split(), category, tags.split(), organization, None)
            yield {
                **draft,
                "category": int(category) if category.isascii() and category.isdigit() else draft["category"],
            }
