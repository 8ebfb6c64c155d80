"""casbah delete, and casbah retention list | add | hold | remove | apply | trail."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import plain
from casbah.cli.profiles import KnownServer
from casbah.cli.table import show_rows
from casbah.errors import ServerRefusedError
from casbah.ingest.apps import CASBAH
from casbah.operations.retention.rules import HOLD, MAX_DAYS
from casbah.settings import Settings

app = options.group("Retention rules and legal holds (docs/retention.md).")
_COUNT = "/api/v1/activities/count/"
_RULES, _DELETE = "/api/ext/v1/retention", "/api/ext/v1/activities/delete"

Everything = Annotated[bool, typer.Option("--everything", help="All activities, without a filter.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Name = Annotated[str, typer.Argument(help="A name.")]


def delete(  # noqa: PLR0913  one parameter per option
    *,
    conditions: options.Conditions = None,
    filters: options.Filters = None,
    everything: Everything = False,
    yes: Yes = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Delete activities permanently: shows how many, and asks. Activities under a legal hold are not deleted.

    Example: casbah delete --filter 'user.username eq ann@example.com'
    """
    selection = _chosen(conditions, filters, everything=everything)
    target = options.target(store=store, url=url)
    with connected(target, tenant=tenant) as api:
        preview = None if yes else api.ask("POST", _DELETE, json={**selection, "dryRun": True}).json()
        if preview is None or (preview["deleted"] and _agreed(preview, target)):
            result = api.ask("POST", _DELETE, json={**selection, "dryRun": False, "wait": True}).json()
        else:
            result = preview
    typer.echo(json.dumps(result) if as_json else _sentence(result))


@app.command("list")
def list_rules(
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """List retention rules and legal holds by name.

    Example: casbah retention list
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        rules = api.ask("GET", _RULES).json()["data"]
    if as_json:
        typer.echo(json.dumps(rules))
        return
    rows = (
        (rule["name"], rule["action"], _age(rule["days"]), _short(rule["filters"]), rule["owner"], rule["id"])
        for rule in rules
    )
    show_rows(("name", "action", "older than", "filters", "by", "id"), rows, least=("by", "id"))


@app.command()
def add(  # noqa: PLR0913  one parameter per option
    name: Name,
    *,
    days: Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="Age in days.")],
    conditions: options.Conditions = None,
    filters: options.Filters = None,
    everything: Everything = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Add a rule that deletes matching activities from that age on. A running server applies it every hour.

    Example: casbah retention add 'Google, 400 days' --filter 'service eq 11770' --days 400
    """
    body = {"name": name, "action": "delete", "days": days, **_chosen(conditions, filters, everything=everything)}
    _added(body, tenant=tenant, as_json=as_json, store=store, url=url)


@app.command()
def hold(  # noqa: PLR0913  one parameter per option
    name: Name,
    *,
    conditions: options.Conditions = None,
    filters: options.Filters = None,
    everything: Everything = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Place a legal hold: nothing can delete matching activities until the hold is removed.

    Example: casbah retention hold 'case 4711' --filter 'user.username eq ann@example.com'
    """
    body = {"name": name, "action": "hold", **_chosen(conditions, filters, everything=everything)}
    _added(body, tenant=tenant, as_json=as_json, store=store, url=url)


@app.command()
def remove(
    rule: Annotated[str, typer.Argument(help="The rule's id, or its name if unique.")],
    *,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Remove a rule or a hold.

    Example: casbah retention remove 3f0a51c2d9e8b764
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        entry = _one(api.ask("GET", _RULES).json()["data"], rule, tenant)
        missing = _no_rule(rule, tenant)
        removed = api.ask("DELETE", f"{_RULES}/{quote(entry['id'], safe='')}", missing=missing).json()
    typer.echo(json.dumps(removed) if as_json else f"removed {plain(removed['name'])}")


@app.command()
def apply(
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete, instead of only showing how much would be deleted.")
    ] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Apply the rules now; without --yes, only show what they would delete. Exits with 1 if a rule fails.

    Example: casbah retention apply
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        result = api.ask("POST", f"{_RULES}/apply", json={"dryRun": not yes}).json()
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _show_applied(result)
    raise typer.Exit(1 if any(row["error"] for row in result["data"]) else 0)


@app.command()
def trail(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, help="Delete acts of that age.", show_default=False)
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep acts forever (the default).")] = False,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show how long the audit trail of Casbah itself is kept. With --days or --forever, set it.

    Nothing else deletes these acts. Only the owner of the store's folder can set this.

    Example: casbah retention trail --days 730
    """
    if days is not None and forever:
        raise typer.BadParameter("use --days or --forever, not both", param_hint="--days")
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        path = f"{_RULES}/trail"
        change = days is not None or forever
        if change:
            _warn_of_tenant(api, tenant)
        kept = (api.ask("POST", path, json={"days": days}) if change else api.ask("GET", path)).json()
    sentence = "acts are kept forever" if kept["days"] is None else f"acts are kept for {kept['days']:,} days"
    typer.echo(json.dumps(kept) if as_json else sentence)


def _chosen(conditions: list[str] | None, filters: str | None, *, everything: bool) -> dict[str, Any]:
    """Which activities an irreversible request applies to. Raises typer.BadParameter."""
    wanted = condition.filters(conditions or [], filters)
    if bool(wanted) == everything:
        raise typer.BadParameter("which activities? Use either --filter or --everything", param_hint="--filter")
    return {"everything": True} if everything else {"filters": wanted}


def _added(body: Mapping[str, Any], *, tenant: str, as_json: bool, store: str | None, url: str | None) -> None:
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        same = [other["id"] for other in api.ask("GET", _RULES).json()["data"] if other["name"] == body["name"]]
        is_empty = not _warn_of_tenant(api, tenant)
        rule = api.ask("POST", _RULES, json=body).json()
        if body["action"] == HOLD and not is_empty and not _count(api, body.get("filters", {})):
            _warn("no activity matches the hold now; check its filters")
    if same:
        _warn(f"{plain(body['name'])!r} is also the name of {', '.join(same)}; `casbah retention list` shows them")
    typer.echo(json.dumps(rule) if as_json else f"added {plain(rule['name'])} ({rule['id']})")


def _one(rules: list[dict[str, Any]], which: str, tenant: str) -> dict[str, Any]:
    """The rule with that id, else with that name. Raises ServerRefusedError unless exactly one matches."""
    matching = [rule for rule in rules if rule["id"] == which] or [rule for rule in rules if rule["name"] == which]
    if not matching:
        raise ServerRefusedError(_no_rule(which, tenant))
    if len(matching) > 1:
        ids = ", ".join(row["id"] for row in matching)
        raise ServerRefusedError(f"{len(matching)} rules have the name {which!r}; use an id: {ids}")
    return matching[0]


def _no_rule(which: str, tenant: str) -> str:
    return f"no rule or hold {which!r} in tenant {tenant!r}; `casbah retention list` shows them"


def _warn_of_tenant(api: Api, tenant: str) -> bool:
    """Whether a tenant has activities other than acts. Warns if not, as the name may be mistyped."""
    has_activities = _count(api, {"service": {"neq": [CASBAH]}}) > 0
    if not has_activities:
        _warn(f"tenant {tenant!r} has no activities; check --tenant")
    return has_activities


def _count(api: Api, filters: Mapping[str, Any]) -> int:
    return int(api.ask("POST", _COUNT, json={"filters": filters}).json()["total"])


def _warn(text: str) -> None:
    typer.echo(f"casbah: {text}", err=True)


def _show_applied(result: Mapping[str, Any]) -> None:
    keys = ("name", "matching", "held", "deleted", "error")
    rows = (("" if row[key] is None else row[key] for key in keys) for row in result["data"])
    columns = ("rule", "matching", "held", "would be deleted" if result["dryRun"] else "deleted", "error")
    show_rows(columns, rows, least=("held",))


def _agreed(preview: Mapping[str, Any], target: Settings | KnownServer) -> bool:
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"{_sentence(preview)}; to delete them without confirmation, add --yes", param_hint="--yes"
        )
    typer.echo(_sentence(preview), err=True)
    cluster = None if isinstance(target, KnownServer) else target.cluster
    where = target.url if isinstance(target, KnownServer) else target.store if cluster is None else cluster.shown
    return typer.confirm(f"Delete them permanently from {where}?", err=True)


def _sentence(done: Mapping[str, Any]) -> str:
    verb = "would be deleted" if done["dryRun"] else "deleted"
    exempt = f"; {done['exempt']:,} matching acts of Casbah's own are kept" if done["exempt"] else ""
    return f"{done['matching']:,} match, {done['held']:,} are held, {done['deleted']:,} {verb}{exempt}"


def _age(days: int | None) -> str:
    return f"{days} days" if days else ""


def _short(filters: Mapping[str, Any]) -> str:
    return json.dumps(filters, ensure_ascii=False) if filters else "everything"
