"""casbah delete, and casbah retention list | add | hold | remove | apply | trail."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.counts import Conditions, Filters
from casbah.cli.printable import cell, plain
from casbah.errors import ServerRefusedError
from casbah.ingest.apps import CASBAH
from casbah.retention.rules import HOLD, MOST_DAYS

app = typer.Typer(
    help="How long activities are kept, and what must not be deleted (docs/retention.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_COUNT = "/api/v1/activities/count/"
_RULES, _DELETE = "/api/ext/v1/retention", "/api/ext/v1/activities/delete"

Everything = Annotated[bool, typer.Option("--everything", help="All activities, without a filter.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Name = Annotated[str, typer.Argument(help="What people call it.")]


def delete(  # noqa: PLR0913  one parameter an option
    *,
    conditions: Conditions = None,
    filters: Filters = None,
    everything: Everything = False,
    yes: Yes = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Delete activities for good: says how many first, and asks. What a legal hold keeps is not deleted.

    Example: casbah delete --filter 'user.username eq ann@example.com'
    """
    asked = _chosen(conditions, filters, everything=everything)
    with connected(options.existing(store=store), tenant=tenant) as api:
        look = None if yes else api.ask("POST", _DELETE, json={**asked, "dryRun": True}).json()
        if look is None or (look["deleted"] and _agreed(look)):
            done = api.ask("POST", _DELETE, json={**asked, "dryRun": False, "wait": True}).json()
        else:
            done = look
    typer.echo(json.dumps(done) if as_json else _sentence(done))


@app.command("list")
def list_rules(
    *, tenant: options.Tenant = options.TENANT, as_json: options.AsJson = False, store: options.Store = None
) -> None:
    """List retention rules and legal holds by name.

    Example: casbah retention list
    """
    with connected(options.existing(store=store), tenant=tenant) as api:
        found = api.ask("GET", _RULES).json()["data"]
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("name", "action", "older than", "filters", "by", "id")
    for each in found:
        days = f"{each['days']} days" if each["days"] else ""
        table.add_row(
            *map(cell, (each["name"], each["action"], days, _short(each["filters"]), each["owner"], each["id"]))
        )
    Console().print(table)


@app.command()
def add(  # noqa: PLR0913  one parameter an option
    name: Name,
    *,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="After how many days.")],
    conditions: Conditions = None,
    filters: Filters = None,
    everything: Everything = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Delete what the filters find once it is that old, every hour while a server runs.

    Example: casbah retention add 'Google, 400 days' --filter 'service eq 11770' --days 400
    """
    body = {"name": name, "action": "delete", "days": days, **_chosen(conditions, filters, everything=everything)}
    _added(body, tenant=tenant, as_json=as_json, store=store)


@app.command()
def hold(  # noqa: PLR0913  one parameter an option
    name: Name,
    *,
    conditions: Conditions = None,
    filters: Filters = None,
    everything: Everything = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Hold what the filters find: neither a rule nor anybody deletes it until the hold is removed.

    Example: casbah retention hold 'case 4711' --filter 'user.username eq ann@example.com'
    """
    body = {"name": name, "action": "hold", **_chosen(conditions, filters, everything=everything)}
    _added(body, tenant=tenant, as_json=as_json, store=store)


@app.command()
def remove(
    rule: Annotated[str, typer.Argument(help="The rule's id, or its name where no other has it.")],
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Remove a rule or a hold.

    Example: casbah retention remove 3f0a51c2d9e8b764
    """
    with connected(options.existing(store=store), tenant=tenant) as api:
        found = _one(api.ask("GET", _RULES).json()["data"], rule, tenant)
        missing = _no_rule(rule, tenant)
        removed = api.ask("DELETE", f"{_RULES}/{quote(found['id'], safe='')}", missing=missing).json()
    typer.echo(json.dumps(removed) if as_json else f"removed {plain(removed['name'])}")


@app.command()
def apply(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it, not only say how much that would be.")] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Apply the rules now; without --yes, say only what they would delete. Exits with 1 if one could not be applied.

    Example: casbah retention apply
    """
    with connected(options.existing(store=store), tenant=tenant) as api:
        done = api.ask("POST", f"{_RULES}/apply", json={"dryRun": not yes}).json()
    if as_json:
        typer.echo(json.dumps(done))
    else:
        Console().print(_applied(done))
    raise typer.Exit(1 if any(each["error"] for each in done["data"]) else 0)


@app.command()
def trail(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="Delete acts once they are that old.", show_default=False)
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep acts for ever, which is the default.")] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Say how long acts are kept: what was done in Casbah itself. With --days or --forever, set it.

    No other rule and no deletion removes acts. Only the owner of the store's folder can set this.

    Example: casbah retention trail --days 730
    """
    if days is not None and forever:
        raise typer.BadParameter("give --days or --forever, not both", param_hint="--days")
    with connected(options.existing(store=store), tenant=tenant) as api:
        path = f"{_RULES}/trail"
        change = days is not None or forever
        if change:
            _warn_of_tenant(api, tenant)
        kept = (api.ask("POST", path, json={"days": days}) if change else api.ask("GET", path)).json()
    sentence = "acts are kept for ever" if kept["days"] is None else f"acts are kept for {kept['days']:,} days"
    typer.echo(json.dumps(kept) if as_json else sentence)


def _chosen(conditions: list[str] | None, filters: str | None, *, everything: bool) -> dict[str, Any]:
    """Which activities a request that cannot be undone is about."""
    asked = condition.filters(conditions or [], filters)
    if bool(asked) == everything:
        raise typer.BadParameter("which activities? Give either --filter or --everything", param_hint="--filter")
    return {"everything": True} if everything else {"filters": asked}


def _added(body: Mapping[str, Any], *, tenant: str, as_json: bool, store: str | None) -> None:
    with connected(options.existing(store=store), tenant=tenant) as api:
        same = [each["id"] for each in api.ask("GET", _RULES).json()["data"] if each["name"] == body["name"]]
        nothing = not _warn_of_tenant(api, tenant)
        rule = api.ask("POST", _RULES, json=body).json()
        if body["action"] == HOLD and not nothing and not _count(api, body.get("filters", {})):
            _warn("no activity matches the hold now; check its filters")
    if same:
        _warn(f"{plain(body['name'])!r} is the name of {', '.join(same)}, too; `casbah retention list` shows them")
    typer.echo(json.dumps(rule) if as_json else f"added {plain(rule['name'])} ({rule['id']})")


def _one(rules: list[dict[str, Any]], which: str, tenant: str) -> dict[str, Any]:
    """The rule of that id, else of that name. Raises ServerRefusedError where there is none, or several."""
    found = [rule for rule in rules if rule["id"] == which] or [rule for rule in rules if rule["name"] == which]
    if not found:
        raise ServerRefusedError(_no_rule(which, tenant))
    if len(found) > 1:
        ids = ", ".join(each["id"] for each in found)
        raise ServerRefusedError(f"{len(found)} rules have the name {which!r}; name one by its id: {ids}")
    return found[0]


def _no_rule(which: str, tenant: str) -> str:
    return f"no rule or hold {which!r} in tenant {tenant!r}; `casbah retention list` shows them"


def _warn_of_tenant(api: Api, tenant: str) -> bool:
    """Whether a tenant has activities beside acts; where it has none, its name may be mistyped, which is said."""
    found = _count(api, {"service": {"neq": [CASBAH]}}) > 0
    if not found:
        _warn(f"tenant {tenant!r} has no activities; check --tenant")
    return found


def _count(api: Api, filters: Mapping[str, Any]) -> int:
    return int(api.ask("POST", _COUNT, json={"filters": filters}).json()["total"])


def _warn(text: str) -> None:
    typer.echo(f"casbah: {text}", err=True)


def _applied(done: Mapping[str, Any]) -> Table:
    table = Table("rule", "matching", "held", "would be deleted" if done["dryRun"] else "deleted", "error")
    for each in done["data"]:
        numbers = ("" if each[key] is None else str(each[key]) for key in ("matching", "held", "deleted"))
        table.add_row(*map(cell, (each["name"], *numbers, each["error"])))
    return table


def _agreed(look: Mapping[str, Any]) -> bool:
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"{_sentence(look)}; to delete them without being asked, add --yes", param_hint="--yes"
        )
    typer.echo(_sentence(look), err=True)
    return typer.confirm("Delete them for good?", err=True)


def _sentence(done: Mapping[str, Any]) -> str:
    verb = "would be deleted" if done["dryRun"] else "deleted"
    exempt = f"; {done['exempt']:,} acts of Casbah's own match too and stay" if done["exempt"] else ""
    return f"{done['matching']:,} match, {done['held']:,} are held, {done['deleted']:,} {verb}{exempt}"


def _short(asked: Mapping[str, Any]) -> str:
    return json.dumps(asked, ensure_ascii=False) if asked else "everything"
