"""An activity as a sentence: who did what to what, in which app, from where, and how it ended.

`WORDINGS` has a row per verb (`ingest/verbs.py`). A sentence says only what its record says. A verb stands for several things,
such as granting and changing rights, so an object is in the clause only if its part in the activity leaves no doubt, and of
several words for a verb all are said unless the operation has one of them. Other objects follow in brackets, then what was
changed, the operation in the source's own words, unless it is the verb's name, what a sign-in required, and a failure.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.fields import user_name
from casbah.activity.record import Reading, first_string, identifier, integer, part, string

ACTOR, APP, ADDRESS, CITY, COUNTRY, NOTE = "actor", "app", "address", "city", "country", "note"
"""Parts of a sentence that are no objects. A note is about the activity, such as its operation."""

MAX_NAMES, MAX_LENGTH = 3, 300
"""Names of one part that are written out; characters of one."""

MAX_CHANGES, MAX_VALUE = 3, 60
"""Changes that are written out; characters of a value."""

_FILTERS = {"file": "fileSelector", "folder": "fileSelector"}
"""The filter that finds an object of some parts; the others have `activityObject`."""

_IN_BRACKETS = ("file", "mail", "target", "folder", "rule", "role", "group", "permission", "address", "application")
_CONTENT = ("file", "mail")
_ACTORS, _ACTED_ON = (2, 4), 5
_DIRECTORY_USER, _NAMED_ACCOUNT, _ACCOUNT = 2, 21, 23
_PARTS = {3: "file", 4: "folder", 6: "application", 7: ""}
"""The part of an object that has none, as in MDCA's own records, by its type; every other type is a target."""

_REQUIRED = {
    "singlefactorauthentication": "single factor required",
    "multifactorauthentication": "multi-factor required",
}
_ACCESS = {
    "notapplied": "conditional access not applied",
    "success": "conditional access passed",
    "failure": "conditional access failed",
}
"""What sign-ins of Entra say of how somebody got in, or did not."""

_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words, or with a `part` a name from the record. `filter` and its `value` find activities with the same name."""

    text: str
    part: str = ""
    filter: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Clause:
    """What follows the actor: `done`, or after "failed to" `tried`. Both have the same slots."""

    done: str
    tried: str

    @property
    def slots(self) -> Sequence[str]:
        return _SLOT.findall(self.done)


@dataclass(frozen=True, slots=True)
class Wording:
    """The clauses of a verb; the first whose slots can be filled counts, so the last has none. `before_app` leads to the app.

    Its clauses may begin with `undecided`, as done and as tried. One of the `choices` takes its place if no other has a word of
    the operation: as done, as tried, then others. If the actor is not the subject, `whole` has complete sentences: with the
    slot `actor`, and for records without one.
    """

    clauses: Sequence[Clause] = ()
    whole: Sequence[str] = ()
    before_app: str = "in"
    undecided: Sequence[str] = ("", "")
    choices: Sequence[Sequence[str]] = ()


def _did(*clauses: tuple[str, str], before_app: str = "in") -> Wording:
    return Wording(tuple(Clause(*clause) for clause in clauses), before_app=before_app)


def _act(done: str, tried: str) -> Wording:
    """Something was done to content, such as a file."""
    return _did((f"{done} {{content}}", f"{tried} {{content}}"), (f"{done} something", f"{tried} something"))


def _either(
    *choices: Sequence[str], of: Sequence[str] = ("{content}", "something"), undecided: Sequence[str] = ()
) -> Wording:
    """One of several things was done, or tried; `undecided` names all of them."""
    undecided = undecided or [_alternatives(choices, form) for form in (0, 1)]
    clauses = tuple(Clause(*(f"{words} {rest}".rstrip() for words in undecided)) for rest in of)
    return Wording(clauses, undecided=undecided, choices=choices)


def _alternatives(choices: Sequence[Sequence[str]], form: int) -> str:
    *others, last = (choice[form] for choice in choices)
    return f"{', '.join(others)} or {last}"


# fmt: off
WORDINGS: Mapping[str, Wording] = {
    "view":           _act("viewed", "view"),
    "search":         _did(("ran a search", "run a search")),
    "download":       _act("downloaded", "download"),
    "export":         _did(("exported {content}", "export {content}"), ("exported data", "export data")),
    "upload":         _act("uploaded", "upload"),
    "sync":           _act("synchronized", "synchronize"),
    "create":         _act("created", "create"),
    "edit":           _act("edited", "edit"),
    "rename":         _act("renamed", "rename"),
    "move":           _act("moved", "move"),
    "copy":           _act("copied", "copy"),
    "delete":         _act("deleted", "delete"),
    "restore":        _act("restored", "restore"),
    "share":          _did(("shared {content} or changed its sharing", "share {content} or change its sharing"),
                           ("shared something or changed its sharing", "share something or change its sharing")),
    "unshare":        _act("removed access to", "remove access to"),
    "grant":          _did(("granted {role} to {account}", "grant {role} to {account}"),
                           ("granted {permission} to {account}", "grant {permission} to {account}"),
                           ("granted or changed permissions or a membership",
                            "grant or change permissions or a membership")),
    "revoke":         _did(("revoked {role} from {account}", "revoke {role} from {account}"),
                           ("revoked {permission} from {account}", "revoke {permission} from {account}"),
                           ("revoked permissions, a membership, a session or a token",
                            "revoke permissions, a membership, a session or a token")),
    "consent":        _did(("gave an application the permission {permission}",
                            "give an application the permission {permission}"),
                           ("gave an application access", "give an application access")),
    "sign-in":        _did(("signed in", "sign in"), before_app="to"),
    "sign-in-failed": Wording(whole=("A sign-in as {actor} failed", "A sign-in failed")),
    "sign-out":       _did(("signed out", "sign out")),
    "mfa":            _did(("used, changed or was asked for multi-factor authentication",
                            "use or change multi-factor authentication")),
    "password":       _either(("changed", "change"), ("reset", "reset"),
                              of=("the password of {account}", "a password")),
    "credential":     _either(("issued a credential", "issue a credential", "add", "create", "generate", "get", "issue"),
                              ("removed a credential", "remove a credential", "deactivate", "delete", "deleted", "remove"),
                              ("assumed a role", "assume a role", "assume"),
                              of=("",), undecided=("issued, changed or used a credential, or assumed a role",
                                                   "issue, change or use a credential, or assume a role")),
    "configure":      _did(("changed a setting", "change a setting")),
    "enable":         _either(("enabled", "enable"), ("started", "start"), ("unlocked", "unlock"), of=("something",)),
    "disable":        _either(("disabled", "disable"), ("stopped", "stop"), ("locked", "lock"), ("archived", "archive"),
                              of=("something",)),
    "mailbox-rule":   _either(("created", "create", "new"), ("changed", "change", "set"),
                              of=("the mail rule {rule}", "a mail rule")),
    "send":           _either(("sent", "send"), ("posted", "post")),
    "join":           _either(("joined", "join"), ("left", "leave"), of=("a call or a meeting",)),
    "run":            _did(("ran something", "run something")),
    "encrypt":        _did(("used an encryption or signing key", "use an encryption or signing key")),
    "approve":        _either(("approved", "approve"), ("accepted", "accept"), ("signed", "sign")),
    "deny":           _either(("declined", "decline"), ("rejected", "reject"), ("blocked", "block")),
    "check":          _did(("checked a policy, a permission or a requirement",
                            "check a policy, a permission or a requirement")),
    "alert":          Wording(whole=("An alert was raised about {actor}", "An alert was raised")),
}
# fmt: on

_OTHER = _did(("performed an action", "perform an action"))
"""For records without a verb, which clients may send."""


def sentence(record: Mapping[str, Any]) -> list[Piece]:
    """The sentence of a record, which may be any JSON object. Joined, the texts of its pieces are the sentence."""
    reading = Reading(record)
    actor, names = _actor(reading), _names(reading)
    wording = WORDINGS.get(string(record.get("verb")) or "", _OTHER)
    slots = {ACTOR: [actor] if actor else [], **_slots(names, _account(reading))}
    if wording.whole:
        text, subject = wording.whole[actor is None], []
    else:
        text = _clause(wording, slots, _words(reading), failed=_failed(reading))
        behalf = ", on behalf of somebody else, " if record.get("isImpersonated") is True else " "
        subject = [actor or Piece("Somebody"), Piece(behalf)]
    mentioned = {name.text for slot in (ACTOR, *_SLOT.findall(text)) for name in slots[slot]}
    app, others = _app(reading, wording.before_app), _brackets(names, mentioned)
    where = (*app, *others) if wording.before_app == "to" else (*others, *app)
    objects = {name.text for kind in names.values() for name in kind} - {actor.text if actor else ""}
    return [*subject, *_filled(text, slots), *where, *_origin(reading), *_changes(record, objects), *_notes(reading)]


def plain(pieces: Sequence[Piece]) -> str:
    """The sentence as text."""
    return "".join(piece.text for piece in pieces)


def _actor(reading: Reading) -> Piece | None:
    name = user_name(reading)
    return _name(ACTOR, name, "user.username", name) if name else None


def _names(reading: Reading) -> dict[str, list[Piece]]:
    """The objects' names by part, each once, without the actors and parameters."""
    names: dict[str, dict[str, Piece]] = {}
    for item in reading.objects:
        kind = _part(item)
        text = identifier(item.get("name")) or identifier(item.get("id"))
        if kind in _IN_BRACKETS and text:
            names.setdefault(kind, {}).setdefault(text, _object(kind, text, item))
    return {kind: list(pieces.values()) for kind, pieces in names.items()}


def _part(item: Mapping[str, Any]) -> str:
    stated = string(item.get("part"))
    if stated or integer(item.get("role")) in _ACTORS:
        return stated or ACTOR
    return _PARTS.get(integer(item.get("objType")) or 0, "target")


def _object(kind: str, text: str, item: Mapping[str, Any]) -> Piece:
    key = identifier(item.get("id"))
    return _name(kind, text, _FILTERS.get(kind, "activityObject") if key else "", key)


def _account(reading: Reading) -> Piece | None:
    """The only account that was acted on, by the name that it signs in with if there is one. None if there are several.

    An account may have two objects: one with its id, and after it one with its name.
    """
    accounts: dict[str, tuple[int, Piece]] = {}
    for item in reading.objects:
        number, text = integer(item.get("objType")), identifier(item.get("name"))
        if number in (_DIRECTORY_USER, _NAMED_ACCOUNT, _ACCOUNT) and integer(item.get("role")) == _ACTED_ON and text:
            accounts.setdefault(text, (number, _object(_part(item), text, item)))
    rows = list(accounts.values())
    types = [number for number, _ in rows]
    return rows[-1][1] if len(rows) == 1 or types == [_ACCOUNT, _NAMED_ACCOUNT] else None


def _slots(names: Mapping[str, Sequence[Piece]], account: Piece | None) -> dict[str, Sequence[Piece]]:
    """What each slot can be filled with. A role or a permission only if it is the only one."""
    one = {kind: names[kind] for kind in ("role", "permission") if len(names.get(kind, ())) == 1}
    content = next((names[kind] for kind in _CONTENT if kind in names), [])
    several = {"permission": names["permission"]} if "permission" in names and account is None else {}
    return {
        "content": content,
        "rule": names.get("rule", []),
        "account": [account] if account else [],
        **several,
        **one,
    }


def _clause(wording: Wording, slots: Mapping[str, Sequence[Piece]], operation: Collection[str], *, failed: bool) -> str:
    clause = next(clause for clause in wording.clauses if all(slots.get(slot) for slot in clause.slots))
    text = clause.tried if failed else clause.done
    named = [choice for choice in wording.choices if not set(choice).isdisjoint(operation)]
    if len(named) == 1:
        text = text.replace(wording.undecided[failed], named[0][failed])
    return f"failed to {text}" if failed else text


def _words(reading: Reading) -> Collection[str]:
    """The words of the operation, such as "stop" and "logging" of StopLogging."""
    return {word.lower() for word in _WORD.findall(string(reading.main.get("rawOperationName")) or "")}


def _filled(text: str, slots: Mapping[str, Sequence[Piece]]) -> list[Piece]:
    """The words of a text, and the names in its slots."""
    pieces: list[Piece] = []
    for position, words in enumerate(_SLOT.split(text)):
        pieces += _listed(slots[words]) if position % 2 else [Piece(words)] if words else []
    return pieces


def _listed(names: Sequence[Piece]) -> Iterator[Piece]:
    """Names with commas, at most MAX_NAMES."""
    for position, name in enumerate(names[:MAX_NAMES]):
        if position:
            yield Piece(", ")
        yield name
    if len(names) > MAX_NAMES:
        yield Piece(f" and {len(names) - MAX_NAMES} more")


def _brackets(names: Mapping[str, Sequence[Piece]], mentioned: Collection[str]) -> Iterator[Piece]:
    """The objects that have not been said yet, by part."""
    rest = [(kind, [name for name in names.get(kind, ()) if name.text not in mentioned]) for kind in _IN_BRACKETS]
    present = [(kind, others) for kind, others in rest if others]
    for position, (kind, others) in enumerate(present):
        yield Piece(f"; {kind} " if position else f" ({kind} ")
        yield from _listed(others)
    if present:
        yield Piece(")")


def _app(reading: Reading, before_app: str) -> Iterator[Piece]:
    record = reading.record
    app = identifier(record.get("appId"))
    name = first_string(record.get("appName")) or app
    if name:
        yield from (
            Piece(f" {before_app} "),
            _name(APP, name, "service" if app else "", record.get("appId") if app else None),
        )


def _origin(reading: Reading) -> Iterator[Piece]:
    """The address and the place."""
    address, city = string(reading.device.get("clientIP")), string(reading.location.get("city"))
    country = first_string(reading.location.get("countryCode"), reading.device.get("countryCode"))
    place = [_name(CITY, city)] if city else []
    place += [_name(COUNTRY, country, "location.country", country)] if country else []
    if address or place:
        yield Piece(" from ")
    if address:
        yield _name(ADDRESS, address, "ip.address", address)
    if place and address:
        yield from (Piece(" ("), *_listed(place), Piece(")"))
    elif place:
        yield from _listed(place)


def _changes(record: Mapping[str, Any], objects: Collection[str]) -> Iterator[Piece]:
    """The changes with short values, and how many others there are; none that only names an object, which is said already."""
    stated = record.get("changes")
    rows = [row for row in stated if isinstance(row, Mapping)] if isinstance(stated, list) else []
    parts = [[_short(row.get(key)) for key in ("name", "old", "new")] for row in rows]
    unsaid = [(name, old, new) for name, old, new in parts if old != "" or new not in objects]
    texts = list(filter(None, (_change(*change) for change in unsaid)))[:MAX_CHANGES]
    if texts:
        more = [f"{len(unsaid) - len(texts)} more"] if len(unsaid) > len(texts) else []
        yield Piece(f" · {', '.join((*texts, *more))}", NOTE)


def _change(name: str | None, old: str | None, new: str | None) -> str | None:
    """A change as `name: new` or `name: old → new`; None if a part of it is not short."""
    if not name or old is None or new is None or not (old or new):
        return None
    if not new:
        return f"{name}: {old} removed"
    return f"{name}: {old} → {new}" if old else f"{name}: {new}"


def _short(value: Any) -> str | None:
    """A value as text, "" for no value; None if it is long or has members of its own."""
    if value is None or value == "":
        return ""
    text = str(value).lower() if isinstance(value, bool) else identifier(value)
    return None if text is None or len(text) > MAX_VALUE or text[0] in "[{<" else text


def _notes(reading: Reading) -> Iterator[Piece]:
    """The operation, unless it is the verb's name, what a sign-in required, and a failure with its reason."""
    operation = string(reading.main.get("rawOperationName"))
    if operation and operation.lower() != reading.record.get("verb"):
        yield Piece(f" · {_cut(operation)}", NOTE)
    if how := _how_signed_in(reading):
        yield Piece(f" · {', '.join(how)}", NOTE)
    message = string(part(reading.main, "activityResult").get("message"))
    if _failed(reading):
        yield Piece(f" · failed: {_cut(message)}" if message else " · failed", NOTE)


def _how_signed_in(reading: Reading) -> list[str]:
    """What the source's own event says of the factors and of conditional access; Log Analytics has it in `properties`."""
    event = part(reading.record, "rawDataJson")
    stated = {key.lower(): value for body in (event, part(event, "properties")) for key, value in body.items()}
    rows = ((_REQUIRED, "authenticationrequirement"), (_ACCESS, "conditionalaccessstatus"))
    return [texts[word] for texts, key in rows if (word := (string(stated.get(key)) or "").lower()) in texts]


def _failed(reading: Reading) -> bool:
    """Whether it failed: neither a success nor without an outcome."""
    return part(reading.main, "activityResult").get("isSuccess") is False


def _name(kind: str, text: str, filter_name: str = "", value: Any = None) -> Piece:
    return Piece(_cut(text), kind, filter_name, value if filter_name else None)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"
