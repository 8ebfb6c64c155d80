"""The route table: one line per route. `openapi` and `manual` build `/openapi.json` and `/docs` from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import get_type_hints

from starlette.requests import Request
from starlette.responses import Response

from casbah.export.formats import MEDIA_TYPES
from casbah.http import (
    activities,
    changes,
    choices,
    enrichment,
    exports,
    facets,
    health,
    histogram,
    ingest,
    mimic,
    queries,
    ranges,
    rejects,
    retention,
    session,
    sessions,
    snapshots,
    sources,
    tokens,
)
from casbah.http.context import Services, WriterContext
from casbah.identity.grants import Permission

Handler = Callable[[WriterContext], Awaitable[Response]]
"""One that takes a RequestContext runs in every process, any other only in the one that owns the store (`needs_writer`)."""

PublicHandler = Callable[[Request, Services], Awaitable[Response]]

CORE = "/api/v1"
EXTENSION = "/api/ext/v1"
EVENT_STREAM = "text/event-stream"
FILES = tuple(kind.partition(";")[0] for kind in MEDIA_TYPES)
GUARDED = ("/api", "/cas")
"""Below these, a request without valid credentials gets 401 on every path, known or not, except sign-in routes."""

ALIASES: tuple[tuple[str, str], ...] = (
    ("/cas/api/v1", CORE),
    ("/cas/api/subnet", "/api/subnet"),
    ("/api/subnet", f"{CORE}/subnet"),
    (f"{CORE}/archived_activities", f"{CORE}/activities"),
)
"""Path prefixes and their replacements, applied one after another in this order."""


@cache
def _takes_writer(handler: Handler) -> bool:
    return WriterContext in get_type_hints(handler).values()


class Audit(Enum):
    """How the audit trail classifies a route's requests."""

    NOTHING = auto()
    READS = auto()
    CHANGES = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One path. `{name}` matches one segment, percent-decoded. Every path works with and without a trailing slash.

    `asks` and `answers` name body schemas in `shape`. `asks` is None if only the path is read, `answers` if the response
    is not JSON but one of `kinds`.
    """

    methods: tuple[str, ...]
    path: str
    handler: Handler
    permission: Permission
    asks: str | None
    answers: str | None
    help: str
    status: int = 200
    unusable: int | None = None
    """The status, with the same body, if every event of the request was refused."""

    kinds: tuple[str, ...] = ("application/json",)
    audit: Audit = Audit.READS

    @property
    def needs_writer(self) -> bool:
        """Whether only the process that owns the store can answer it, as the type of the handler's context says."""
        return _takes_writer(self.handler)

    @property
    def takes_nothing(self) -> bool:
        """Whether parameters are refused: on a deletion by path, ignoring a `dryRun` would be fatal."""
        return self.methods == ("DELETE",) and self.path.startswith(EXTENSION)


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """One path without authentication. `answers` names a schema in `shape`, or is None if the response is a `kind`."""

    path: str
    handler: PublicHandler
    answers: str | None
    help: str
    methods: tuple[str, ...] = ("GET",)
    asks: str | None = None
    status: int = 200
    refuses: tuple[str, ...] = ()
    kind: str = "text/html"
    needs_writer: bool = True
    """Whether only the process that owns the store can answer it."""


# fmt: off
ROUTES: tuple[Route, ...] = (
    Route(("GET", "POST"), f"{CORE}/activities",                         activities.list_activities,   Permission.READ,       "Query",         "Page",         "List activities, or scan them"),
    Route(("GET", "POST"), f"{CORE}/activities/count",                   activities.count_activities,  Permission.READ,       "Filtered",      "Total",        "Count activities"),
    Route(("GET",),        f"{CORE}/activities/metadata",                activities.list_metadata,     Permission.READ,       None,            "Metadata",     "The filters and their operators", audit=Audit.NOTHING),
    Route(("GET", "POST"), f"{CORE}/activities/get_activities_threat_scores", activities.threat_scores, Permission.READ,   None,            "ThreatScores", "Threat scores of activities: always empty", audit=Audit.NOTHING),
    Route(("GET",),        f"{CORE}/activities/{{pk}}",                  activities.fetch_activity,    Permission.READ,       None,            "Activity",     "Fetch one activity"),
    Route(("POST",),       f"{CORE}/activities/{{pk}}/feedback",         activities.give_feedback,     Permission.READ,       "Feedback",      "Page",         "Give feedback on one activity", audit=Audit.CHANGES),
    Route(("GET", "POST"), f"{CORE}/subnet",                             ranges.list_ranges,           Permission.READ,       "RangeQuery",    "RangePage",    "List IP ranges"),
    Route(("GET",),        f"{CORE}/subnet/metadata",                    ranges.list_range_metadata,   Permission.READ,       None,            "Metadata",     "The filters of IP ranges and their operators", audit=Audit.NOTHING),
    Route(("POST",),       f"{CORE}/subnet/create_rule",                 ranges.create_range,          Permission.MANAGE,     "NewRange",      "RangeId",      "Create an IP range", audit=Audit.CHANGES),
    Route(("POST",),       f"{CORE}/subnet/{{range}}/update_rule",       ranges.update_range,          Permission.MANAGE,     "NewRange",      "RangeId",      "Change an IP range", audit=Audit.CHANGES),
    Route(("DELETE",),     f"{CORE}/subnet/{{range}}",                   ranges.delete_range,          Permission.MANAGE,     None,            "RangeId",      "Delete an IP range", audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/activities",                    ingest.ingest,                Permission.INGEST,     "Events",        "Stored",       "Store activities in bulk", unusable=ingest.UNUSABLE, audit=Audit.NOTHING),
    Route(("GET",),        f"{EXTENSION}/rejects",                       rejects.list_rejects,         Permission.ADMINISTER, None,            "RejectPage",   "List events that ingest refused"),
    Route(("POST",),       f"{EXTENSION}/rejects/replay",                rejects.replay_rejects,       Permission.ADMINISTER, "ReplayQuery",   "Replayed",     "Ingest refused events again", audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/rejects/{{reject}}",            rejects.remove_reject,        Permission.ADMINISTER, None,            "Deleted",      "Remove a refused event", audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/activities/enrich",             enrichment.enrich_again,      Permission.MANAGE,     "AgainQuery",    "Again",        "Re-enrich stored activities, one page at a time", audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/activities/{{pk}}/feedback",    activities.list_feedback,     Permission.READ,       None,            "FeedbackPage", "List the feedback on one activity"),
    Route(("GET", "POST"), f"{EXTENSION}/facets",                        facets.list_facets,           Permission.READ,       "FacetQuery",    "Facets",       "The most frequent values of filters"),
    Route(("GET", "POST"), f"{EXTENSION}/histogram",                     histogram.histogram,          Permission.READ,       "SpanQuery",     "Histogram",    "Count activities over time"),
    Route(("GET",),        f"{EXTENSION}/choices",                       choices.list_choices,         Permission.READ,       None,            "Choices",      "List the named values of filters", audit=Audit.NOTHING),
    Route(("GET",),        f"{EXTENSION}/sources",                       sources.list_sources,         Permission.READ,       None,            "SourcePage",   "List sources, and how pulls are doing"),
    Route(("GET",),        f"{EXTENSION}/queries",                       queries.list_queries,         Permission.READ,       None,            "SavedQueryPage", "List saved queries"),
    Route(("POST",),       f"{EXTENSION}/queries",                       queries.save_query,           Permission.READ,       "NewQuery",      "SavedQuery",   "Save a query", 201, audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/queries/{{query}}",             queries.change_query,         Permission.READ,       "NewQuery",      "SavedQuery",   "Change a saved query", audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/queries/{{query}}",             queries.delete_query,         Permission.READ,       None,            "Deleted",      "Delete a saved query", audit=Audit.CHANGES),
    Route(("GET", "POST"), f"{EXTENSION}/changes",                       changes.list_changes,         Permission.READ,       "ChangeQuery",   "ChangePage",   "List the activities stored since a cursor"),
    Route(("GET",),        f"{EXTENSION}/tail",                          changes.tail,                 Permission.READ,       "TailQuery",     None,           "Stream activities as they are stored", kinds=(EVENT_STREAM,)),
    Route(("GET",),        f"{EXTENSION}/exports",                       exports.list_exports,         Permission.READ,       None,            "ExportPage",   "List exports"),
    Route(("POST",),       f"{EXTENSION}/exports",                       exports.begin_export,         Permission.READ,       "NewExport",     "Export",       "Start an export", 201, audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/exports/{{export}}",            exports.show_export,          Permission.READ,       None,            "Export",       "Show the state of an export"),
    Route(("GET",),        f"{EXTENSION}/exports/{{export}}/file",       exports.fetch_export,         Permission.READ,       None,            None,           "Fetch the file of an export", kinds=FILES, audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/exports/{{export}}",            exports.delete_export,        Permission.READ,       None,            "Deleted",      "Delete an export", audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/activities/delete",             retention.delete_activities,  Permission.DELETE,     "DeleteQuery",   "Deletion",     "Delete activities, or count those that would be", audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/retention",                     retention.list_rules,         Permission.SEE_RULES,  None,            "RulePage",     "List retention rules and legal holds"),
    Route(("POST",),       f"{EXTENSION}/retention",                     retention.add_rule,           Permission.CHANGE_RULES, "NewRule",       "Rule",         "Add a retention rule or a legal hold", 201, audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/retention/apply",               retention.apply_rules,        Permission.DELETE,     "ApplyQuery",    "Applied",      "Apply the retention rules, or count what they would delete", audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/retention/trail",               retention.show_trail,         Permission.SEE_RULES,  None,            "TrailDays",    "Show how long audit acts are kept"),
    Route(("POST",),       f"{EXTENSION}/retention/trail",               retention.keep_trail,         Permission.DELETE,     "TrailDays",     "TrailDays",    "Set how long audit acts are kept", audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/retention/{{rule}}",            retention.remove_rule,        Permission.CHANGE_RULES, None,            "Rule",         "Remove a retention rule or a legal hold", audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/snapshots",                     snapshots.make_snapshot,      Permission.ADMINISTER, None,            "Snapshot",     "Make a snapshot of the whole store", 201, audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/snapshots/{{snapshot}}",        snapshots.remove_snapshot,    Permission.ADMINISTER, None,            "Deleted",      "Remove a snapshot", audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/session",                       session.whoami,               Permission.SIGNED_IN,  None,            "Session",      "Show the caller", audit=Audit.NOTHING),
    Route(("DELETE",),     f"{EXTENSION}/session",                       session.sign_out,             Permission.SIGNED_IN,  None,            "Session",      "Sign out of the pages", audit=Audit.NOTHING),
    Route(("GET",),        f"{EXTENSION}/tokens",                        tokens.list_tokens,           Permission.TOKENS,     None,            "TokenPage",    "List tokens and their status"),
    Route(("POST",),       f"{EXTENSION}/tokens",                        tokens.create_token,          Permission.TOKENS,     "NewToken",      "CreatedToken", "Create a token", 201, audit=Audit.CHANGES),
    Route(("DELETE",),     f"{EXTENSION}/tokens/{{token}}",              tokens.revoke_token,          Permission.TOKENS,     None,            "Token",        "Revoke a token", audit=Audit.CHANGES),
    Route(("GET",),        f"{EXTENSION}/sessions",                      sessions.list_sessions,       Permission.TOKENS,     None,            "SessionPage",  "List the sessions of the pages"),
    Route(("DELETE",),     f"{EXTENSION}/sessions/{{session}}",          sessions.end_session,         Permission.TOKENS,     None,            "OpenSession",  "End a session of the pages", audit=Audit.CHANGES),
    Route(("POST",),       f"{EXTENSION}/mimic/answers",                 mimic.expect_answers,         Permission.ADMINISTER, "Interruptions", "Waiting",      "Make the next requests fail or wait", audit=Audit.NOTHING),
    Route(("POST",),       f"{EXTENSION}/mimic/arrivals",                mimic.expect_arrivals,        Permission.ADMINISTER, "Arrivals",      "Arriving",     "Store events between the next requests", audit=Audit.NOTHING),
    Route(("DELETE",),     f"{EXTENSION}/mimic",                         mimic.forget,                 Permission.ADMINISTER, None,            "Waiting",      "Cancel scheduled failures and events", audit=Audit.NOTHING),
)

PUBLIC: tuple[PublicRoute, ...] = (
    PublicRoute(f"{EXTENSION}/session", session.sign_in, "Session", "Sign in to the pages", methods=("POST",), asks="SignIn",
                refuses=("BadSignIn", "BadToken", "Foreign", "TooLarge", "Throttled")),
    PublicRoute(f"{EXTENSION}/session/ways",   session.ways,      "Ways", "List the ways to sign in to the pages"),
    PublicRoute(f"{EXTENSION}/session/begin",  session.begin,     None,   "Start signing in to the pages at an issuer", status=302, refuses=("NotFound", "Unavailable")),
    PublicRoute(f"{EXTENSION}/session/return", session.come_back, None,   "Redirect target of the issuer", status=303, refuses=("NotFound",)),
    PublicRoute("/livez",  health.alive, "Alive", "Liveness: the process is running", needs_writer=False),
    PublicRoute("/readyz", health.ready, "Ready", "Readiness: the store answers"),
    PublicRoute("/metrics", health.metrics, None, "Metrics of the server, for Prometheus",
                refuses=("Unauthenticated", "Forbidden", "NotFound", "Throttled"), kind="text/plain"),
)
# fmt: on
