"""The objects of an event in Microsoft 365's unified audit log, and what it changed.

Files, folders and sites, mail, people, groups, roles, permissions, apps, and the parameters of cmdlets. Where these are is in
the tables; what the log's flags and outcomes mean is in the connector.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from casbah.activity.record import folder_path
from casbah.ingest.fields import Fields, first_text, folded, listed, objects, opened, plain, text
from casbah.ingest.record_builder import (
    ADDRESS,
    APPLICATION,
    DIRECTORY_USER,
    FILE,
    FOLDER,
    GROUP,
    MAIL,
    NAMED_ACCOUNT,
    PARAMETER,
    PERMISSION,
    ROLE,
    ROLE_ACTED_ON,
    ROLE_APPLICATION,
    ROLE_CONTEXT,
    ROLE_LOGIN_ACTOR,
    RULE,
    TARGET,
    PropertyChange,
    Target,
)


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object: the path of what describes it ("": the event), and there the keys of its id and name; the first with a value.

    A mail's `folder` is the key of the folder that it is in.
    """

    at: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    kind: str
    type: int = TARGET
    part: str = ""
    folder: str = ""
    role: int = ROLE_CONTEXT


_MAIL = ("internetmessageid", "id")
_FOLDER = ("id", "path")
_PATH = ("path", "name")
_OBJECT, _APP = ROLE_ACTED_ON, ROLE_APPLICATION

# fmt: off
NAMED = (
    NamedObject("",                    ("mailboxguid",),       ("mailboxownerupn",), "Mailbox"),
    NamedObject("item",                _MAIL,                  ("subject",),         "Mail", part=MAIL, folder="parentfolder"),
    NamedObject("affecteditems",       _MAIL,                  ("subject",),         "Mail", part=MAIL, folder="parentfolder"),
    NamedObject("folders.folderitems", _MAIL,                  ("subject",),         "Mail", part=MAIL),
    NamedObject("exchangemetadata",    ("messageid",),         ("subject",),         "Mail", part=MAIL),
    NamedObject("",                    ("networkmessageid",),  ("subject",),         "Mail", part=MAIL),
    NamedObject("folder",              _FOLDER,                _PATH,                "Mail folder", FOLDER),
    NamedObject("folders",             _FOLDER,                _PATH,                "Mail folder", FOLDER),
    NamedObject("item.parentfolder",   _FOLDER,                _PATH,                "Mail folder", FOLDER),
    NamedObject("affecteditems.parentfolder", _FOLDER,         _PATH,                "Mail folder", FOLDER),
    NamedObject("destfolder",          _FOLDER,                _PATH,                "Mail folder", FOLDER),
    NamedObject("filedata",            ("documentid", "filepath", "filename"),    ("filename",), "File", FILE),
    NamedObject("sharepointmetadata",  ("uniqueid", "filepathurl", "filename"),   ("filename",), "File", FILE),
    NamedObject("copiloteventdata.accessedresources", ("id", "siteurl", "name"),  ("name", "siteurl"), "Resource", FILE),
    NamedObject("",                    ("teamguid",),          ("teamname",),        "Team", part=GROUP),
    NamedObject("",                    ("channelguid",),       ("channelname",),     "Channel"),
    NamedObject("",                    ("chatthreadid",),      ("chatname",),        "Chat"),
    NamedObject("members",             ("upn", "id"),          ("upn", "displayname"), "Member", NAMED_ACCOUNT, role=_OBJECT),
    NamedObject("",                    ("addonguid",),         ("addonname",),       "Add-on", APPLICATION, role=_APP),
)
"""In the order of the record, most significant first."""

# The kinds of a directory's objects, as `Target` names them: "User_<id>".
DIRECTORY: Mapping[str, tuple[int, str]] = {
    "application":      (APPLICATION, ""),
    "group":            (TARGET, GROUP),
    "policy":           (TARGET, RULE),
    "role":             (TARGET, ROLE),
    "serviceprincipal": (APPLICATION, ""),
    "user":             (DIRECTORY_USER, ""),
}

# Properties that name an object besides the target: the property with its name, those with its id, and its type.
PROPERTIES: tuple[tuple[str, tuple[str, ...], int, str], ...] = (
    ("role.displayname",               ("role.objectid", "role.templateid"), TARGET,      ROLE),
    ("group.displayname",              ("group.objectid",),                  TARGET,      GROUP),
    ("serviceprincipal.displayname",   ("serviceprincipal.objectid",),       APPLICATION, ""),
    ("approle.value",                  ("approle.id",),                      TARGET,      PERMISSION),
    ("delegatedpermissiongrant.scope", (),                                   TARGET,      PERMISSION),
    ("consentaction.permissions",      (),                                   TARGET,      PERMISSION),
)

# Parameters of cmdlets that name objects.
PARAMETERS: Mapping[str, tuple[int, str]] = {
    "accessrights":          (TARGET, PERMISSION),
    "forwardasattachmentto": (TARGET, ADDRESS),
    "forwardingaddress":     (TARGET, ADDRESS),
    "forwardingsmtpaddress": (TARGET, ADDRESS),
    "forwardto":             (TARGET, ADDRESS),
    "mailbox":               (TARGET, ""),
    "member":                (DIRECTORY_USER, ""),
    "members":               (DIRECTORY_USER, ""),
    "redirectto":            (TARGET, ADDRESS),
    "role":                  (TARGET, ROLE),
    "roles":                 (TARGET, ROLE),
    "trustee":               (DIRECTORY_USER, ""),
    "user":                  (DIRECTORY_USER, ""),
}

# What the identity and name of a cmdlet are, by the end of its noun: New-InboxRule. Everything else is a target.
NOUNS: Mapping[str, str] = {
    "rule": RULE, "policy": RULE, "rolegroup": ROLE, "managementrole": ROLE, "roleassignment": ROLE, "group": GROUP,
}

# What the XML in `EventData` of a sharing event says.
SHARED: Mapping[str, str] = {"group": GROUP, "permissions granted": PERMISSION, "type": PERMISSION}
# fmt: on

_BY_KEY = tuple((row.at.partition(".")[0] or row.ids[0], row) for row in NAMED)
_LISTS = (
    "actor",
    "target",
    "parameters",
    "modifiedproperties",
    "operationproperties",
    "appaccesscontext",
    "deviceproperties",
)
GROUPS = frozenset({"sharepointgroup", "securitygroup", "group"})
GUEST = "urn:spo:guest#"
_UPN, _NAME = "5", "1"
_TAG = re.compile(r"<([^<>/]+)>([^<>]+)</")
_SCOPE = re.compile(r"Scope: ([^,\]]+)")
_QUALIFIED = re.compile(r"([A-Za-z]+)_(.+)")
_LISTED_NAMES = "included updated properties"


def with_values(fields: Fields) -> Fields:
    """The event as the functions here take it: lists of objects with keys in lower case, which Sentinel has as JSON text."""
    values = {key: opened(fields[key]) for key in _LISTS if key in fields}
    if not values:
        return fields
    return {**fields, **{key: list(objects(value)) if type(value) is list else value for key, value in values.items()}}


def targets(fields: Fields) -> list[Target]:
    """The event's objects, most significant first. What the log calls the object is left out if it is one of the others."""
    candidates = list(_targets(fields))
    named = {name for target in candidates if _is_typed(target) for name in (target.id, target.name)}
    return [target for target in candidates if _is_typed(target) or target.type == PARAMETER or target.id not in named]


def _is_typed(target: Target) -> bool:
    if target.type == TARGET:
        return bool(target.part or target.service_type)
    return target.type != PARAMETER


def _targets(fields: Fields) -> Iterator[Target]:
    yield from _files(fields)
    yield from _places(fields)
    yield from _named(fields)
    yield from _people(fields)
    yield from _applications(fields)
    yield from _properties(fields)
    yield from _parameters(fields)


def changes(fields: Fields) -> Iterator[PropertyChange]:
    """What was set: a directory object's properties, a cmdlet's parameters, the parts of an inbox rule."""
    for item in _listed(fields, "modifiedproperties"):
        name = text(item.get("name"))
        if name.lower() != _LISTED_NAMES:
            yield PropertyChange(name, plain(item.get("oldvalue")), plain(item.get("newvalue")))
    for item in _listed(fields, "parameters"):
        name = text(item.get("name"))
        if name.lower() != "identity":
            yield PropertyChange(name, new=plain(item.get("value")))
    for item in _listed(fields, "operationproperties"):
        name = text(item.get("name"))
        if name.startswith("Rule"):
            yield PropertyChange(name, new=plain(item.get("value")))


def sessions(fields: Fields) -> Iterator[str]:
    """Entra's ids of the session and of the token: its sign-ins have the same."""
    yield text(fields.get("sessionid"))
    context = folded(fields["appaccesscontext"]) if "appaccesscontext" in fields else {}
    yield text(context.get("aadsessionid"))
    if "deviceproperties" in fields:
        yield text(named_values(fields["deviceproperties"]).get("sessionid"))
    yield text(context.get("uniquetokenid"))


def person(name: str) -> str:
    """A user's name: SharePoint writes a guest's address behind a prefix."""
    return name[len(GUEST) :] if name.lower().startswith(GUEST) else name


def named_values(value: Any) -> dict[str, Any]:
    """A `[{"Name": ..., "Value": ...}]` list, or JSON text of one as in Sentinel, as values by name in lower case."""
    return {text(item.get("name")).lower(): item.get("value") for item in objects(opened(value))}


def named_new_values(fields: Fields) -> dict[str, str]:
    """The changed properties by name in lower case, as they are now; a removed one as it was."""
    return {
        text(item.get("name")).lower(): plain(item.get("newvalue")) or plain(item.get("oldvalue"))
        for item in _listed(fields, "modifiedproperties")
    }


def _listed(fields: Fields, key: str) -> Iterator[Fields]:
    return listed(fields.get(key))


def _files(fields: Fields) -> Iterator[Target]:
    """The file or folder itself, then its folder."""
    kind = text(fields.get("itemtype"))
    name = text(fields.get("sourcefilename"))
    identity = first_text(fields, "listitemuniqueid", "objectid")
    if kind == "Folder" and identity:
        yield Target(FOLDER, ROLE_CONTEXT, identity, name or identity, service_type="Folder")
    elif (kind == "File" or (not kind and name)) and identity:
        yield Target(FILE, ROLE_CONTEXT, identity, name or identity, service_type="File", labels=_labels(fields))
    site, path = text(fields.get("siteurl")), folder_path(text(fields.get("sourcerelativeurl")), name)
    if site and path:
        yield Target(FOLDER, ROLE_CONTEXT, f"{site.rstrip('/')}/{path}", path, service_type="Folder")


def _labels(fields: Fields) -> tuple[str, ...]:
    data = folded(fields.get("sensitivitylabeleventdata"))
    labels = (
        first_text(fields, "sensitivitylabelid"),
        first_text(fields, "labelid"),
        first_text(data, "sensitivitylabelid"),
        first_text(data, "labelid"),
    )
    return tuple(dict.fromkeys(filter(None, labels)))


def _places(fields: Fields) -> Iterator[Target]:
    """The site, and what the log calls the object: the address of a file, or the target itself."""
    site = text(fields.get("site"))
    if site:
        service = "OneDrive" if text(fields.get("workload")) == "OneDrive" else "SharePoint"
        yield Target(TARGET, ROLE_CONTEXT, site, text(fields.get("siteurl")), service_type=f"{service} Site Collection")
    object_id = text(fields.get("objectid"))
    if object_id:
        is_address = "sourcefilename" in fields and object_id[:4].lower() == "http"
        yield Target(TARGET, ROLE_CONTEXT, object_id, object_id, part=ADDRESS if is_address else "")


def _named(fields: Fields) -> Iterator[Target]:
    for key, row in _BY_KEY:
        if key not in fields:
            continue
        for item in _under(fields, row.at):
            identity, name = first_text(item, *row.ids), first_text(item, *row.names)
            if identity or name:
                folder = text(folded(item.get(row.folder)).get("path")) if row.folder else ""
                yield Target(row.type, row.role, identity or name, name, folder, row.kind, part=row.part)


def _under(fields: Fields, path: str) -> Iterator[Fields]:
    """The objects at a path of keys, through lists and JSON text."""
    if not path:
        yield fields
        return
    key, _, rest = path.partition(".")
    value = opened(fields.get(key))
    for item in objects(value) if type(value) is list else (folded(value),):
        yield from _under(item, rest)


def _people(fields: Fields) -> Iterator[Target]:
    known = {"", text(fields.get("userid")), text(fields.get("userkey"))}
    if "actor" in fields:
        for target in _directory(fields, "actor", ROLE_LOGIN_ACTOR):
            if target.id not in known and f"ServicePrincipal_{target.id}" not in known:
                yield target
    if "target" in fields:
        yield from _directory(fields, "target", ROLE_ACTED_ON)
    shared_with = person(text(fields.get("targetuserorgroupname")))
    if shared_with:
        kind = text(fields.get("targetuserorgrouptype"))
        part = GROUP if kind.lower() in GROUPS else ""
        yield Target(DIRECTORY_USER, ROLE_ACTED_ON, shared_with, shared_with, service_type=kind, part=part)
    if "eventdata" in fields:
        for tag, value in _TAG.findall(text(fields["eventdata"])):
            if tag.lower() in SHARED:
                yield Target(TARGET, ROLE_CONTEXT, value, value, service_type=tag, part=SHARED[tag.lower()])


def _directory(fields: Fields, key: str, role: int) -> Iterator[Target]:
    """The directory's objects in a list of ids: it has several ids of one object, such as User_<id>, <id>, User, the UPN."""
    items = [(text(item.get("id")), text(item.get("type"))) for item in _listed(fields, key)]
    qualified = [match for identity, kind in items if kind == "2" and (match := _QUALIFIED.fullmatch(identity))]
    if len(qualified) != 1 or qualified[0][1].lower() not in DIRECTORY:
        for identity, kind in items:
            if identity:
                yield Target(NAMED_ACCOUNT if kind == _UPN else DIRECTORY_USER, role, identity, identity)
        return
    kind, identity = qualified[0].groups()
    number, part = DIRECTORY[kind.lower()]
    upn = next((listed_id for listed_id, type_of in items if type_of == _UPN), "")
    name = upn or next((listed_id for listed_id, type_of in items if type_of == _NAME), "")
    if upn:
        yield Target(NAMED_ACCOUNT, role, upn, upn)
    yield Target(number, role, identity, name, service_type=kind, part=part)


def _applications(fields: Fields) -> Iterator[Target]:
    name = first_text(fields, "applicationdisplayname", "appdisplayname", "applicationname")
    for key in ("applicationid", "appid", "clientappid"):
        identity = text(fields.get(key))
        if identity:
            yield Target(APPLICATION, ROLE_APPLICATION, identity, name)


def _properties(fields: Fields) -> Iterator[Target]:
    """The role, group, app or permissions that the properties of a directory object name."""
    properties = named_new_values(fields)
    if properties:
        yield from properties_named(properties)


def properties_named(properties: Mapping[str, str]) -> Iterator[Target]:
    """The objects in values by property's name in lower case. The directory's own audits have the same properties."""
    for name_key, id_keys, number, part in PROPERTIES:
        value = properties.get(name_key, "")
        for name in _permissions(value) if part == PERMISSION else filter(None, [value]):
            identity = next(filter(None, (properties.get(key, "") for key in id_keys)), name)
            yield Target(number, ROLE_CONTEXT, identity, name, part=part)


def _permissions(value: str) -> list[str]:
    """Permissions by name, from a list of scopes or the text of a consent, which has such lists."""
    return " ".join(_SCOPE.findall(value) or [value]).split()


def _parameters(fields: Fields) -> Iterator[Target]:
    """The values that were set: a cmdlet's parameters, and the objects that they name; a directory object's new values."""
    noun = text(fields.get("operation")).partition("-")[2].lower()
    own = next((part for end, part in NOUNS.items() if noun.endswith(end)), "")
    for item in _listed(fields, "parameters"):
        name = text(item.get("name"))
        shown = _shown(item.get("value"))
        if name.lower() in ("identity", "name") and shown and (own or name.lower() == "identity"):
            yield Target(TARGET, ROLE_CONTEXT, shown, shown, part=own)
        elif name.lower() in PARAMETERS:
            number, part = PARAMETERS[name.lower()]
            for value in filter(None, map(str.strip, re.split("[;,]", shown))):
                named = value.removeprefix("smtp:")
                yield Target(number, ROLE_ACTED_ON, named, named, service_type=name, part=part)
        yield Target(PARAMETER, ROLE_CONTEXT, name=name, value=shown)
    for item in _listed(fields, "modifiedproperties"):
        yield Target(PARAMETER, ROLE_CONTEXT, name=text(item.get("name")), value=_shown(item.get("newvalue")))
    for item in _listed(fields, "operationproperties"):
        if text(item.get("name")) == "RuleName" and text(item.get("value")):
            yield Target(TARGET, ROLE_CONTEXT, text(item["value"]), text(item["value"]), part=RULE)


def _shown(value: Any) -> str:
    return text(value) or "; ".join(filter(None, map(text, listed(value))))
