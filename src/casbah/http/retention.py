"""Deletion of activities, retention rules and legal holds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.query import count_of, where
from casbah.errors import LimitExceededError, MalformedBodyError, PermissionDeniedError, describe
from casbah.http.answers import Answer, Count, Moment, NoMore, SentFilters, WholeList, answer_from
from casbah.http.audit import act_of
from casbah.http.context import WriterContext
from casbah.http.irreversible import filters_or_everything, irreversible_body, read_irreversible
from casbah.http.queries import NAME, name_of
from casbah.http.request_schemas import Schema, choice, either, strict_body
from casbah.identity.permissions import Permission
from casbah.operations.retention.deletion import Applied, counts
from casbah.operations.retention.rules import ACTIONS, DELETE, HOLD, MAX_DAYS, RetentionRule, new_id

_DRY_RUN: Schema = {
    "type": "boolean",
    "description": "Only report what would be deleted. Default: true; nothing is deleted unless false",
}
_WAIT: Schema = {"type": "boolean", "description": "Answer only after the deleted data is also gone from disk"}
_DAYS: Schema = {
    "description": f"Days after which activities are deleted: 1 to {MAX_DAYS:,}",
    **either(
        {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}, {"type": "string", "pattern": "^0*[1-9][0-9]{0,3}$"}
    ),
}
_ACTION = "Delete activities older than `days` (the default), or hold: prevent deletion"
_DELETE = {**either(choice(DELETE), {"enum": [None, ""]}), "description": _ACTION}
_HOLD = {**choice(HOLD), "description": _ACTION}
BODIES: Mapping[str, Schema] = {
    "DeleteQuery": irreversible_body({"dryRun": _DRY_RUN, "wait": _WAIT}),
    "ApplyQuery": strict_body({"dryRun": _DRY_RUN}),
    "NewRule": either(
        irreversible_body({"name": NAME, "action": _DELETE, "days": _DAYS}, required=("name", "days")),
        irreversible_body({"name": NAME, "action": _HOLD}, required=("name", "action")),
    ),
}

_PERMISSION_TO_CHANGE = {DELETE: Permission.DELETE, HOLD: Permission.HOLD}
"""Permission to add and remove rules: a rule that deletes is a deferred deletion, so it needs the same one."""


_Matching = Meta(description="How many activities match")
_Held = Meta(description="How many of them a legal hold keeps")
_Deleted = Meta(description="How many are deleted, or would be")
_Exempt = Meta(description="How many acts of Casbah's own match too: they stay")


class Deletion(Answer):
    dry_run: bool
    matching: Annotated[Count, _Matching]
    held: Annotated[Count, _Held]
    deleted: Annotated[Count, _Deleted]
    exempt: Annotated[Count, _Exempt]


class RuleAnswer(Answer):
    id: str
    name: str
    action: Annotated[str, Meta(extra_json_schema={"enum": list(ACTIONS)})]
    filters: SentFilters
    days: Annotated[int | None, Meta(description="After how many days; null: it is a hold")]
    owner: Annotated[str, Meta(description="The name of the token that it was made with")]
    changed: Moment


class AppliedRule(Answer):
    """What a rule finds. The counts are null if it could not be applied."""

    id: str
    name: str
    matching: Annotated[Count | None, _Matching]
    held: Annotated[Count | None, _Held]
    deleted: Annotated[Count | None, _Deleted]
    exempt: Annotated[Count | None, _Exempt]
    error: Annotated[str, Meta(description="Why it could not be applied, if so")]


class AppliedAnswer(Answer):
    dry_run: bool
    data: Annotated[Sequence[AppliedRule], Meta(description="By name")]
    has_next: NoMore
    total: Count


class TrailDays(Answer):
    days: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_DAYS)] | None,
        Meta(description="After how many days acts are deleted; null: never"),
    ]


async def delete_activities(context: WriterContext) -> Deletion:
    body = await read_irreversible(context, known=("filters",), flags=("everything", "dryRun", "wait"))
    filters = filters_or_everything(body, context)
    retention, predicate = (
        context.writer.retention,
        where(filters, now=context.services.clock(), bounds=context.services.bounds),
    )
    if _dry(body):
        context.request.state.unchanged = True
        result = await context.search(retention.preview, predicate, context.tenant_id)
        return Deletion(dry_run=True, **counts(result))
    context.request.state.recorded = True  # The deletion records its own acts, before and after.
    act = act_of(context.request, context.services, context.caller, name="delete_activities")
    result = await context.ingest(retention.delete, predicate, context.tenant_id, act)
    if body.get("wait"):
        await context.ingest(retention.compact, context.tenant_id)
    return Deletion(dry_run=False, **counts(result))


async def list_rules(context: WriterContext) -> WholeList[RuleAnswer]:
    rules = await context.quick(context.writer.retention.rules.all, context.tenant_id)
    return WholeList.of(answer_from(RuleAnswer, rule) for rule in rules)


async def add_rule(context: WriterContext) -> RuleAnswer:
    body = await read_irreversible(context, known=("name", "action", "filters", "days"), flags=("everything",))
    action = _action(body.get("action"))
    context.caller.require(_PERMISSION_TO_CHANGE[action])
    rule = RetentionRule(
        id=new_id(),
        name=name_of(body.get("name")),
        action=action,
        filters=filters_or_everything(body, context),
        days=_days(body) if action == DELETE else None,
        owner=context.caller.name,
        changed=context.services.clock(),
    )
    await context.ingest(context.writer.retention.add, rule, context.tenant_id)  # Waits for running deletions.
    return answer_from(RuleAnswer, rule)


async def remove_rule(context: WriterContext) -> RuleAnswer:
    rules = context.writer.retention.rules
    rule = await context.quick(rules.one, context.path["rule"], context.tenant_id)
    context.caller.require(_PERMISSION_TO_CHANGE[rule.action])
    removed = await context.quick(rules.remove, context.path["rule"], context.tenant_id)
    return answer_from(RuleAnswer, removed)


async def show_trail(context: WriterContext) -> TrailDays:
    return TrailDays(await context.quick(context.writer.retention.rules.trail_days, context.tenant_id))


async def keep_trail(context: WriterContext) -> TrailDays:
    if not context.caller.owner:
        raise PermissionDeniedError
    body = await read_irreversible(context, known=("days",))
    if "days" not in body:
        raise MalformedBodyError(f"days: expected 1 to {MAX_DAYS}, or null to keep acts forever")
    days = None if body["days"] is None else _days(body)
    await context.quick(context.writer.retention.rules.keep_trail, days, context.tenant_id)
    return TrailDays(days)


async def apply_rules(context: WriterContext) -> AppliedAnswer:
    body = await read_irreversible(context, flags=("dryRun",))
    dry, retention = _dry(body), context.writer.retention
    context.request.state.unchanged = True  # Each rule that deletes something records its own act.
    run = context.search if dry else context.ingest
    applied = await run(lambda: retention.apply(context.tenant_id, really=not dry))
    return AppliedAnswer(dry, list(map(_applied, applied)), has_next=False, total=len(applied))


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
    if not 1 <= days <= MAX_DAYS:
        raise LimitExceededError(f"days: expected 1 to {MAX_DAYS}, got {days}")
    return days


def _applied(applied: Applied) -> AppliedRule:
    unknown = dict.fromkeys(("matching", "held", "deleted", "exempt"))
    numbers = unknown if applied.result is None else counts(applied.result)
    return AppliedRule(id=applied.rule.id, name=applied.rule.name, **numbers, error=applied.error)
