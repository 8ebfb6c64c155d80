"""The objects of an event in Microsoft 365's unified audit log: site, file, folder, mailbox, people, app, parameters."""

from collections.abc import Iterator
from typing import Any

from casbah.base import jsontext
from casbah.ingest.fields import Fields, first_text, folded, listed, objects, text
from casbah.ingest.record_builder import (
    APPLICATION,
    DIRECTORY_USER,
    FILE,
    FOLDER,
    NAMED_ACCOUNT,
    PARAMETER,
    ROLE_ACTED_ON,
    ROLE_APPLICATION,
    ROLE_CONTEXT,
    ROLE_LOGIN_ACTOR,
    TARGET,
    Target,
)

_UPN = "5"


def targets(fields: Fields) -> Iterator[Target]:
    """The event's objects, most significant first."""
    yield from _files(fields)
    yield from _places(fields)
    yield from _people(fields)
    yield from _applications(fields)
    yield from _parameters(fields)


def named_values(value: Any) -> dict[str, Any]:
    """A `[{"Name": ..., "Value": ...}]` list, or JSON text of one as in Sentinel, as values by name in lower case."""
    return {text(item.get("name")).lower(): item.get("value") for item in objects(_opened(value))}


def _opened(value: Any) -> Any:
    if type(value) is not str or not value.startswith("["):
        return value
    try:
        return jsontext.parse(value.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJsonError:
        return None


def _files(fields: Fields) -> Iterator[Target]:
    """The file or folder itself, then its folder."""
    kind = text(fields.get("itemtype"))
    name = text(fields.get("sourcefilename"))
    identity = first_text(fields, "listitemuniqueid", "objectid")
    if kind == "Folder" and identity:
        yield Target(FOLDER, ROLE_CONTEXT, identity, name or identity, service_type="Folder")
    elif (kind == "File" or (not kind and name)) and identity:
        yield Target(FILE, ROLE_CONTEXT, identity, name or identity, service_type="File", labels=_labels(fields))
    site, path = text(fields.get("siteurl")), text(fields.get("sourcerelativeurl"))
    # Some events write the file's own name at the end of the folder's path.
    path = path.strip("/").removesuffix(name).rstrip("/") if name else path.strip("/")
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
    site = text(fields.get("site"))
    if site:
        service = "OneDrive" if text(fields.get("workload")) == "OneDrive" else "SharePoint"
        yield Target(TARGET, ROLE_CONTEXT, site, text(fields.get("siteurl")), service_type=f"{service} Site Collection")
    object_id = text(fields.get("objectid"))
    if object_id:
        yield Target(TARGET, ROLE_CONTEXT, object_id, object_id)
    mailbox = text(fields.get("mailboxguid"))
    if mailbox:
        yield Target(TARGET, ROLE_CONTEXT, mailbox, text(fields.get("mailboxownerupn")), service_type="Mailbox")


def _people(fields: Fields) -> Iterator[Target]:
    known = {"", text(fields.get("userid")), text(fields.get("userkey"))}
    for identity in (text(actor.get("id")) for actor in objects(_opened(fields.get("actor")))):
        if identity not in known:
            yield Target(DIRECTORY_USER, ROLE_LOGIN_ACTOR, identity, identity)
    for target in objects(_opened(fields.get("target"))):
        kind = NAMED_ACCOUNT if text(target.get("type")) == _UPN else DIRECTORY_USER
        if text(target.get("id")):
            yield Target(kind, ROLE_ACTED_ON, text(target.get("id")), text(target.get("id")))
    shared_with = text(fields.get("targetuserorgroupname"))
    if shared_with:
        kind_of = text(fields.get("targetuserorgrouptype"))
        yield Target(DIRECTORY_USER, ROLE_ACTED_ON, shared_with, shared_with, service_type=kind_of)


def _applications(fields: Fields) -> Iterator[Target]:
    name = first_text(fields, "applicationdisplayname", "appdisplayname", "applicationname")
    for key in ("applicationid", "appid", "clientappid"):
        identity = text(fields.get(key))
        if identity:
            yield Target(APPLICATION, ROLE_APPLICATION, identity, name)


def _parameters(fields: Fields) -> Iterator[Target]:
    """The values that were set: a cmdlet's parameters, a directory object's new values."""
    for key, value_key in (("parameters", "value"), ("modifiedproperties", "newvalue")):
        opened = _opened(fields.get(key))
        for item in objects(opened):
            value = item.get(value_key)
            shown = text(value) or "; ".join(filter(None, map(text, listed(value))))
            yield Target(PARAMETER, ROLE_CONTEXT, name=text(item.get("name")), value=shown)
