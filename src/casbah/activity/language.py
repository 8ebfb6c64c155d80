"""The language: one row per operator, one row per filter.

An operator defines which wire values it takes and which predicate it means; a negation names the operator that it exactly
complements. A filter says which field it reads. Which operators a filter takes follows from its field's kind;
the pairs that the public documentation of MDCA's API lists are marked on the filter as documented, and are always taken.

Order: related operators together, filters as the public table has them. Rules: docs/compatibility.md, section 6.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from casbah.activity import predicate as p
from casbah.activity import value as v
from casbah.activity.fields import COUNTED, FIELDS, Field, Kind, source_type
from casbah.activity.predicate import Predicate
from casbah.activity.text import is_unspaced, word_runs, words
from casbah.activity.value import Takes
from casbah.errors import UnknownFilterError, UnsupportedOperatorError

Meaning = Callable[[Field, Sequence[v.Parsed]], Predicate]


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator takes and means; one with `complement_of` takes the same values and means the opposite.

    `label` is what the pages show between a filter and its values; `labels` replaces it for fields of some kinds.
    """

    name: str
    label: str
    help: str
    takes: Takes = Takes.VALUES
    means: Meaning | None = None
    complement_of: str | None = None
    labels: tuple[tuple[Kind, str], ...] = ()


class Catalog(Enum):
    """Sources of display names that the language does not have itself; `http/choices.py` has them."""

    APPS = "apps"
    VERBS = "verbs"
    EVENT_CATEGORIES = "event categories"
    COUNTRIES = "countries"
    AGENT_TAGS = "user agent tags"
    IP_TAGS = "IP tags"


Choices = Catalog | tuple[tuple[str | int | None, str], ...]
"""The display names of a filter's values; empty if they have none."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter over one field. `documented` are the operators of the public table, in its order; none if the filter is ours.

    `nullable`: null, or the text "null", means "has no value". `by_role` gives the fields that a `{"role": n}` modifier
    chooses instead of `field`. `countable`: its values can be counted one by one.

    `short` are its names in a search (`activity/search`); the first is used when one is written.

    For the pages: `label` is its name, `choices` the names of its values. `button` is its position among the filters that
    have a button; the others are in the menu. `facet` is its position among the facets that are shown by default.
    Facets of the pages and groups are of values that begin with `facet_prefix` only, since the others repeat these.
    """

    name: str
    label: str
    field: Field
    documented: tuple[str, ...]
    help: str
    nullable: bool = False
    by_role: tuple[tuple[int, tuple[Field, ...]], ...] = ()
    aliases: tuple[str, ...] = ()
    countable: bool = True
    button: int | None = None
    facet: int | None = None
    facet_prefix: str = ""
    choices: Choices = ()
    short: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        """Every operator that the filter takes, in the order of the operators' table."""
        taken = {*OPERATORS_OF[self.field.kind], *self.documented}
        return tuple(name for name in OPERATORS if name in taken)


def _equal(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    """Some value is one of these. Values that are not plain terms have predicates of their own."""
    terms = tuple(value for value in values if isinstance(value, str | int))
    others = [v.predicate_of(value, field) for value in values if not isinstance(value, str | int)]
    return p.either(p.Terms(field, terms), *others) if terms or not others else p.either(*others)


def _different(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    """Some value is not one of these."""
    match field.kind:
        case Kind.SOURCE:  # A record has one source, given as a type and a stream.
            return p.both(p.Present(field), p.Not(_equal(field, values)))
        case Kind.IP:
            return p.either(*(p.Range(FIELDS["ip_key"], low, high) for low, high in _gaps(values)))
        case _:
            return p.Other(field, tuple(value for value in values if isinstance(value, str | int)))


def _gaps(values: Sequence[v.Parsed]) -> Iterator[tuple[int | None, int | None]]:
    """The spans of addresses outside all of the networks."""
    covered = sorted(span for value in values if isinstance(value, v.Network) for span in value.spans)
    reach: int | None = None
    for low, high in covered:
        if reach is None or low > reach + 1:
            yield (None if reach is None else reach + 1), low - 1
        reach = high if reach is None else max(reach, high)
    yield (None if reach is None else reach + 1), None


def _texts(node: Callable[[Field, str], Predicate]) -> Meaning:
    def means(field: Field, values: Sequence[v.Parsed]) -> Predicate:
        return p.either(*(node(_compared(field, text), text) for text in map(v.text_of, values)))

    return means


def _compared(field: Field, text: str) -> Field:
    """The field whose values a text is compared with: without a colon, an operation is compared by its own name only.

    Otherwise "share" would find everything that has SharePoint in the name of its event.
    """
    return FIELDS["operation"] if field is FIELDS["action_type"] and ":" not in text else field


def _below(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    """The value itself, or anything below it by `/`-separated path."""
    roots = [v.text_of(value).rstrip("/") for value in values]
    return p.either(*(p.either(p.Terms(field, (root,)), p.Prefix(field, root + "/")) for root in roots))


def _set(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    return p.either(*(p.Present(field) if value else p.Not(p.Present(field)) for value in values))


def _beyond(*, low: bool, included: bool) -> Meaning:
    def means(field: Field, values: Sequence[v.Parsed]) -> Predicate:
        bounds = [v.number_of(value) for value in values]
        if low:
            return p.either(*(p.Range(field, low=bound, with_low=included) for bound in bounds))
        return p.either(*(p.Range(field, high=bound, with_high=included) for bound in bounds))

    return means


def _between(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    return p.either(*(p.Range(field, *v.ends_of(value)) for value in values))


def _words(node: Callable[[str], Predicate]) -> Meaning:
    """`node` of each value that has words."""

    def means(_: Field, values: Sequence[v.Parsed]) -> Predicate:
        return p.either(*(node(text) for text in map(v.text_of, values) if words(text)))

    return means


def _every_word(text: str) -> Predicate:
    """Every word; the letters of a run of a script without spaces next to each other."""
    runs = word_runs(text)
    single = tuple(run[0] for run in runs if len(run) == 1)
    together = [p.Phrase(run) for run in runs if len(run) > 1]
    return p.both(*([p.Words(single)] if single else []), *together)


def _beginning(text: str) -> Predicate:
    """The words next to each other; the last is a prefix, unless it is a letter of a script without spaces."""
    phrase = words(text)
    return p.Phrase(phrase, open_ended=not is_unspaced(phrase[-1]))


def _equal_words(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    if field.kind is Kind.WORDS:
        return _words(lambda text: p.Phrase(words(text)))(field, values)
    return _equal(field, values)


def _starts_single(field: Field, values: Sequence[v.Parsed]) -> Predicate:
    return _words(_beginning)(field, values) if field.kind is Kind.WORDS else _texts(p.Prefix)(field, values)


def _operators(*rows: Operator) -> dict[str, Operator]:
    table = {row.name: row for row in rows}
    if len(table) != len(rows) or any((row.means is None) == (row.complement_of is None) for row in rows):
        raise AssertionError("operators: names are unique; each row means something or is a complement")
    return table


# fmt: off
OPERATORS = _operators(
    Operator("eq",               "is",                         "has one of the values",                        means=_equal_words, labels=((Kind.WORDS, "has the phrase"),)),
    Operator("neq",              "is not",                     "has none of the values",                       complement_of="eq"),
    Operator("deq",              "has a value other than",     "has a value other than those listed",          means=_different),
    Operator("contains",         "contains",                   "contains one of the texts",                    Takes.TEXTS,  _texts(p.Infix)),
    Operator("ncontains",        "does not contain",           "contains none of the texts",                   complement_of="contains"),
    Operator("startswith",       "begins with",                "begins with one of the texts",                 Takes.TEXTS,  _texts(p.Prefix)),
    Operator("doesnotstartwith", "does not begin with",        "begins with none of the texts",                complement_of="startswith"),
    Operator("startswithsingle", "begins with",                "begins with the text; for words, a phrase whose last word may be a beginning",
                                                                                                               Takes.TEXTS,  _starts_single, labels=((Kind.WORDS, "has the phrase that begins"),)),
    Operator("endswith",         "ends with",                  "ends with one of the texts",                   Takes.TEXTS,  _texts(p.Suffix)),
    Operator("descendantof",     "is under",                   "is one of the paths, or below one",            Takes.TEXTS,  _below),
    Operator("ndescendantof",    "is not under",               "is not one of the paths, nor below one",       complement_of="descendantof"),
    Operator("text",             "has the words",              "has every word, in any order",                 Takes.TEXTS,  _words(_every_word)),
    Operator("isset",            "is known",                   "has a value (true) or has none (false)",       Takes.FLAGS,  _set),
    Operator("isnotset",         "is not known",               "has no value (true) or has one (false)",       complement_of="isset"),
    Operator("gt",               "is more than",               "is more than the number",                      Takes.NUMBERS, _beyond(low=True,  included=False), labels=((Kind.MS, "is after"),)),
    Operator("gte",              "is at least",                "is the number or more",                        Takes.NUMBERS, _beyond(low=True,  included=True), labels=((Kind.MS, "is from"),)),
    Operator("lt",               "is less than",               "is less than the number",                      Takes.NUMBERS, _beyond(low=False, included=False), labels=((Kind.MS, "is before"),)),
    Operator("lte",              "is at most",                 "is the number or less",                        Takes.NUMBERS, _beyond(low=False, included=True), labels=((Kind.MS, "is until"),)),
    Operator("range",            "is between",                 "lies between start and end, both included",    Takes.RANGES, _between),
    Operator("gte_ndays",        "in the last days",           "is at most N days ago",                        Takes.DAYS,   _beyond(low=True,  included=True)),
    Operator("lte_ndays",        "before the last days",       "is at least N days ago",                       Takes.DAYS,   _beyond(low=False, included=True)),
)

_SAME   = ("eq", "neq", "deq", "isset", "isnotset")
_TEXT   = (*_SAME, "contains", "ncontains", "startswith", "doesnotstartwith", "endswith", "startswithsingle")
_PATH   = (*_TEXT, "descendantof", "ndescendantof")
_NUMBER = ("gt", "gte", "lt", "lte", "range")

OPERATORS_OF: dict[Kind, tuple[str, ...]] = {
    Kind.INT:         (*_SAME, *_NUMBER),
    Kind.BOOL:        _SAME,
    Kind.ENUMERATION: _SAME,
    Kind.ID:          (*_SAME, "startswith", "doesnotstartwith"),
    Kind.TEXT:        _TEXT,
    Kind.PATH:        _PATH,
    Kind.URL:         _PATH,
    Kind.IP:          _TEXT,
    Kind.MS:          ("eq", "neq", *_NUMBER, "gte_ndays", "lte_ndays", "isset", "isnotset"),
    Kind.WORDS:       ("text", "eq", "startswithsingle"),
    Kind.ENTITY:      ("eq", "neq", "isset", "isnotset", "startswith", "doesnotstartwith"),
    Kind.SOURCE:      _SAME,
}
# fmt: on


def _filters(*rows: Filter) -> dict[str, Filter]:
    table = {row.name: row for row in rows}
    names = [name for row in rows for name in (row.name, *row.aliases)]
    if len(set(names)) != len(names):
        raise AssertionError("two filters share a name or alias")
    if any(set(row.documented) - set(OPERATORS) for row in rows):
        raise AssertionError("a filter documents an operator that does not exist")
    if any(row.countable and row.field.kind not in COUNTED for row in rows):
        raise AssertionError("a filter is countable, but stores do not count values of its kind")
    return table


_F = FIELDS
# fmt: off
FILTERS = _filters(
    Filter("service",                  "App",                     _F["service"],       ("eq", "neq"),                                "The app acted on, by its id, for example 11770",
           button=1, facet=2, choices=Catalog.APPS, short=("app",)),
    Filter("instance",                 "App instance",            _F["instance"],      ("eq", "neq"),                                "The instance of the app"),
    Filter("user.orgUnit",             "Organizational unit",     _F["org_unit"],      ("eq", "neq", "isset", "isnotset"),           "The organizational unit of the performing user",
           short=("orgunit",)),
    Filter("activity.eventActionType", "Activity type",           _F["event_type"],    ("eq", "neq"),                                "The type of event, for example EVENT_CATEGORY_LOGIN",
           aliases=("activity.eventType",), facet_prefix="event_category_", choices=Catalog.EVENT_CATEGORIES, short=("category", "type")),
    Filter("activity.id",              "Activity ID",             _F["id"],            ("eq",),                                      "The activity's own id",
           countable=False, short=("id",)),
    Filter("activity.impersonated",    "Impersonated activity",   _F["impersonated"],  ("eq",),                                      "Done on behalf of somebody else",
           choices=((True, "Impersonated"), (False, "Not impersonated")), short=("impersonated",)),
    Filter("activity.type",            "Administrative activity", _F["admin"],         ("eq",),                                      "Done as an administrator (true) or not (false)",
           choices=((True, "Administrative"), (False, "Not administrative")), short=("admin",)),
    Filter("activity.takenAction",     "Action taken",            _F["taken_action"],  ("eq", "neq"),                                "Actions taken on it: block, proxy, BypassProxy, encrypt, decrypt, verified, encryptionFailed, protect, verify; null: none",
           nullable=True, choices=(
               ("block", "Blocked"), ("proxy", "Redirected to session control"), ("bypassproxy", "Bypass session control"), ("encrypt", "Encrypted"),
               ("decrypt", "Decrypted"), ("verified", "Verified"), ("encryptionfailed", "Encryption failed"), ("protect", "Protected"),
               ("verify", "Require step-up authentication"), (None, "No action")), short=("taken",)),
    Filter("actionType",               "Activity",                _F["action_type"],   ("contains", "eq", "neq", "isset", "isnotset"), "The specific action: the operation's name, or <appId>:<event type>:<operation>; a part of it without a colon is a part of the operation's name",
           aliases=("activity.actionType",), button=4, short=("action", "operation")),
    Filter("device.type",              "Device type",             _F["device_type"],   ("eq", "neq"),                                "The device: DESKTOP, MOBILE, TABLET, OTHER; null: no value",
           nullable=True, choices=(
               ("desktop", "PC"), ("mobile", "Mobile"), ("tablet", "Tablet"), ("other", "Other"), (None, "No value")), short=("device",)),
    Filter("device.tags",              "Device tags",             _F["device_tag"],    ("eq", "neq"),                                "Device tag ids",
           short=("devicetag",)),
    Filter("userAgent.userAgent",      "User agent",              _F["user_agent"],    ("contains", "ncontains"),                    "The user agent as it was sent",
           short=("agent",)),
    Filter("userAgent.tags",           "User agent tags",         _F["agent_tag"],     ("eq", "neq"),                                "User agent tag ids; 000000000000000000000000 is a native client",
           choices=Catalog.AGENT_TAGS, short=("agenttag",)),
    Filter("location.country",         "Country",                 _F["country"],       ("eq", "neq", "isset", "isnotset"),           "The country it came from, ISO 3166-1 alpha-2",
           button=5, facet=4, choices=Catalog.COUNTRIES, short=("country",)),
    Filter("location.organizations",   "Registered ISP",          _F["organization"],  ("eq", "neq", "isset", "isnotset", "contains"), "The organization (the registered ISP) it came from",
           short=("isp",)),
    Filter("ip.address",               "IP address",              _F["ip"],            ("eq", "startswith", "doesnotstartwith", "isset", "isnotset", "neq"), "The IP addresses it came from; eq and neq also take CIDR",
           button=3, facet=5, short=("ip",)),
    Filter("fileSelector",             "File or folder",          _F["file_selector"], ("eq", "neq"),                                "Ids and names of its files and folders",
           short=("file",)),
    Filter("office365url",             "Microsoft 365 URL",       _F["url"],           ("startswith", "eq", "endswith"),             "Its Microsoft 365 URLs",
           short=("url",)),
    Filter("fileId",                   "File ID",                 _F["file_id"],       ("eq",),                                      "Ids of its files"),
    Filter("ip.category",              "IP category",             _F["ip_category"],   ("eq", "neq"),                                "The category of its subnet: 1 corporate, 2 administrative, 3 risky, 4 VPN, 5 cloud provider, 6 other",
           choices=(
               (0, "None"), (1, "Corporate"), (2, "Administrative"), (3, "Risky"), (4, "VPN"), (5, "Cloud provider"), (6, "Other")), short=("ipcategory",)),
    Filter("ip.tags",                  "IP tags",                 _F["ip_tag"],        ("eq", "neq"),                                "IP tag ids",
           choices=Catalog.IP_TAGS, short=("iptag",)),
    Filter("text",                     "Free text",               _F["word"],          ("eq", "startswithsingle", "text"),           "Free text in any string of the record",
           countable=False),
    Filter("date",                     "Date",                    _F["date"],          ("lte", "gte", "range", "lte_ndays", "gte_ndays"), "When it happened, ms since the epoch",
           countable=False, button=6),
    Filter("policy",                   "Matched policy",          _F["policy"],        ("eq", "neq", "isset", "isnotset"),           "Ids of the policies it matched"),
    Filter("source",                   "Source",                  _F["source"],        ("eq", "neq"),                                "How it was seen: a type (0 access control, 1 session control, 2 app connector, 3 app connector analysis, 5 discovery, 6 MDATP), a stream (s:<id>), or both (s:<id>,t:<type>)",
           choices=tuple((source_type(number), name) for number, name in (
               (0, "Access control"), (1, "Session control"), (2, "App connector"), (3, "App connector analysis"), (5, "Discovery"), (6, "MDATP")))),
    Filter("activity.alertId",         "Alert",                   _F["alert_id"],      ("eq",),                                      "Ids of the alerts it belongs to",
           short=("alert",)),
    Filter("activityObject",           "Activity object",         _F["object_id"],     ("eq", "neq"),                                "Ids of the objects it touched",
           short=("object",)),
    Filter("fileLabels",               "File labels",             _F["file_label"],    ("eq", "neq"),                                "Label ids of its files",
           short=("filelabel",)),
    Filter("created",                  "Stored",                  _F["created"],       ("lte", "gte", "range", "gt", "lt", "eq"),    "When it was stored, ms since the epoch",
           countable=False, short=("stored",)),
    Filter("entity",                   "Entity",                  _F["entity"],        ("eq", "neq", "isset", "isnotset", "startswith"), "Who performed it, as {id, saas?, inst?}"),
    Filter("user.username",            "User",                    _F["user_name"],     ("eq", "neq", "isset", "isnotset", "startswith"), "The name of the user who performed it",
           button=2, facet=1, short=("user",)),
    Filter("user.tags",                "User groups",             _F["user_tag"],      ("eq", "neq", "isset", "isnotset", "startswith"), 'Group ids of the performing user; {"role": 2} asks for those acted on, {"role": 3} for either',
           by_role=((1, (_F["user_tag"],)), (2, (_F["object_tag"],)), (3, (_F["user_tag"], _F["object_tag"]))), short=("group",)),
    Filter("user.domain",              "User domain",             _F["user_domain"],   ("eq", "neq", "isset", "isnotset"),           "The domain of the user who performed it",
           short=("domain",)),
    Filter("session",                  "Session",                 _F["session"],       (),                                           "Ids of the session and of the token or access key that it was done with, as the source gives them"),
    Filter("verb",                     "Verb",                    _F["verb"],          (),                                           "What was done, in one vocabulary for all sources, for example download (docs/sources.md); null: no verb",
           nullable=True, facet=3, choices=Catalog.VERBS),
)
# fmt: on

_BY_NAME = {name: row for row in FILTERS.values() for name in (row.name, *row.aliases)}


def filter_named(name: str) -> Filter:
    """The filter of that name or alias. Raises UnknownFilterError, which suggests the nearest."""
    if name not in _BY_NAME:
        raise UnknownFilterError(name, tuple(_BY_NAME))
    return _BY_NAME[name]


def operator_named(row: Filter, name: str) -> Operator:
    """The operator of that name, case-insensitive. Raises UnsupportedOperatorError if the filter does not take it."""
    if name.lower() not in row.operators:
        raise UnsupportedOperatorError(row.name, name, row.operators)
    return OPERATORS[name.lower()]


def positive(operator: Operator) -> Operator:
    """The operator that this one negates, or the operator itself."""
    return OPERATORS[operator.complement_of] if operator.complement_of else operator


def meaning(operator: Operator, fields: Sequence[Field], values: Sequence[v.Parsed]) -> Predicate:
    """The predicate of `operator` on any of `fields`; a negation is the exact complement of its positive."""
    positively = positive(operator)
    if positively.means is None:
        raise AssertionError(f"{positively.name} means nothing")
    positive_part = p.either(*(positively.means(field, values) for field in fields))
    return p.Not(positive_part) if operator.complement_of else positive_part
