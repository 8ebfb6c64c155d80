"""Deletion of activities, retention rules and legal holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from casbah.activity.query import count_of
from casbah.errors import LimitExceededError, MalformedBodyError, PermissionDeniedError, describe
from casbah.http.audit import act_of
from casbah.http.context import WriterContext, json_response
from casbah.http.facets import predicate_of
from casbah.http.irreversible import filters_or_everything, read_irreversible
from casbah.http.queries import name_of
from casbah.http.schema import Parameter, Schema, choice, either
from casbah.identity.grants import Permission
from casbah.retention.deletion import Applied, counts
from casbah.retention.rules import ACTIONS, DELETE, HOLD, MOST_DAYS, Rule, new_id

_FLAG: Schema = {"type": "boolean"}
_DRY_RUN = Parameter(
    "dryRun",
    _FLAG,
    "Only report what would be deleted. Default: true; nothing is deleted unless false",
)
DELETE_PARAMETERS = (
    _DRY_RUN,
    Parameter("wait", _FLAG, "Answer only after the deleted data is also gone from disk"),
)
_DAYS: Schema = {
    "description": f"Days after which activities are deleted: 1 to {MOST_DAYS:,}",
    **either(
        {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}, {"type": "string", "pattern": "^0*[1-9][0-9]{0,3}$"}
    ),
}
_ACTION = "Delete activities older than `days` (the default), or hold: prevent deletion"
RULE_FORMS: tuple[tuple[Mapping[str, Schema], Sequence[str]], ...] = (
    ({"action": {**either(choice(DELETE), {"enum": [None, ""]}), "description": _ACTION}, "days": _DAYS}, ("days",)),
    ({"action": {**choice(HOLD), "description": _ACTION}}, ("action",)),
)
"""The two forms of a rule, deleting and holding: parameters besides name and filters, and which are required."""

APPLY_PARAMETERS = (_DRY_RUN,)

_CHANGES = {DELETE: Permission.DELETE, HOLD: Permission.HOLD}
"""Permission to add and remove rules: a rule that deletes is a deferred deletion, so it needs the same one."""


async def delete_activities(context: WriterContext) -> Response:
    """Delete the matching activities that no legal hold protects. Unless `dryRun` is false, only report how many.

    Deleted activities disappear from answers immediately; compaction later removes them from disk.
    """
    body = await read_irreversible(context, known=("filters",), flags=("everything", "dryRun", "wait"))
    filters = filters_or_everything(body, context)
    retention, predicate = context.writer.retention, predicate_of({"filters": filters}, context)
    if _dry(body):
        context.request.state.unchanged = True
        result = await context.search(retention.look, predicate, context.tenant_id)
        return json_response({"dryRun": True, **counts(result)})
    context.request.state.recorded = True  # The deletion records its own acts, before and after.
    act = act_of(context.request, context.services, context.caller, name="delete_activities")
    result = await context.ingest(retention.delete, predicate, context.tenant_id, act)
    if body.get("wait"):
        await context.ingest(retention.compact, context.tenant_id)
    return json_response({"dryRun": False, **counts(result)})


async def list_rules(context: WriterContext) -> Response:
    """The tenant's rules, by name."""
    data = [_rule_json(rule) for rule in await context.quick(context.writer.retention.rules.all, context.tenant_id)]
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def add_rule(context: WriterContext) -> Response:
    """Add a rule: hourly, delete matching activities older than `days`; or hold them, so that they cannot be deleted.

    A rule that deletes needs the scope Activities.delete, a hold Holds.manage.
    """
    body = await read_irreversible(context, known=("name", "action", "filters", "days"), flags=("everything",))
    action = _action(body.get("action"))
    context.caller.require(_CHANGES[action])
    rule = Rule(
        id=new_id(),
        name=name_of(body.get("name")),
        action=action,
        filters=filters_or_everything(body, context),
        days=_days(body) if action == DELETE else None,
        owner=context.caller.name,
        changed=context.services.clock(),
    )
    await context.ingest(context.writer.retention.add, rule, context.tenant_id)  # Waits for running deletions.
    return json_response(_rule_json(rule), status=201)


async def remove_rule(context: WriterContext) -> Response:
    """Remove a rule. Activities that only this hold protected can then be deleted.

    A rule that deletes needs the scope Activities.delete, a hold Holds.manage.
    """
    rules = context.writer.retention.rules
    rule = await context.quick(rules.one, context.path["rule"], context.tenant_id)
    context.caller.require(_CHANGES[rule.action])
    removed = await context.quick(rules.remove, context.path["rule"], context.tenant_id)
    return json_response(_rule_json(removed))


async def show_trail(context: WriterContext) -> Response:
    """After how many days the tenant's audit acts are deleted; null: never."""
    days = await context.quick(context.writer.retention.rules.trail_days, context.tenant_id)
    return json_response({"days": days})


async def keep_trail(context: WriterContext) -> Response:
    """Set how many days the tenant's audit acts are kept; null: forever. Only for the owner of the data directory."""
    if not context.caller.owner:
        raise PermissionDeniedError
    body = await read_irreversible(context, known=("days",))
    if "days" not in body:
        raise MalformedBodyError(f"days: expected 1 to {MOST_DAYS}, or null to keep acts forever")
    days = None if body["days"] is None else _days(body)
    await context.quick(context.writer.retention.rules.keep_trail, days, context.tenant_id)
    return json_response({"days": days})


async def apply_rules(context: WriterContext) -> Response:
    """Apply each deletion rule now. Unless `dryRun` is false, only report how many activities each would delete."""
    body = await read_irreversible(context, flags=("dryRun",))
    dry, retention = _dry(body), context.writer.retention
    context.request.state.unchanged = True  # Each rule that deletes something records its own act.
    run = context.search if dry else context.ingest
    applied = await run(lambda: retention.apply(context.tenant_id, really=not dry))
    return json_response(
        {"dryRun": dry, "data": list(map(_applied_json, applied)), "hasNext": False, "total": len(applied)}
    )


def _dry(body: dict[str, Any]) -> bool:
    return bool(body.get("dryRun", True))


def _action(value: Any) -> str:
    if value in (None, ""):
        return DELETE
    if not isinstance(value, str) or value.lower() not in ACTIONS:
        raise MalformedBodyError(f"action: expected {' or '.join(ACTIONS)}, got {describe(value)}")
    return value.lower()


def _days(body: dict[str, Any]) -> int:
    days = count_of(body, "days")
    if not 1 <= days <= MOST_DAYS:
        raise LimitExceededError(f"days: expected 1 to {MOST_DAYS}, got {days}")
    return days


def _applied_json(applied: Applied) -> dict[str, Any]:
    unknown = dict.fromkeys(("matching", "held", "deleted", "exempt"))
    numbers = unknown if applied.result is None else counts(applied.result)
    return {"id": applied.rule.id, "name": applied.rule.name, **numbers, "error": applied.error}


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "action": rule.action,
        "filters": rule.filters,
        "days": rule.days,
        "owner": rule.owner,
        "changed": rule.changed,
    }
