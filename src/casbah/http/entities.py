"""MDCA's entities API, from stored activities: an entity is an account that performed at least one of them.

Documented: learn.microsoft.com/defender-cloud-apps/api-entities-list and -fetch. The keys of an entity are those that
tests of XSOAR's integration have recorded of the live service (demisto/content, MicrosoftCloudAppSecurity_test.py).
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS, EntityKey, Kind, entity_key, performers, user_accounts, user_name, values
from casbah.activity.matching import matches
from casbah.activity.predicate import Predicate
from casbah.activity.record import Reading, elements, first_string, identifier, integer, string
from casbah.activity.value import Takes, WrongValueError
from casbah.activity.value import parse as parse_value
from casbah.errors import LimitExceededError, NoSuchEntityError
from casbah.http import entity_filters
from casbah.http.answers import Answer, CountedPage
from casbah.http.context import RequestContext
from casbah.http.entity_filters import EntityCondition, EntityQuery
from casbah.http.listed_values import Distinct, distinct, having, latest
from casbah.ingest.apps import APPS
from casbah.ingest.times import iso

_ACCOUNT, _ENTITY = FIELDS["account"], FIELDS["entity"]
_NOT_KNOWN = 0
Unknown = Annotated[None, Meta(description="Not known from activities")]


class Group(Answer):
    group_id: str = msgspec.field(name="_id")
    id: str
    name: str


class AppData(Answer):
    app_id: int
    name: str
    saas: int
    instance: int | None


class ListedEntity(Answer, kw_only=True):
    entity_id: Annotated[str, Meta(description="`username` in base64: what `/entities/{entity}` takes")] = (
        msgspec.field(name="_id")
    )
    id: Annotated[str, Meta(description="Its id in the app")]
    username: Annotated[str, Meta(description="Its key as JSON: id, saas and inst, as filters take it")]
    account_key: Annotated[str, Meta(description="Its key in another form: saas|inst|id")] = msgspec.field(name="ii")
    display_name: str
    email: str | None
    domain: str | None
    organization: Annotated[str | None, Meta(description="Its organizational unit")]
    user_groups: Sequence[Group]
    app_data: AppData | None
    last_seen: Annotated[str | None, Meta(description="When its latest activity happened, ISO 8601")]
    status: Annotated[int, Meta(description="Always 0: not known from activities")] = _NOT_KNOWN
    type: Unknown = None
    is_admin: Unknown = None
    is_external: Unknown = None
    threat_score: Unknown = None
    threat_score_history: Annotated[Sequence[Any], Meta(description="Always empty", max_length=0)] = ()


class EntityPage(CountedPage, kw_only=True):
    data: Annotated[Sequence[ListedEntity], Meta(description="The entities of this page, as of their latest activity")]


async def list_entities(context: RequestContext) -> EntityPage:
    body = await context.parameters()
    query = entity_filters.read(body, now=context.services.clock(), bounds=context.services.bounds)
    query = replace(query, limit=context.emulation.page_limit(query.limit))
    return await context.search(_page, query, context, context.deadline)


async def fetch_entity(context: RequestContext) -> ListedEntity:
    term = key_term(context.path["entity"])
    entity = None if term is None else await context.search(_entity_of, term, context, context.deadline)
    if entity is None:
        raise NoSuchEntityError
    return entity


def key_term(text: str) -> str | None:
    """The term of the key `{"id", "saas"?, "inst"?}` of which `text` is the base64. None if it is not one."""
    try:
        key = json.loads(urlsafe_b64decode(_padded(text.replace("+", "-").replace("/", "_"))))
        return str(parse_value(key, Takes.VALUES, Kind.ENTITY, now=0)) if isinstance(key, dict) else None
    except (Base64Error, ValueError, RecursionError, WrongValueError):
        return None


def _padded(text: str) -> bytes:
    bare = text.rstrip("=").encode()
    return bare + b"=" * (-len(bare) % 4)


def _page(query: EntityQuery, context: RequestContext, deadline: Deadline) -> EntityPage:
    accounts, more = _accounts(query.conditions, context, deadline)
    ordered = sorted(accounts, reverse=query.descending)
    chosen = ordered[query.skip : query.skip + query.limit]
    readings = dict(latest(_ACCOUNT, chosen, p.Everything(), context, deadline))
    return EntityPage(
        data=[_entity(entity_key(term), readings[term]) for term in chosen if term in readings],
        has_next=query.skip + len(chosen) < len(ordered) and bool(chosen),
        maximum=query.limit,
        total=len(ordered),
        more_than_total=more,
    )


def _accounts(
    conditions: Sequence[EntityCondition], context: RequestContext, deadline: Deadline
) -> tuple[Collection[str], bool]:
    """The accounts that fulfill all conditions, and whether there are more. Raises LimitExceededError."""
    required = [item for item in conditions if not item.negated] or [_EVERYTHING]
    excluded = [item for item in conditions if item.negated]
    parts = [distinct(_ACCOUNT, item.predicate, context, deadline) for item in required]
    accounts = set.intersection(*(_terms(part, item) for part, item in zip(parts, required, strict=True)))
    for item in excluded:
        part = distinct(_ACCOUNT, item.predicate, context, deadline)
        if part.more:
            limit = context.services.settings.max_distinct
            raise LimitExceededError(
                f"filters: a negation excludes more than {limit} entities (setting CASBAH_MAX_DISTINCT)"
            )
        accounts -= _terms(part, item)
    return accounts, any(part.more for part in parts)


_EVERYTHING = EntityCondition(p.Everything(), negated=False, of_key=False)


def _terms(listed: Distinct, condition: EntityCondition) -> set[str]:
    terms = {str(value) for value in listed.values}
    return {term for term in terms if _is_of(entity_key(term), condition.predicate)} if condition.of_key else terms


def _is_of(key: EntityKey, predicate: Predicate) -> bool:
    """Whether a predicate about performers holds for this one alone."""
    alone = {"id": key.id, "saasId": key.saas, "instanceId": key.instance}
    return matches(predicate, {"resolvedActor": alone})


def _entity_of(term: str, context: RequestContext, deadline: Deadline) -> ListedEntity | None:
    """The account with this key, or if the key names its id alone, the last one to act of those with that id."""
    for _, reading in latest(_ACCOUNT, [term], p.Everything(), context, deadline):
        return _entity(entity_key(term), reading)
    performed = having(_ENTITY, term)
    for _, reading in latest(_ENTITY, [term], p.Everything(), context, deadline):
        keys = [entity_key(str(account)) for account in values(_ACCOUNT, reading)]
        return next((_entity(key, reading) for key in keys if _is_of(key, performed)), None)
    return None


def _entity(key: EntityKey, reading: Reading) -> ListedEntity:
    """An account as of an activity. What the activity says of its user is null for other performers."""
    is_user = key in user_accounts(reading)
    user = (user_name(reading) or "") if is_user else ""
    details = reading.user if is_user else {}
    username = json.dumps({"id": key.id, "saas": key.saas, "inst": key.instance})
    domains = values(FIELDS["user_domain"], reading) if is_user else ()
    return ListedEntity(
        entity_id=urlsafe_b64encode(username.encode()).decode().rstrip("="),
        id=key.id,
        username=username,
        account_key="|".join("" if part is None else str(part) for part in (key.saas, key.instance, key.id)),
        display_name=first_string(*(name for other, name in performers(reading) if other == key)) or key.id,
        email=user if "@" in user else None,
        domain=str(domains[0]) if domains else None,
        organization=string(details.get("orgUnit")),
        user_groups=[Group(name, name, name) for name in map(identifier, elements(details, "userTags")) if name],
        app_data=None if key.saas is None else AppData(key.saas, app_name(key.saas), key.saas, key.instance),
        last_seen=_moment(integer(reading.record.get("timestamp"))),
    )


def app_name(app: int) -> str:
    """The name of an app, or its id."""
    return APPS.get(app, str(app))


def _moment(value: int | None) -> str | None:
    """ISO 8601, with milliseconds if there are any. None beyond the years that it can name."""
    text = None if value is None else iso(value)
    return None if text is None else text.replace(".000Z", "Z")
