"""Verbs: what was done, in one vocabulary for all sources. MDCA's public categories leave most activities unspecified.

A source has a table from its operations to verbs: `[verbs]` of its mapping file, or a file of `connectors/verbs/`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from casbah.activity.record import integer, part, string
from casbah.errors import BadMappingError
from casbah.ingest.mapping.values import Globs

VerbOf = Callable[[Mapping[str, Any]], str]
"""The verb of a record, or "". The record may be any JSON object: clients send their own."""

_CATEGORY = "EVENT_CATEGORY_"
_PATTERN = frozenset("*?[")
_REMEMBERED = 4_096
_MAX_OPERATION = 200
"""Characters of an operation that are compared, so that long ones do not fill the memory."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb; `categories` are MDCA's public ones, without their prefix. `refused` is the verb of a failed attempt, if that
    has one of its own.
    """

    name: str
    meaning: str
    categories: tuple[str, ...] = ()
    refused: str = ""


def _index(*rows: Verb) -> Mapping[str, Verb]:
    table = {row.name: row for row in rows}
    if len(table) != len(rows) or any(row.refused and row.refused not in table for row in rows):
        raise AssertionError("verbs: names are unique, and a refused attempt has a verb of the table")
    return table


# fmt: off
VERBS = _index(
    Verb("view",           "Opened, read or listed: a file, a mail, a page, a setting, a resource", ("VIEW_REPORT",)),
    Verb("search",         "Searched: content, mail, logs"),
    Verb("download",       "Took a copy of a file or an object, also by synchronization", ("DOWNLOAD_FILE",)),
    Verb("export",         "Had data written out in bulk: a report, a mailbox, an archive, a disk"),
    Verb("upload",         "Stored a file or an object, also by synchronization", ("UPLOAD_FILE",)),
    Verb("sync",           "Kept two places equal, where the event does not tell the direction"),
    Verb("create",         "Made something new: a folder, a user, a group, a policy, a machine", ("CREATE_USER",)),
    Verb("edit",           "Changed the content or the properties of a file, a record, a user, a group, an application"),
    Verb("rename",         "Gave something another name"),
    Verb("move",           "Moved something to another place"),
    Verb("copy",           "Copied something within the app"),
    Verb("delete",         "Deleted something, or moved it to the recycle bin", ("DELETE_OBJECT", "DELETE_USER")),
    Verb("restore",        "Brought back what was deleted, or an earlier version"),
    Verb("share",          "Gave others access to content, or changed whom it is shared with"),
    Verb("unshare",        "Took access to content from others"),
    Verb("grant",          "Gave a right, a role or a membership, or changed rights"),
    Verb("revoke",         "Took a right, a role, a membership, a session or a token"),
    Verb("consent",        "Let an application act for a user or an organization: consented, installed or linked it"),
    Verb("sign-in",        "Signed in", ("LOGIN", "SSO_LOGIN"), refused="sign-in-failed"),
    Verb("sign-in-failed", "Was refused to sign in", ("FAILED_LOGIN",)),
    Verb("sign-out",       "Signed out", ("LOGOUT",)),
    Verb("mfa",            "Enrolled, changed, removed or used a second factor, or was asked for it"),
    Verb("password",       "Changed or reset a password"),
    Verb("credential",     "Made, issued or renewed a key, a secret, a certificate or a token; assumed a role"),
    Verb("configure",      "Changed a setting, a policy, or the configuration of a service, a network, a machine"),
    Verb("enable",         "Turned on, started or unlocked: a feature, a machine, an account"),
    Verb("disable",        "Turned off, stopped, locked or archived: a feature, a machine, an account"),
    Verb("mailbox-rule",   "Made or changed a rule on mail: an inbox rule, forwarding, mail flow"),
    Verb("send",           "Sent or posted a message, a mail, a document"),
    Verb("join",           "Joined or left a call or a meeting"),
    Verb("run",            "Ran something: a command, a program, a query, a workflow"),
    Verb("encrypt",        "Used a key: encrypted, decrypted, signed or checked with it"),
    Verb("approve",        "Approved, accepted or signed"),
    Verb("deny",           "Declined, rejected or blocked"),
    Verb("check",          "Checked a policy, a right or a requirement"),
    Verb("alert",          "Was noticed: a policy matched, a threat or a risk was detected, a limit was reached"),
)
# fmt: on

_OF_CATEGORY = {f"{_CATEGORY}{category}": row.name for row in VERBS.values() for category in row.categories}


class VerbTable:
    """The verbs of one source: by operation, else by the first pattern that matches, else by MDCA's category; ignoring case."""

    def __init__(self, operations: Mapping[str, Sequence[str]]) -> None:
        """`operations` are names and patterns by verb; patterns are tried in this order. Raises BadMappingError."""
        rows = [(name, verb) for verb, names in operations.items() for name in names]
        self._exact = _checked(rows)
        self._patterns = tuple((Globs([name]), verb) for name, verb in rows if _PATTERN & set(name))
        self._verb = lru_cache(maxsize=_REMEMBERED)(self._find)

    def __call__(self, record: Mapping[str, Any]) -> str:
        """The verb of a record, or "". It is called for every event, so it does little more than to look it up."""
        main, category = record.get("mainInfo"), record.get("eventTypeName")
        if type(main) is not dict:
            return _of_category(record)
        operation, result = main.get("rawOperationName"), main.get("activityResult")
        return self._verb(
            operation[:_MAX_OPERATION] if type(operation) is str else "",
            category if type(category) is str else "",
            type(result) is dict and result.get("isSuccess") is False,
        )

    def _find(self, operation: str, category: str, failed: bool) -> str:  # noqa: FBT001  a key of the cache
        verb = (
            self._exact.get(operation.lower())
            or next((verb for globs, verb in self._patterns if globs.match(operation)), "")
            or _OF_CATEGORY.get(category, "")
        )
        return _as_it_ended(verb, failed=failed)


class VerbsOfApps:
    """The verbs of records in MDCA's shape from anywhere: by their category, else by the tables of their app."""

    def __init__(self, tables: Iterable[tuple[Sequence[int], VerbOf]]) -> None:
        """Each table with the apps whose operations it knows."""
        self._tables: dict[int, list[VerbOf]] = defaultdict(list)
        for apps, table in tables:
            for app in dict.fromkeys(apps):
                self._tables[app].append(table)

    def __call__(self, record: Mapping[str, Any]) -> str:
        """The verb of a record, or "". Some forms have a title such as `App installed` in place of `app_installed`."""
        of_category = _of_category(record)
        if of_category:
            return of_category
        apps = dict.fromkeys(integer(record.get(key)) for key in ("appId", "saasId", "srcAppId"))
        tables = [table for app in apps if app is not None for table in self._tables.get(app, ())]
        forms = (record, _with_code(record))
        return next(filter(None, (table(form) for form in forms if form for table in tables)), "")


def _with_code(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A record whose operation is a title of several words, with that title as a code; None for others."""
    main = part(record, "mainInfo")
    operation = string(main.get("rawOperationName"))
    if operation is None or " " not in operation:
        return None
    return {**record, "mainInfo": {**main, "rawOperationName": operation[:_MAX_OPERATION].replace(" ", "_")}}


def _checked(rows: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The rows by name, in lower case. Raises BadMappingError for an unknown verb, and for a name that occurs twice."""
    by_name: dict[str, str] = {}
    for name, verb in rows:
        if verb not in VERBS:
            raise BadMappingError(f"[verbs] {verb} is not a verb; the verbs are {', '.join(VERBS)}")
        if name.lower() in by_name:
            raise BadMappingError(f"[verbs] {name!r} occurs twice: under {by_name[name.lower()]} and {verb}")
        by_name[name.lower()] = verb
    return by_name


def _of_category(record: Mapping[str, Any]) -> str:
    verb = _OF_CATEGORY.get(string(record.get("eventTypeName")) or "", "")
    return _as_it_ended(verb, failed=part(part(record, "mainInfo"), "activityResult").get("isSuccess") is False)


def _as_it_ended(verb: str, *, failed: bool) -> str:
    return (VERBS[verb].refused or verb) if failed and verb else verb
