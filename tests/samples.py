"""Telling records and telling requests: where engines, parsers and readers of the specification tend to disagree.

Everything here is raw, as it stands on the wire. No code of the product is used; the tables come from the oracle.

    telling_records()                     records made on purpose
    telling_values(filter, operator)      raw values to ask each with, all of them acceptable
    bad_filters()                         (filters, why) that must be answered 400
    random_record(rng), random_filters(rng, records)
"""

# ruff: noqa: RUF001  the letters that look like others are here to be mistaken for them

import copy
import itertools
from typing import Any

from oracle import ALIASES, DAY, FILTERS, OPERATORS_BY_KIND, check, values_of

NOW = 1_700_000_000_123
LAST_MS = 2**43 - 1
KINDS = tuple(OPERATORS_BY_KIND)

# --- Values that stand in records, and are asked for --------------------------------------------------------------------

LONG_TEXTS = [
    "x" * 7_999 + "ΣΑ tail",  # cut between the two, after lower-casing: the sigma is no final one
    "y" * 7_998 + "zend",  # cut before "nd"
    "İ" * 8_000 + "tail",  # lower case is twice as long: the cut comes after it
    "e\u0301" * 8_001 + "tail",  # composed letters count
    "ab " * 3_000 + "omega",
    "alpha " + "w" * 256 + "vvv beta",
    "alpha " + "w" * 256 + " beta",
    "alpha " + "w" * 255 + " beta",
    "/a/" + "d/" * 4_000 + "leaf",
]

TEXTS = [
    "Jose\u0301",
    "Jos\u00e9",
    "J\u030c\u01c4",
    "\u212bngstro\u0308m",
    "alpha",
    "Alpha",
    "ALPHA",
    "alpha beta",
    "beta alpha",
    "Alpha Beta Gamma",
    "alphabet",
    "alpha_beta",
    "alpha-beta, gamma!",
    " alpha ",
    " ",
    "null",
    "true",
    "0",
    "11161",
    "007",
    "İstanbul",
    "istanbul",
    "i\u0307stanbul",
    "ISTANBUL",
    "ısparta",
    "ISPARTA",
    "isparta",
    "Straße",
    "STRASSE",
    "STRAẞE",
    "ΟΔΟΣ",
    "οδος",
    "οδοσ",
    "ΟΔΟΣΑ ΟΔΟΣ",
    "Σ",
    "café",
    "cafe\u0301",
    "CAFÉ",
    "Привет Мир",
    "ПРИВЕТ",
    "東京タワー",
    "東京 タワー",
    "𐐀𐐨 Deseret",
    "smile 😀 there",
    "ﬁle ﬂow",
    "\u212aelvin \u212bngstrom",
    "ǅungla",
    "²³ ½ ٣",
    "nıo\u200dx y",
    "\ufeffbom",
    "a\u00a0b",
    "a\u0000b",
    "line\nnext\tend\r\n",
    "\n",
    "\u2028sep\u0085",
    '^a.*b+c?(d)[e]{2}|f$\\g/&~<h>"@#-i$',
    ".*",
    "a*b?",
    "100%",
    "a%b_c",
    "aXbYc",
    "a\\b",
    "\\",
    "'; --",
    '"alpha beta"',
    "alpha AND beta OR NOT gamma",
    "[a TO z]",
    "name:value",
    "alpha~2 +beta -gamma",
    "\ud800",
    "a\udc00b",
    "\ud83d\ude00",
    "\ufffd",
    "a\ufffdb",
    "ends with Σ\udc00",
    *LONG_TEXTS,
]

PATHS = [
    *("/", "//", "/a", "/a/", "/A", "/a/b", "/A/B/", "/a/bc", "/ab", "/a//b", "a", "a/b", "a/b/", "a/b/c", "a/bc"),
    *("/İ/x", "/i\u0307/x/y", "/straße/ß", "/STRASSE", "/a%/b_", "/a.*/b", "/a\\/b", "OU=x,DC=y/z", "Contoso Ltd"),
    *TEXTS,
]

URLS = [
    "https://contoso.sharepoint.com",
    "https://contoso.sharepoint.com/",
    "HTTPS://CONTOSO.sharepoint.com/Sites/A",
    "https://contoso.sharepoint.com/sites/a/",
    "https://contoso.sharepoint.com/sites/ab",
    "https://contoso.sharepoint.com/sites/a/b c.docx",
    "https://contoso.sharepoint.com/sites/a/İ.docx",
    "https://contoso.sharepoint.com/sites/a/Straße.docx?x=.*&y=[1]#f",
    "http://x",
    "http://",
    "hTTp://\udc00",
    "http:/x",
    "https:x",
    "httpx://x",
    "ftp://x",
    " https://x",
    "xhttps://x",
    "https://x/" + "p/" * 4_500 + "leaf.docx",
    *("alpha", " ", "\\\\server\\share", "\n"),
]

ADDRESSES = [
    *(
        "1.2.3.4",
        "1.2.3.40",
        "1.2.3.5",
        "11.2.3.4",
        "10.0.0.0",
        "10.255.255.255",
        "11.0.0.0",
        "0.0.0.0",
        "255.255.255.255",
    ),
    *("1.2.3.4:443", "[1.2.3.4]", "[1.2.3.4]:443", "::ffff:1.2.3.4", "::FFFF:0102:0304", "[::ffff:1.2.3.4]:80"),
    *("2001:DB8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", "[2001:db8::1]", "[2001:db8::1]:8080", "2001:db8:1::"),
    *("2001:db8::1:0:0:1", "2001:db8::A", "::", "::1", "fe80::1", "fe80::1%eth0", "[fe80::1%25]:80", "::1.2.3.4"),
    *("64:ff9b::1.2.3.4", "::fffe:1.2.3.4", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]
NO_ADDRESSES = [
    *(
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "999.1.1.1",
        "garbage",
        "1.2.3.4/32",
        "1.2.3.4 ",
        " 1.2.3.4",
        "[1.2.3.4",
        "1.2.3.4]",
    ),
    *(
        "[]",
        ":::",
        "1.2.3.4:",
        "1.2.3.4:http",
        "2001:db8::1:zz",
        "16909060",
        "0x1020304",
        "١.2.3.4",
        "::ffff:1.2.3.999",
    ),
    *("%", "\n", "\ud800", "1.2.3.4,5.6.7.8", "9" * 9_000),
]

IDS = [
    *(
        "a1",
        "A1",
        "a",
        "a1b",
        "a1B2",
        "ab",
        " a1",
        "a1 ",
        "a,b",
        "a|b",
        "0",
        "1",
        "2",
        "11161",
        "011161",
        "11161.0",
        "-5",
    ),
    *("000000000000000000000000", "000000000000000000000001", "000000000000000000000002", "5f01dbbc68df27c17aa6ca81"),
    *("3fa9f28b-eb0e-463a-ba7b-8089fe9991e2", "3FA9F28B-EB0E-463A-BA7B-8089FE9991E2"),
    *("user@example.com", "User@Example.com", "x_example.com#EXT#@t.onmicrosoft.com", "null", "true"),
    *(
        "İd",
        "i\u0307d",
        "Straße",
        "STRASSE",
        "é",
        "e\u0301",
        "ΟΔΟΣ",
        "οδος",
        "Мир",
        "東京",
        "😀",
        "\ufffd",
        "\ud800",
        "a\udc00",
    ),
    *("a.*", "a?", "a*", "a%", "a_", "a\\", '"a"', "a\nb", "a\u0000b", "(a)", "[a]", "^a$", "a~", "a/b", "a b"),
    *(0, 1, 2, 5, -5, 11161, 2**53, 2**53 + 1, 2**63 - 1, 2**64 + 5),
    *("9007199254740992", "9007199254740993", "18446744073709551621", "k" * 8_001, "k" * 4_096, "k" * 4_095 + "K"),
]

WHOLES = [
    *(0, 1, -1, 2, 3, 4, 5, 6, 7, 10, 100, 15600, 11161, 11770, 20893, -11161),
    *(2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63 - 2, -(2**63)),
    *("0", "1", "-1", "007", "11161", "9223372036854775807", "-9223372036854775808", 1.0, 11161.0, -0.0, -3.0, 1e18),
]
NO_WHOLES = [
    *("", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "1_000", "١", "--1", "-", "NaN", "alpha", "9" * 5_000, "0" * 5_000),
    *(1.5, -0.1, 1e300, 2**63, -(2**63) - 1, 2**64 + 5, "9223372036854775808", True, False, 9223372036854775808.0),
]

CHOICES = [
    *("DESKTOP", "desktop", "Mobile", "MOBILE", "TABLET", "OTHER", "Other", "block", "Block", "proxy", "BypassProxy"),
    *("encrypt", "decrypt", "verified", "encryptionFailed", "protect", "verify", "none", " DESKTOP", "DESKTOP ", "a.*"),
    *("DİSK", "Straße", "\ud800", " ", "DESKTOPS"),
]

FLAGS = [True, False, "true", "false", "True", 1, 0, 1.0, None, "", [True], {"value": True}, "yes"]

SOURCES = [0, 1, 2, 3, 5, 6, 7, -1, 12, 2.0, "2", "02", "3", "t:2", "s:x", "", " 2", 2.5, True, 2**63]
STREAMS = ["x", "X", "2", 2, "t:2", "x y", "s:x", "İ", "a.*", "x\ny", "\ud800", "=", ":"]

NAMES = [
    *(
        "user@example.com",
        "User@Example.COM",
        "user@example.com.evil",
        "a@b@example.com",
        "user@",
        "@example.com",
        "@",
        "@@",
    ),
    *(
        "user",
        "x_gmail.com#EXT#@t.onmicrosoft.com",
        "a@İ.com",
        "a@i\u0307.com",
        "a@STRASSE.de",
        "a@straße.de",
        "a@ΟΔΟΣ",
    ),
    *("a@b c", "a@\ud800", "a@.*", "a@ example.com", "a\n@b\n", "DOMAIN\\user", "a@" + "d" * 4_000),
    *TEXTS,
]

COUNTRIES = ["IL", "il", "NL", "DE", "Il", "ıl", "İL", "ILL", "I", *TEXTS]

# Anything but what a field should hold. Here a text is right only where a text should be, a list where a list should be.
WRONG = [
    *(None, "", [], {}, 0, 1, True, False, 1.5, 7.0, ["alpha"], [["alpha"]], {"id": "alpha"}, {"0": "alpha"}, [None]),
    *([""], [{}], [None, "", 5, True, 1.5, "alpha", {"id": "a1"}, ["a1"]], "alpha", {"alpha": {"beta": ["gamma"]}}),
]

TIMES = [
    *(0, 1, 999, 1_000, 1_595_096_313_000, 2**31, 2**32 + 1, LAST_MS - 1, LAST_MS),
    *(NOW + days * DAY + off for days in (-365, -30, -7, -1, 0, 1) for off in (-1, 0, 1)),
    *(NOW - DAY // 2, NOW - DAY // 2 - 1, NOW - DAY * 3 // 2, NOW - DAY * 3 // 2 + 1, NOW - DAY // 10),
]

OBJECTS = [
    {},
    {"id": "a1"},
    {"id": "A1", "role": 4},
    {"id": "a1", "role": "2", "tags": ["g1", "a1"], "saasId": 11161, "instanceId": 0},
    {"id": "a1", "role": 4, "tags": ["g2"], "saasId": "11161", "instanceId": "1"},
    {"id": "a1b", "role": 2, "saasId": 20893},
    {"id": "a1", "role": 1, "tags": ["g1", "G1", 5, None, ""]},
    {"id": "a1", "role": "1", "tags": ["g3"]},
    {"id": "a1", "role": 3, "tags": "g1"},
    {"id": "a1", "role": None, "tags": ["g4"]},
    {"id": "a1", "role": "owner", "tags": ["g5", "a1"]},
    {"id": "a1", "role": 24, "tags": ["g2"]},
    {"id": "a1", "role": True, "tags": ["g6"]},
    {"id": "a1", "role": [2], "tags": {"0": "g7"}},
    {"tags": ["g8", 5, 5.0, "5"]},
    {"role": 4, "name": "no id here", "saasId": 11161},
    {"id": None, "role": 2},
    {"id": "", "role": 2},
    {"id": {"id": "a1", "saas": 11161, "inst": 0}, "role": 2},
    {"id": 5, "role": 2, "saasId": 11161.0},
    {"id": 11161, "role": 4, "saasId": -1, "instanceId": -5},
    {"id": True, "role": 4},
    {"id": 5.0, "role": 4},
    {"id": "İd", "role": 2, "saasId": True, "instanceId": "x"},
    {"id": "a.*", "role": 2, "saasId": [11161], "instanceId": None},
    {"id": "\ud800", "role": 4, "name": "\ud800"},
    {"id": "f1", "objType": 3, "name": "Report.docx", "labels": ["l1", "l2", 5]},
    {"id": "F1", "objType": "3", "name": "report.DOCX", "labels": ["L1"]},
    {"id": "f2", "objType": 4, "name": "Folder A", "labels": ["l3"]},
    {"id": "F2", "objType": "4", "name": "FOLDER a"},
    {"id": "f3", "serviceObjectType": "File", "name": "İ.docx", "labels": ["l1"]},
    {"id": "f4", "serviceObjectType": "Google FILE", "name": "Straße.pdf", "labels": "l1"},
    {"id": "f5", "serviceObjectType": "OneDrive Folder", "name": "/a/b", "labels": ["l4"]},
    {"id": "f6", "serviceObjectType": "folder", "objType": 3, "name": "both"},
    {"id": "f7", "serviceObjectType": "file", "objType": 4, "name": "both", "labels": ["both"]},
    {"id": "f8", "serviceObjectType": "FİLE", "name": "Turkish", "labels": ["l5"]},
    {"id": "f9", "serviceObjectType": ["File"], "objType": [3], "name": "listed", "labels": ["l6"]},
    {"id": "f10", "objType": True, "name": "type is true", "labels": ["l7"]},
    {"id": "f11", "objType": 30, "name": "type is thirty", "labels": ["l8"]},
    {"id": "f12", "objType": 3, "name": ["n"], "labels": [None, "", "l9", ["l10"], {"id": "l11"}, 1.5]},
    {"id": 5, "objType": 3, "name": 5},
    {"objType": 3, "name": "file without id"},
    {"id": "", "objType": 3, "name": ""},
    {
        "id": "site",
        "objType": 1,
        "name": "https://contoso.sharepoint.com/sites/a/",
        "serviceObjectType": "OneDrive Site Collection",
    },
    {"id": "f13", "objType": 3, "name": "HTTPS://contoso.sharepoint.com/sites/a/b%20c.docx"},
    {"id": "f14", "objType": 3, "name": "a.*b[c](d)?.txt", "labels": ["l.*"]},
    {"id": "k" * 8_001, "objType": 3, "name": "n" * 8_001 + "tail", "labels": ["k" * 8_001]},
]

OBJECTS_THAT_ARE_NONE = [None, "a1", 5, True, ["a1"], [{"id": "a1", "role": 2}]]

ENTITIES = [
    None,
    {},
    {"displayName": "No id"},
    {"displayName": "Jane", "id": {"id": "a1", "saas": 11161, "inst": 0}, "resolved": True},
    {"displayName": "Jane", "id": {"id": "A1", "saas": 11161, "inst": 0}},
    {"id": {"id": "a1", "saas": "11161", "inst": "1"}},
    {"id": {"id": "a1b", "saas": 20893, "inst": 0}},
    {"id": {"id": "a1"}},
    {"id": {"id": "a1", "saas": None, "inst": None}},
    {"id": {"id": "11161", "saas": -1, "inst": 2.0}},
    {"id": {"id": 11161, "saas": "x", "inst": True}},
    {"id": {"id": "", "saas": 11161, "inst": 0}},
    {"id": {"saas": 11161, "inst": 0}},
    {"id": {"id": ["a1"], "saas": [11161]}},
    {"id": "a1"},
    {"id": ["a1"]},
    {"id": {"id": "user@example.com", "saas": 11161, "inst": 0}},
    {"id": {"id": "İd", "saas": 0, "inst": 0}},
    {"id": {"id": "a.*\n\\", "saas": 0, "inst": 0}},
    "a1",
    5,
    ["a1"],
]

ENTITY_DATA = [
    {},
    *({place: one, "1": None} for place in ("0", "2") for one in ENTITIES),
    {"1": ENTITIES[3], "3": ENTITIES[3]},  # neither 0 nor 2
    {"0": ENTITIES[4], "1": None, "2": ENTITIES[6]},
    {
        "0": {"id": {"id": "a1", "saas": 1, "inst": 1}},
        "2": {"id": {"id": "ab", "saas": 2, "inst": 2}},
    },  # no one is both
    [],
    [ENTITIES[3]],
    [None, ENTITIES[3]],
    [None, None, ENTITIES[3], ENTITIES[4]],
    [ENTITIES[6], ENTITIES[16], ENTITIES[5]],
]

# --- Where they stand ---------------------------------------------------------------------------------------------------

# (path, whether a list stands there, what may). Of the chains ("else") the second and third parts are FALLBACKS.
PLACES: list[tuple[str, bool, list]] = [
    ("appId", False, [*WHOLES, *NO_WHOLES]),
    ("saasId", False, [*WHOLES, *NO_WHOLES]),
    ("srcAppId", False, [*WHOLES, *NO_WHOLES]),
    ("instanceId", False, [*WHOLES, *NO_WHOLES]),
    ("resolvedActor.instanceId", False, [*WHOLES, *NO_WHOLES]),
    ("user.orgUnit", False, PATHS),
    ("eventTypeName", False, ["EVENT_CATEGORY_LOGIN", *TEXTS]),
    ("mainInfo.type", False, ["failedLogin", *TEXTS]),
    ("eventTypeValue", False, ["EVENT_AAD_LOGIN", *TEXTS]),
    ("mainInfo.rawOperationName", False, ["OAuth2:Authorize", *TEXTS]),
    ("session", False, IDS),
    ("sessionIds", True, IDS),
    ("isImpersonated", False, FLAGS),
    ("isAdminOperation", False, FLAGS),
    ("takenActions", True, CHOICES),
    ("userAgent.deviceType", False, [*CHOICES, "null", "NULL"]),
    ("device.tags", True, IDS),
    ("device.userAgent", False, TEXTS),
    ("userAgent.tags", True, IDS),
    ("location.countryCode", False, COUNTRIES),
    ("device.countryCode", False, COUNTRIES),
    ("location.organizationSearchable", False, PATHS),
    ("device.clientIP", False, [*ADDRESSES, *NO_ADDRESSES]),
    ("internals.otherIPs", True, [*ADDRESSES, *NO_ADDRESSES]),
    ("rawDataJson.ObjectId", False, URLS),
    ("rawDataJson.SiteUrl", False, URLS),
    ("rawDataJson.SourceRelativeUrl", False, ["Documents", "Documents/a", *TEXTS]),
    ("rawDataJson.SourceFileName", False, ["iban example.docx", *TEXTS]),
    ("rawDataJson.ListItemUniqueId", False, IDS),
    ("rawDataJson.Site", False, IDS),
    ("location.category", False, [*WHOLES, *NO_WHOLES]),
    ("location.ipTags", True, IDS),
    ("policies", True, IDS),
    ("source", False, SOURCES),
    ("streamId", False, STREAMS),
    ("alertIds", True, IDS),
    ("user.userName", False, NAMES),
    ("failedUserData.userName", False, NAMES),
    ("resolvedActor.name", False, NAMES),
    ("user.userTags", True, ["g1", "G1", "g2", "g3", "g4", "g5", "g8", *IDS]),
    ("resolvedActor.id", False, IDS),
    ("resolvedActor.saasId", False, [*WHOLES, *NO_WHOLES]),
    ("resolvedActorAccount.id", False, IDS),
    ("resolvedActorAccount.saasId", False, [*WHOLES, *NO_WHOLES]),
    ("resolvedActorAccount.instanceId", False, [*WHOLES, *NO_WHOLES]),
    ("description", False, TEXTS),
    ("verb", False, ["download", "sign-in", *CHOICES]),
]

FALLBACKS = (
    *("saasId", "resolvedActor.instanceId", "device.countryCode", "failedUserData.userName", "resolvedActor.name"),
    *("internals.otherIPs", "resolvedActorAccount.id"),
)
AHEAD = ("appId", "instanceId", "location.countryCode", "user.userName", "failedUserData.userName", "device.clientIP")

CONTAINERS = (
    *("user", "mainInfo", "device", "userAgent", "location", "internals", "rawDataJson", "resolvedActor"),
    *("resolvedActorAccount", "failedUserData", "entityData"),
)


def record_of(name: str, number: int = 0, **more: Any) -> dict:
    """The least that a record has."""
    when = TIMES[number % len(TIMES)]
    bare = {"_id": name, "uid": name, "timestamp": when, "created": TIMES[(number * 7 + 3) % len(TIMES)]}
    return bare | {"appId": 11161, "entityData": {}} | more


def put(record: dict, path: str, value: Any) -> None:
    *folders, leaf = path.split(".")
    for folder in folders:
        record = record.setdefault(folder, {})
    record[leaf] = copy.deepcopy(value)


# --- Records made on purpose --------------------------------------------------------------------------------------------


def telling_records() -> list[dict]:
    records = [
        *_whole_records(),
        *_records_at_times(),
        *_records_with_ids(),
        *_records_of_one_value(),
        *_records_of_all_places("all", skipped=()),
        *_records_of_all_places("fallback", skipped=("appId", "instanceId", "location.countryCode", "user.userName")),
        *_records_of_all_places("last", skipped=AHEAD),
        *_records_with_wrong_values(),
        *_records_with_objects(),
        *_records_for_words(),
    ]
    assert len({record["_id"] for record in records}) == len(records)
    return records


def _whole_records() -> list[dict]:
    """Two in the shape of real ones."""
    preview = record_of("97134000_15600_97ee2049-893e-4c9d-a312-08d82b46faf7", 4, appId=15600, saasId=15600, source=2)
    preview |= {
        "srcAppId": 11161,
        "eventTypeName": "EVENT_CATEGORY_UNSPECIFIED",
        "eventTypeValue": "EVENT_O365_ONEDRIVE_GENERIC",
        "device": {"clientIP": "8.8.8.8", "countryCode": "IL", "userAgent": "OneDriveMpc-Transform_Thumbnail/1.0"},
        "entityData": {"0": ENTITIES[16], "1": None, "2": ENTITIES[3]},
        "internals": {"otherIPs": ["8.8.8.8", "2001:db8::8"]},
        "location": {"category": 0, "countryCode": "IL", "organizationSearchable": "Cellcom Group"},
        "mainInfo": {
            "eventObjects": [OBJECTS[43], OBJECTS[3], OBJECTS[26], OBJECTS[6]],
            "rawOperationName": "FilePreviewed",
            "type": "basic",
        },
        "rawDataJson": {
            "ListItemUniqueId": "141133f2-6710-4f65-9c3b-c840a8d71483",
            "Site": "cac4b654-5fcf-44f0-818e-479cf8ae42ac",
            "ObjectId": "https://contoso.sharepoint.com/personal/a/Documents/iban example.docx",
            "SiteUrl": "https://contoso.sharepoint.com/personal/a/",
            "SourceRelativeUrl": "Documents",
            "SourceFileName": "iban example.docx",
        },
        "resolvedActor": {"id": "a1", "instanceId": "0", "saasId": "11161", "name": "Jane Doe", "role": "4"},
        "user": {"userName": "jane@example.com", "userTags": ["g1", "g2"]},
        "userAgent": {"deviceType": "OTHER", "tags": ["000000000000000000000000"]},
    }
    failed = record_of("d1b3c191a5563edfbce3f11cad83155cf31552f6f0b40184b423f38e0c39f536", 8, source=2, srcAppId=11161)
    failed |= {
        "eventTypeName": "EVENT_CATEGORY_FAILED_LOGIN",
        "eventTypeValue": "EVENT_AAD_LOGIN_FAILED",
        "entityData": [ENTITIES[16], ENTITIES[3]],
        "failedUserData": {"userName": "John_example.com#EXT#@T.onmicrosoft.com"},
        "device": {"clientIP": "1.2.3.4", "countryCode": "DE"},
        "location": {"category": 5, "ipTags": ["000000290000000000000000"]},
        "mainInfo": {"rawOperationName": "OAuth2:Authorize", "type": "failedLogin"},
        "user": {"userTags": []},
    }
    return [preview, failed]


def _records_at_times() -> list[dict]:
    both = [(when, TIMES[-place - 1]) for place, when in enumerate(TIMES)]
    return [record_of(f"time {when}", timestamp=when, created=created) for when, created in both]


def _records_with_ids() -> list[dict]:
    """Ids that are equal but for case, prefixes of each other, or full of signs."""
    texts = [one for one in IDS if type(one) is str and len(one) < 100 and not _has_surrogate(one)]
    return [record_of(one, place) for place, one in enumerate(texts)]


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _records_of_one_value() -> list[dict]:
    """Each place alone in its record; lists with one value, with several, and with things that are none."""
    records = []
    for path, many, pool in PLACES:
        one, two = pool[0], pool[5 % len(pool)]
        shapes = [[one], [two, one], [one, one], [None, "", two, {}, True]] if many else [one, two]
        for shape in shapes:
            records.append(record_of(f"only {path} {len(records)}", len(records)))
            put(records[-1], path, shape)
    return records


def _records_of_all_places(name: str, *, skipped: tuple[str, ...]) -> list[dict]:
    """Every value of every place, packed: the n-th record holds the n-th value of each place, turned a little."""
    records = []
    for number in range(max(len(pool) for _, _, pool in PLACES)):
        record = record_of(f"{name} {number}", number, entityData=ENTITY_DATA[number % len(ENTITY_DATA)])
        for turn, (path, many, pool) in enumerate(PLACES):
            value = pool[(number + turn) % len(pool)]
            several = [value, pool[(number + turn + 7) % len(pool)]][: 1 + number % 2]
            if path not in skipped:
                put(record, path, several if many else value)
        records.append(record)
    return records


def _records_with_wrong_values() -> list[dict]:
    records = []
    for number, wrong in enumerate(WRONG):
        record = record_of(f"wrong everywhere {number}", number, entityData=wrong)
        ahead = record_of(f"wrong ahead {number}", number)
        for path, many, pool in PLACES:
            put(record, path, wrong)
            put(
                ahead,
                path,
                wrong if path in AHEAD else [pool[number % len(pool)]] if many else pool[number % len(pool)],
            )
        records += [record, ahead]
    for number, wrong in enumerate(
        [None, "alpha", "", [], ["alpha"], [{"id": "a1", "userName": "alpha"}], 7, True, {}]
    ):
        records.append(record_of(f"wrong containers {number}", number, **dict.fromkeys(CONTAINERS, wrong)))
        records.append(record_of(f"wrong objects {number}", number, mainInfo={"eventObjects": wrong}))
    odd = record_of("wrong single objects", mainInfo={"eventObjects": [*OBJECTS_THAT_ARE_NONE, OBJECTS[26]]})
    keyed = record_of("objects by key", mainInfo={"eventObjects": {"0": OBJECTS[3]}})
    return [*records, odd, keyed]


def _records_with_objects() -> list[dict]:
    alone = [[one] for one in OBJECTS]
    pairs = [[one, OBJECTS[(place * 5 + 1) % len(OBJECTS)]] for place, one in enumerate(OBJECTS)]
    triples = [OBJECTS[place : place + 3] for place in range(0, len(OBJECTS), 4)]
    several = [*alone, *pairs, *triples, OBJECTS]
    records = [record_of(f"objects {n}", n, mainInfo={"eventObjects": objects}) for n, objects in enumerate(several)]
    records += [record_of(f"entity {n}", n, entityData=data) for n, data in enumerate(ENTITY_DATA)]
    actors = [
        {"id": "a1", "saasId": "11161", "instanceId": "0"},
        {"id": "A1", "saasId": 11161, "instanceId": 1},
        {"id": 5, "saasId": 11161.0},
        {"id": "a1b"},
        {"saasId": "11161"},
        {"name": "alpha"},
    ]
    for number, actor in enumerate(actors):
        records.append(record_of(f"actor {number}", number, resolvedActor=actor))
        records.append(record_of(f"account {number}", number, resolvedActorAccount=actor))
    tagged = itertools.product(([], ["g1"], ["g9", "g1"]), (1, "2", 3, "4", None))
    for number, (tags, role) in enumerate(tagged):
        objects = [{"id": "o", "role": role, "tags": ["g1", "g2"]}]
        records.append(record_of(f"tags {number}", user={"userTags": tags}, mainInfo={"eventObjects": objects}))
    return records


def _records_for_words() -> list[dict]:
    bodies: list[Any] = [
        {"one": "alpha", "two": "beta"},  # next to each other, but not in one string
        ["alpha", "beta"],
        "alpha beta",
        "beta alpha",
        "alpha, (beta)",
        "alpha_beta",
        "alphabeta",
        "alpha beta gamma",
        "alpha x beta",
        "ALPHA BETAMAX",
        {"alpha": 1, "beta": None, "gamma": True},  # keys are not searched
        {"deep": [[{"er": ["alpha", {"est": "quokka"}]}]]},
        {"Key": "quokka", "key": "wombat"},
        {"number": 11161, "flag": True},
        "11161",
        "",
        "...",
        "quokka" + "q" * 250,
        "q" * 256 + "a",
        "q" * 255,
        "start " + "long " * 5_000 + "finish",
        *UNSPACED,
    ]
    return [record_of(f"0 {n}", n, rawDataJson={"body": body}) for n, body in enumerate(bodies)]


# --- Values to ask with -------------------------------------------------------------------------------------------------

_SIGNS = list(".*+?()[]{}|^$\\/&~<>\"@#-%_'\n\u0000 ,:=!")

_PIECES = [
    *(
        "",
        *_SIGNS,
        "a",
        "A",
        "alph",
        "ALPHA BETA",
        "pha b",
        "BETA",
        "tail",
        "end",
        "zen",
        "zend",
        "yyyz",
        "omega",
        "leaf",
    ),
    *(
        "i",
        "I",
        "İ",
        "i\u0307",
        "ı",
        "\u0307",
        "istan",
        "İSTAN",
        "ß",
        "ẞ",
        "ss",
        "SS",
        "straß",
        "σ",
        "ς",
        "Σ",
        "οδο",
        "ΟΔΟ",
    ),
    *(
        "é",
        "É",
        "e\u0301",
        "e",
        "\u0301",
        "при",
        "МИР",
        "京",
        "タ",
        "😀",
        "𐐨",
        "𐐀",
        "k",
        "\u212a",
        "å",
        "ﬁ",
        "fi",
        "ǆ",
        "Ǆ",
    ),
    *(
        "\udc00",
        "\ufffd",
        "\ud83d\ude00",
        "x" * 4_096,
        "xς",
        "xσ",
        "w" * 256,
        "a.*b",
        "^a",
        "2}|f$\\g/&",
        "a%",
        "a_",
        "_b",
    ),
    *(
        "EVENT_category_LOGIN",
        "event",
        "login",
        "FAILEDLOGIN",
        "OAuth2:Authorize",
        "11161:EVENT_AAD_LOGIN:OAuth2:Authorize",
    ),
    *("11161:", "2:EVENT_AAD_LOGIN_FAILED:oauth2:authorize", "11161:EVENT_AAD_LOGIN_FAILED:OAUTH2:authorize"),
    *(
        "REPORT.docx",
        "report",
        "folder A",
        "F1",
        "f2",
        "f7",
        "both",
        "5",
        "docx",
        "141133f2-6710-4f65-9c3b-c840a8d71483",
    ),
    *("cac4b654-5fcf-44f0-818e-479cf8ae42ac|141133F2-6710-4f65-9c3b-c840a8d71483", "example.com", "EXAMPLE.com", "com"),
    *(
        "DESKTOP",
        ".docx",
        "İ.docx",
        "i\u0307.DOCX",
        "straße.pdf",
        "/A/b",
        "a.*b[c](d)?.txt",
        "n" * 4_096,
        "f14",
        "site",
    ),
    *(
        "t.ONMICROSOFT.com",
        "b@example.com",
        "@",
        "user@",
        "jane@example.com",
        "john_EXAMPLE",
        "ext",
        "Cellcom group",
        "cell",
    ),
]

UNSPACED = [
    "\u64cd\u4f5c\u4eba\u628a\u6a5f\u5668\u63a8\u8ad6\u6d17\u6210\u6b0a\u5a01\u4e8b\u5be6",  # Han
    "\u6b0a\u5a01 \u4e8b\u5be6",
    "\u3057\u308a\u3068\u308a\u30b5\u30fc\u30d0\u30fc2",  # Hiragana, Katakana and a digit
    "\uff7b\uff70\uff8a\uff9e\uff70",  # half-width Katakana
    "\ub05d\ub9d0\uc787\uae30",  # Hangul
    "\u0e44\u0e1f\u0e25\u0e4c\u0e17\u0e35\u0e48",  # Thai, with marks
    "report\u6771\u4eac.docx",
    "re\u0301sume\u0301 Jose\u0301",  # decomposed
    "r\u00e9sum\u00e9 Jos\u00e9",
    "\uff46\uff55\uff4c\uff4c \ufb01le",  # full width, a ligature
    "\u0939\u093f\u0928\u094d\u0926\u0940",  # Devanagari, with marks
    "J\u030c x\u0301y \u0301z",
]
"""Texts of scripts without spaces, and letters with marks, composed and not (bugs of search: a part of a run is found)."""

_WORDS = [
    *UNSPACED,
    "\u6b0a\u5a01\u4e8b\u5be6",
    "\u6a5f\u5668\u63a8",
    "\u5be6\u4e8b",
    "\u30b5\u30fc\u30d0",
    "\u30fc",
    "\u0e1f\u0e25\u0e4c",
    "\u0e1f\u0e25",
    "\u6771\u4eac report",
    "r\u00e9s",
    "FULL",
    "\u0939\u093f",
    *(
        "",
        " ",
        "...",
        "_",
        "alpha",
        "ALPHA",
        "alph",
        "alpha beta",
        "beta alpha",
        "Alpha, Beta",
        "alpha_beta",
        "alpha bet",
    ),
    *(
        "alpha beta alpha",
        "alpha gamma",
        "betam",
        "quokka",
        "quokk",
        "wombat",
        "Key",
        "body",
        "11161",
        "1116",
        "0",
        "07",
    ),
    *(
        "istanbul",
        "İstanbul",
        "i",
        "stanbul",
        "ısparta",
        "strasse",
        "Straße",
        "STRAẞE",
        "οδος",
        "ΟΔΟΣ",
        "οδοσ",
        "οδο",
        "ΟΔΟΣΑ",
    ),
    *(
        "café",
        "cafe",
        "cafe\u0301",
        "CAFÉ",
        "привет",
        "привет мир",
        "при",
        "東京",
        "東京タワー",
        "タワー",
        "😀",
        "smile there",
    ),
    *(
        "𐐨𐐨",
        "²³",
        "½",
        "٣",
        "AND",
        "not gamma",
        "[a TO z]",
        "name:value",
        "alpha~2",
        "+beta",
        "a*",
        ".*",
        "'",
        '"alpha beta"',
    ),
    *(
        "start long",
        "long finish",
        "finish",
        "tail",
        "omega",
        "ab ab ab omega",
        "w" * 255,
        "w" * 256,
        "w" * 257,
        "w" * 300,
    ),
    *(
        "alpha " + "w" * 300 + " beta",
        "w" * 256 + " beta",
        "alpha " + "w" * 254,
        "q" * 255,
        "q" * 256,
        "q" * 260,
        "q" * 4_096,
    ),
    *(
        "user example com",
        "com user",
        "jane",
        "a\udc00b",
        "a\ufffdb",
        "a b",
        "line next end",
        "97ee2049-893e",
        "https contoso",
    ),
]

_TOPS = [
    "/a/b/c",
    "/a/b//",
    "/A",
    "a/",
    "///",
    "",
    "https://contoso.sharepoint.com/sites",
    "HTTPS://contoso.SHAREPOINT.com//",
    "http:",
]

_NETWORKS = [
    *(
        "1.2.3.0/24",
        "1.2.3.4/32",
        "1.2.3.4/24",
        "1.2.3.4/31",
        "10.0.0.0/8",
        "10.1.2.3/8",
        "0.0.0.0/0",
        "::/0",
        "8.8.8.8",
    ),
    *(
        "2001:db8::/32",
        "2001:DB8::1/128",
        "2001:db8::1/127",
        "fe80::/10",
        "fe80::1%eth1",
        "::ffff:0:0/96",
        "::ffff:1.2.3.0/120",
    ),
    *("::FFFF:10.0.0.0/104", "::ffff:0:0/95", "::/96", "64:ff9b::/96", "2001:db8::8"),
]

_ADDRESS_PIECES = [
    *(
        "",
        "1",
        "1.2.3.4",
        "1.2.3.",
        ".4",
        "2001:",
        "2001:DB8",
        "::",
        ":",
        "::1",
        "ffff",
        "::ffff:",
        "db8::a",
        "0db8",
        "[",
        "]",
        "%",
    ),
    *("443", "fe80", ".*", "1.2.3.4/32", "garbage", "x", "2001:db8::1", "0.0.0.0"),
]

_ENTITIES = [
    *("a1", "A1", "a", "", 5, "5", 11161, "user@example.com", "İd", "a.*", "k" * 4_096, "\ud800"),
    {"id": "a1"},
    {"id": "a1", "saas": 11161, "inst": 0},
    {"id": "a1", "saas": "11161", "inst": "0"},
    {"id": "a1", "saas": 11161, "inst": None},
    {"id": "a1", "saas": None, "inst": 1},
    {"id": "a1", "inst": 2},
    {"id": "a1", "saas": 20893},
    {"id": "a1", "saas": 2},
    {"id": "a", "saas": 20893},
    {"id": "", "saas": 11161},
    {"id": 5, "saas": 11161.0},
    {"id": "11161", "saas": -1, "inst": -5},
    {"id": "İd", "saas": 0, "inst": 0},
]

_SOURCES = [
    *(
        0,
        2,
        -1,
        7,
        12,
        "2",
        "02",
        "t:2",
        "t:3",
        "t:-1",
        "6",
        "s:x",
        "s:X",
        "s:2",
        "s:x,t:2",
        "t:2,s:x",
        "s:2,t:2",
        "s:t:2",
    ),
    *("s:s:x", "s:İ", "s:i\u0307", "s:a.*", "s:x\ny", "s:\ud800", "s:x y", "t:5,s:nobody", "s:="),
]

_DAYS = [0, 1, 7, 30, "7", "1", 0.5, "0.5", "1.5", 1.0, 1.5, 0.1, -1, "-1", 365, 19_675, 100_000]

_RANGES = [
    {"start": 0, "end": LAST_MS},
    {"start": NOW},
    {"end": NOW},
    {"start": NOW, "end": None},
    {"start": None, "end": NOW - DAY},
    {"start": NOW, "end": NOW},
    {"start": NOW + 1, "end": NOW},
    {"start": str(NOW - 7 * DAY), "end": float(NOW)},
    {"start": 2, "end": 11161},
    {"start": "-1", "end": 1.0},
    {"start": -(2**63), "end": 2**63 - 1},
]


def _known(pool: list) -> list:
    return [one for one in pool if type(one) is not str or len(one) <= 4_096]


def _singles(name: str, operator: str) -> list:
    """The single values that this operator of this filter can be asked with."""
    kind, _ = FILTERS[name]
    if operator in _BY_OPERATOR:
        return _BY_OPERATOR[operator]
    if kind == "ip" and operator not in ("eq", "neq", "deq"):
        return _ADDRESS_PIECES
    return _SINGLES[kind]


_BOOLEANS = [True, False, "true", "false", "True", "FALSE"]
_BRANCHES = [*_TOPS, *_known(PATHS)[:30], *URLS[:10], "x" * 4_096]

_BY_OPERATOR: dict[str, list] = {
    "isset": _BOOLEANS,
    "isnotset": _BOOLEANS,
    "range": _RANGES,
    "gte_ndays": _DAYS,
    "lte_ndays": _DAYS,
    "descendantof": _BRANCHES,
    "ndescendantof": _BRANCHES,
}

_SINGLES = {
    "int": WHOLES,
    "bool": _BOOLEANS,
    "enumeration": [*CHOICES, None, "null", ""],
    "ip": [*ADDRESSES, *_NETWORKS],
    "id": ["", "g1", "G1", "g2", "g8", "f1", "F1", "f3", "l1", "L1", "l", "l.*", "both", *_known(IDS)],
    "text": [*_PIECES, *_known(TEXTS), *NAMES[:20]],
    "path": [*_PIECES[:90], *_known(PATHS)],
    "url": [
        *_PIECES[:60],
        *_known(URLS),
        *_known(PATHS)[:20],
        "https://contoso.sharepoint.com/personal/a/Documents/iban example.DOCX",
    ],
    "ms": [*TIMES, str(NOW), float(NOW), -1, 2**53],
    "words": _WORDS,
    "entity": _ENTITIES,
    "source": _SOURCES,
}


def telling_values(name: str, operator: str) -> list:
    """Raw values as they stand on the wire: each scalar, and lists of none, one, several and all."""
    singles = _singles(name, operator)
    lists: list = [
        [],
        *([one] for one in singles[:3]),
        singles[:2],
        singles[3:7],
        singles[-3:],
        [singles[0]] * 2,
        singles,
    ]
    if name == "user.tags" and operator not in ("isset", "isnotset"):
        lists += _modified_lists()
    return copy.deepcopy([*singles, *lists])


def _modified_lists() -> list:
    roles = [1, 2, 3, "1", "2", "3", None]
    modifiers = [{"role": role, "adv": True} for role in roles] + [{"adv": True}, {}]
    values = (["g1"], ["g2", 5], ["G1"], ["nobody"], [""])
    return [[modifier, *tags] for modifier in modifiers for tags in values] + [["g1", {"role": 1}, "g3"]]


# --- Requests that must be refused --------------------------------------------------------------------------------------

_WRONG_BY_KIND: dict[str, list] = {
    "int": ["", "x", "1.5", "+1", " 1", "1e3", "0x1", "١", 1.5, True, False, None, {}, [[1]], {"id": 1}],
    "ms": ["", "x", "2020-01-01", 1.5, True, None, {}, [[1]], {"start": 1}],
    "bool": ["", "yes", "1", 1, 0, 1.0, None, {}, [[True]]],
    "enumeration": [1, 0, True, 1.5, {}, [["DESKTOP"]]],
    "id": [True, False, 1.5, 1.0, None, [["a1"]], [None], ["a1", None]],
    "text": [1, 1.5, True, None, {}, {"role": 1}, [["a"]], ["a", 1], ["a", None]],
    "path": [1, True, None, {}, ["a", None], [["a"]]],
    "url": [1, True, None, {}, [["a"]]],
    "words": [1, True, None, {}, [["a"]], ["a", 1]],
    "ip": ["", "garbage", "1.2.3", "1.2.3.4.5", "1.2.3.4/33", "::/129", "1.2.3.4/", "/8", "1.2.3.4/x", "01.2.3.4", 16909060, None, True, {}],
    "entity": [None, True, 1.5, {}, {"saas": 11161}, {"id": None}, {"id": ["a1"]}, {"id": "a1", "role": 1}, {"id": "a1", "saas": "x"}, {"id": "a1", "inst": 1.5}, {"id": "a1", "saas": True}, {"id": {"id": "a1"}}, [["a1"]]],
    "source": ["", "x", "t:", "s:", "t:x", "t:2,", "t:2,t:3", "s:x,t:", "s:x,t:y", "2,3", 1.5, True, None, {}, {"t": 2}, [[2]]],
}  # fmt: skip

_WRONG_BY_OPERATOR: dict[str, list] = {
    "isset": ["", "yes", 1, 0, None, {}, [[True]], ["true", 1]],
    "isnotset": ["no", 1, None, ["x"]],
    "range": [1, "1", None, {}, {"start": None}, {"start": None, "end": None}, {"start": "x"}, {"start": True}, {"start": 1.5}, {"end": [1]}, {"start": 1, "stop": 2}, [[{"start": 1}]], [{"start": 1}, {}]],
    "gte_ndays": ["", "x", None, True, {}, [[1]], "1d"],
    "lte_ndays": ["soon", None, False, [None]],
}  # fmt: skip

_WRONG_MODIFIERS = [
    *({}, {"role": 1}, [{"role": 1}], [{"role": 1, "adv": True}, {"role": 1}], [{"role": 1}, {"role": 2}, "g1"]),
    *([{"role": 0}, "g1"], [{"role": 4}, "g1"], [{"role": "x"}, "g1"], [{"role": True}, "g1"], [{"role": [1]}, "g1"]),
]


def bad_filters() -> list[tuple[Any, str]]:
    """(filters, why)."""
    return copy.deepcopy(
        [
            *_bad_names(),
            *_bad_operators(),
            *_bad_values(),
            *_bad_sizes(),
        ]
    )


def _bad_names() -> list[tuple[Any, str]]:
    names = [
        "",
        "nosuch",
        "Service",
        "SERVICE",
        "service ",
        "ip",
        "ip.Address",
        "activity.eventactiontype",
        "activity.EventType",
    ]
    names += ["appId", "date.gte", "\ud800", "$where", "__class__"]
    shapes = [None, [], ["eq"], "eq", 11161, True, [{"eq": 11161}]]
    return [
        *(({name: {"eq": ["1"]}}, f"unknown filter {name!a}") for name in names),
        *(({"nosuch": {}}, "unknown filter without a condition") for _ in "1"),
        *(({"service": shape}, f"a filter that is {shape!r} and no object") for shape in shapes),
        *(({"service": {"eq": 1}, "nosuch": {"eq": 1}}, "one good filter, one unknown") for _ in "1"),
    ]


def _bad_operators() -> list[tuple[Any, str]]:
    every = [
        *dict.fromkeys(itertools.chain(*OPERATORS_BY_KIND.values())),
        "",
        "eq ",
        "in",
        "regex",
        "is set",
        "$eq",
        "ısset",
    ]
    return [
        ({name: {operator: []}}, f"{name} does not take {operator!r}")
        for name, (kind, documented) in FILTERS.items()
        for operator in every
        if operator not in OPERATORS_BY_KIND[kind] and operator not in documented
    ]


def _bad_values() -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    for name, (kind, _) in FILTERS.items():
        for operator in OPERATORS_BY_KIND[kind]:
            wrong = _WRONG_BY_OPERATOR.get(operator, _WRONG_BY_KIND[kind])
            if kind == "ip" and operator not in ("eq", "neq", "deq", "isset", "isnotset"):
                wrong = _WRONG_BY_KIND["text"]
            found += [({name: {operator: value}}, f"{name} {operator}: {value!r}") for value in wrong]
    for operator in ("eq", "neq", "deq", "startswith", "doesnotstartwith"):
        found += [
            ({"user.tags": {operator: value}}, f"modifier in {operator}: {value!r}") for value in _WRONG_MODIFIERS
        ]
    found += [({"user.tags": {o: [{"role": 1}, True]}}, f"modifier in {o}") for o in ("isset", "isnotset")]
    found += [
        ({name: {"eq": [{"role": 1}, "a1"]}}, f"modifier in {name}") for name in ("ip.tags", "policy", "device.tags")
    ]
    return found


def _bad_sizes() -> list[tuple[Any, str]]:
    texts = [
        name
        for name, (kind, _) in FILTERS.items()
        if kind in ("id", "text", "path", "url", "words", "entity", "enumeration")
    ]
    return [
        *(({name: {"eq": "x" * 4_097}}, f"{name}: a value of 4,097 characters") for name in texts),
        *(({name: {"eq": ["x"] * 1_001}}, f"{name}: 1,001 values") for name in texts),
        ({"service": {"eq": [1] * 1_001}}, "service: 1,001 values"),
        ({"date": {"range": [{"start": 1}] * 1_001}}, "date: 1,001 ranges"),
        ({"entity": {"eq": {"id": "x" * 4_097}}}, "entity: an id of 4,097 characters"),
        ({"user.username": {"contains": ["ok", "x" * 4_097]}}, "user.username: one of two is too long"),
        ({f"f{n}": {} for n in range(65)}, "65 filters"),
    ]


# --- Random ones --------------------------------------------------------------------------------------------------------


def random_record(rng) -> dict:
    """A record with some of the places filled, now and then with what should not be there."""
    name = f"r{rng.getrandbits(64):016x}"
    record = record_of(name, timestamp=_random_time(rng), created=_random_time(rng))
    fullness = rng.choice((0.1, 0.3, 0.6, 0.95))
    for path, many, pool in PLACES:
        if rng.random() < fullness:
            put(record, path, _random_content(rng, many=many, pool=pool))
    if rng.random() < fullness:
        put(record, "mainInfo.eventObjects", rng.choices([*OBJECTS, *OBJECTS_THAT_ARE_NONE], k=rng.randrange(5)))
    if rng.random() < fullness:
        record["entityData"] = copy.deepcopy(rng.choice(ENTITY_DATA))
    return record


def _random_time(rng) -> int:
    return rng.choice(TIMES) if rng.random() < 0.6 else rng.randrange(LAST_MS)


def _random_content(rng, *, many: bool, pool: list) -> Any:
    if rng.random() < 0.08:
        return rng.choice(WRONG)
    if not many:
        return _random_one(rng, pool)
    return [_random_one(rng, pool if rng.random() < 0.9 else WRONG) for _ in range(rng.choice((0, 1, 1, 2, 3)))]


def _random_one(rng, pool: list) -> Any:
    """Mostly one of the first, so that records have values in common; a long one now and then."""
    one = rng.choice(pool[:12] if rng.random() < 0.4 else pool)
    return "alpha" if type(one) is str and len(one) > 4_096 and rng.random() < 0.7 else one


def random_filters(rng, records: list[dict]) -> dict:
    """One to four filters of one to three operators each; most values occur in one and the same record."""
    values = values_of(rng.choice(records))
    names = rng.sample(list(FILTERS), rng.choice((1, 1, 1, 2, 2, 3, 4)))
    filters = {_random_spelling(rng, name): _random_operators(rng, name, values) for name in names}
    check(filters)
    return filters


def _random_spelling(rng, name: str) -> str:
    other = {right: alias for alias, right in ALIASES.items()}.get(name, name)
    return rng.choice((name, other))


def _random_operators(rng, name: str, values: dict) -> dict:
    kind, documented = FILTERS[name]
    operators = OPERATORS_BY_KIND[kind]
    chosen = {
        rng.choice(documented if documented and rng.random() < 0.3 else operators)
        for _ in range(rng.choice((1, 1, 1, 1, 2, 3)))
    }
    ordered = sorted(chosen)  # a set has no order of its own, and the same seed must give the same request
    return {rng.choice((one, one, one.upper())): _random_value(rng, name, one, values) for one in ordered}


def _random_value(rng, name: str, operator: str, values: dict) -> Any:
    pool = telling_values(name, operator)
    if rng.random() < 0.2:
        return rng.choice(pool)
    scalars = [one for one in pool if type(one) is not list]
    drawn = _drawn(rng, name, operator, values) or scalars
    given = [rng.choice(drawn if rng.random() < 0.8 else scalars) for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6)))]
    if name == "user.tags" and operator not in ("isset", "isnotset") and given and rng.random() < 0.5:
        given.insert(rng.randrange(len(given) + 1), {"role": rng.choice((1, 2, 3, "1", "3"))})
    return given[0] if len(given) == 1 and rng.random() < 0.5 else given


def _drawn(rng, name: str, operator: str, values: dict) -> list:
    """What this record holds for this filter, turned into something to ask with."""
    kind, _ = FILTERS[name]
    if operator in ("isset", "isnotset", "gte_ndays", "lte_ndays"):
        return []
    if operator == "range":
        return [
            {"start": one + rng.randint(-1, 1), "end": one + rng.randint(0, 2)} for one in map(_inner, values[name])
        ]
    return [_ASKED.get(kind, _changed)(rng, operator, one) for one in values[name]]


def _inner(number: int) -> int:
    return max(-(2**63) + 2, min(number, 2**63 - 3))


def _changed(rng, operator: str, text: str) -> str:
    """The text, a part of it or a variant of it; one that the operator has a chance with."""
    start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
    parts = {
        "contains": text[start:end],
        "startswith": text[:end],
        "endswith": text[start:],
        "descendantof": text[: text.rfind("/") + 1],
    }
    wanted = operator.removeprefix("n") if operator in ("ncontains", "ndescendantof") else operator
    wanted = {"doesnotstartwith": "startswith", "startswithsingle": "startswith"}.get(wanted, wanted)
    chosen = rng.choice((text, parts.get(wanted, text), parts.get(wanted, text), text + "x"))
    return rng.choice((chosen, chosen, chosen.upper(), chosen.swapcase(), chosen.title()))[:4_096]


def _changed_number(rng, _: str, number: int) -> Any:
    near = _inner(number) + rng.choice((0, 0, 0, 1, -1))
    return rng.choice((near, near, str(near)))


def _changed_address(rng, operator: str, address: Any) -> str:
    if operator not in ("eq", "neq", "deq"):
        return _changed(rng, operator, str(address))
    return rng.choice((str(address), str(address).upper(), f"{address}/{rng.randint(0, address.max_prefixlen)}"))


def _changed_words(rng, operator: str, text: str) -> str:
    words = text.split() or [""]
    start = rng.randrange(len(words))
    phrase = words[start : start + rng.choice((1, 2, 3))]
    if operator == "startswithsingle":
        phrase[-1] = phrase[-1][: rng.randint(1, 8)]
    if operator == "text":
        rng.shuffle(phrase)
    return rng.choice((" ", " ", "-", "_", ", ")).join(phrase)[:4_096]


def _changed_entity(rng, operator: str, entity: tuple) -> Any:
    name, saas, inst = entity
    name = (name[: rng.randint(0, len(name))] if operator.endswith("with") else name)[:4_096]
    every = {"id": name, "saas": saas, "inst": inst if rng.random() < 0.8 else 1}
    return rng.choice((name, {"id": name}, every, {"id": name, "saas": saas}, every | {"saas": str(saas or 0)}))


def _changed_source(rng, _: str, source: tuple) -> Any:
    kind, stream = source
    forms = [] if kind is None else [kind, str(kind), f"t:{kind}"]
    forms += [] if stream is None else [f"s:{stream}"]
    return rng.choice(forms if None in source else [*forms, f"s:{stream},t:{kind}", f"t:{kind + 1},s:{stream}"])


_ASKED = {
    "int": _changed_number,
    "ms": _changed_number,
    "bool": lambda rng, _, flag: rng.choice((flag, str(flag))),
    "ip": _changed_address,
    "words": _changed_words,
    "entity": _changed_entity,
    "source": _changed_source,
}
