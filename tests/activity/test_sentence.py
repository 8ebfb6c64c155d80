"""Sentences over every sample: each says who, what, where and how it ended, and nothing that its record does not."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from casbah.activity.record import strings
from casbah.activity.sentence import MAX_LENGTH, MAX_NAMES, MAX_VALUE, NOTE, WORDINGS, Piece, plain, sentence
from casbah.demo.load import generated_activities, sample_activities
from casbah.ingest.verbs import VERBS
from connectors.samples import csv_files, expected, folders
from making import NOW

ACTED_ON = 5


def account(name: str, kind: int = 21) -> dict[str, Any]:
    return {"objType": kind, "role": ACTED_ON, "part": "target", "id": name, "name": name}


def thing(part: str, *names: str) -> list[dict[str, Any]]:
    return [{"objType": 1, "role": 3, "part": part, "id": f"id of {name}", "name": name} for name in names]


def made(verb: str, *objects: dict[str, Any], success: bool | None = True, **keys: Any) -> dict[str, Any]:
    """A record of Ann's, in Entra ID."""
    result = {} if success is None else {"activityResult": {"isSuccess": success}}
    main = {"eventObjects": list(objects), **result}
    user = {"user": {"userName": "Ann"}, "appName": "Entra ID", "appId": 11161}
    return {"_id": "a", "timestamp": 1, "verb": verb, "mainInfo": main, **user, **keys}


FROM = {"device": {"clientIP": "203.0.113.7"}, "location": {"countryCode": "DE"}}
FILE = [{"objType": 3, "role": 3, "part": "file", "id": "f1", "name": "plan.docx"}]
MAILBOX = {"objType": 1, "role": ACTED_ON, "part": "target", "id": "m", "name": "box"}
WHOLE = [
    pytest.param(
        made("grant", *thing("role", "Global Reader"), account("Bob"), **FROM),
        "Ann granted Global Reader to Bob in Entra ID from 203.0.113.7 (DE)",
        id="a role",
    ),
    pytest.param(
        made("grant", *thing("role", "Global Reader"), account("Bob"), success=False, **FROM),
        "Ann failed to grant Global Reader to Bob in Entra ID from 203.0.113.7 (DE) · failed",
        id="a role that was refused",
    ),
    pytest.param(
        made("grant", *thing("role", "Reader"), account("Bob"), success=None),
        "Ann granted Reader to Bob in Entra ID",
        id="without an outcome",
    ),
    pytest.param(
        made("grant", *thing("permission", "FullAccess"), MAILBOX, account("Bob")),
        "Ann granted FullAccess to Bob (target box) in Entra ID",
        id="a mailbox is not who gets a permission",
    ),
    pytest.param(
        made("grant", *thing("role", "Reader"), account("Bob"), account("Eve")),
        "Ann granted or changed permissions or a membership (target Bob, Eve; role Reader) in Entra ID",
        id="two accounts, of which one may be the owner",
    ),
    pytest.param(
        made("grant", *thing("role", "owner", "member"), account("Bob"), *thing("group", "Sales")),
        "Ann granted or changed permissions or a membership (target Bob; role owner, member; group Sales) in Entra ID",
        id="two roles, of which one may be the old one",
    ),
    pytest.param(
        made("grant", account("Bob Green", 23), account("bob@x"), *thing("role", "Reader")),
        "Ann granted Reader to bob@x (target Bob Green) in Entra ID",
        id="an account with an object for its id and one for its name",
    ),
    pytest.param(
        made("consent", *thing("permission", "Mail.Read"), *thing("application", "Graph", "Evil")),
        "Ann gave an application the permission Mail.Read (application Graph, Evil) in Entra ID",
        id="the application may be the one that is called",
    ),
    pytest.param(
        made("download", *FILE, *thing("folder", "Docs")),
        "Ann downloaded plan.docx (folder Docs) in Entra ID",
        id="a file",
    ),
    pytest.param(
        made("delete", *thing("folder", "Inbox")),
        "Ann deleted something (folder Inbox) in Entra ID",
        id="a folder may be where it happened",
    ),
    pytest.param(
        made("view", *thing("mail", "one", "two", "three", "four", "five")),
        "Ann viewed one, two, three and 2 more in Entra ID",
        id="many",
    ),
    pytest.param(
        made("sign-in-failed", success=False, user=None, failedUserData={"userName": "ann"}),
        "A sign-in as ann failed in Entra ID · failed",
        id="a failed sign-in is of the name that was tried",
    ),
    pytest.param(
        made("sign-in", isImpersonated=True),
        "Ann, on behalf of somebody else, signed in to Entra ID",
        id="impersonated",
    ),
    pytest.param(
        made("sign-in", *thing("application", "Mail"), device={"clientIP": "192.0.2.7"}),
        "Ann signed in to Entra ID (application Mail) from 192.0.2.7",
        id="a sign-in to an app by way of another",
    ),
    pytest.param(
        made("sign-in", rawDataJson={"authenticationRequirement": "singleFactorAuthentication"}),
        "Ann signed in to Entra ID · single factor required",
        id="one factor was enough",
    ),
    pytest.param(
        made(
            "sign-in-failed",
            success=False,
            rawDataJson={
                "properties": {
                    "AuthenticationRequirement": "multiFactorAuthentication",
                    "ConditionalAccessStatus": "failure",
                }
            },
        ),
        "A sign-in as Ann failed in Entra ID · multi-factor required, conditional access failed · failed",
        id="what stopped a sign-in",
    ),
    pytest.param(
        made("sign-in", rawDataJson={"authenticationRequirement": 1, "conditionalAccessStatus": "unknownFutureValue"}),
        "Ann signed in to Entra ID",
        id="how somebody signed in is not said",
    ),
    pytest.param(
        made("configure", changes=[{"name": "AuditLogEnabled", "old": "True", "new": "False"}]),
        "Ann changed a setting in Entra ID · AuditLogEnabled: True → False",
        id="what was changed",
    ),
    pytest.param(
        made(
            "mailbox-rule",
            *thing("rule", "Archive"),
            changes=[
                {"name": "Name", "new": "Archive"},
                {"name": "Blob", "new": '{"a": 1}'},
                {"name": "Text", "new": "x" * (MAX_VALUE + 1)},
                {"name": "ForwardTo", "new": "eve@x"},
                {"name": "MarkAsRead", "old": "True"},
            ],
        ),
        "Ann created or changed the mail rule Archive in Entra ID · ForwardTo: eve@x, MarkAsRead: True removed, 2 more",
        id="changes that are new and short",
    ),
    pytest.param(
        made("edit", changes=[{"name": name, "new": name} for name in "abcde"]),
        "Ann edited something in Entra ID · a: a, b: b, c: c, 2 more",
        id="many changes",
    ),
    pytest.param(
        made("edit", changes=[{"name": 1, "new": [2]}, 3, {}]), "Ann edited something in Entra ID", id="hardly changes"
    ),
    pytest.param(
        made(
            "edit",
            changes=[
                {"name": "Public", "old": "True", "new": False},
                {"name": "Scope", "old": "private", "new": ["public"]},
                {"name": "Count", "old": {"a": 1}, "new": 7},
                {"name": "Limit", "old": "007", "new": 0},
                {"name": "Owner", "old": "x", "new": None},
                {"name": "Text", "old": "", "new": ""},
            ],
        ),
        "Ann edited something in Entra ID · Public: True → false, Limit: 007 → 0, Owner: x removed, 3 more",
        id="changes of every type",
    ),
    pytest.param(
        made(
            "edit", *thing("target", "box"), changes=[{"name": "Delegate", "new": "Ann"}, {"name": "Box", "new": "box"}]
        ),
        "Ann edited something (target box) in Entra ID · Delegate: Ann",
        id="a change in the actor's own favor",
    ),
    pytest.param(made("share", *FILE), "Ann shared plan.docx or changed its sharing in Entra ID", id="sharing"),
    pytest.param(made("alert", user=None), "An alert was raised in Entra ID", id="an alert of nobody"),
    pytest.param(
        {"verb": ["x"], "mainInfo": 3, "appId": 5},
        "Somebody performed an action in 5",
        id="hardly a record",
    ),
    pytest.param({}, "Somebody performed an action", id="nothing"),
]


@pytest.mark.parametrize("record, text", WHOLE)
def test_a_sentence(record: Mapping[str, Any], text: str) -> None:
    assert plain(sentence(record)) == text


# fmt: off
OPERATIONS = [
    pytest.param("disable", "StopLogging", True, "Ann stopped something in Entra ID · StopLogging", id="the operation's word"),
    pytest.param("disable", "BlockPublicAccess", True, "Ann disabled, stopped, locked or archived something in Entra ID · BlockPublicAccess", id="a part of a word is no word"),
    pytest.param("enable", "Start or unlock", True, "Ann enabled, started or unlocked something in Entra ID · Start or unlock", id="two of the words"),
    pytest.param("password", "Reset user password", False, "Ann failed to reset a password in Entra ID · Reset user password · failed", id="the word of what failed"),
    pytest.param("sign-in", "Sign-in", True, "Ann signed in to Entra ID", id="an operation that is the verb"),
    pytest.param("mailbox-rule", "New-InboxRule", True, "Ann created a mail rule in Entra ID · New-InboxRule", id="a new rule"),
    pytest.param("credential", "CreateAccessKey", False, "Ann failed to issue a credential in Entra ID · CreateAccessKey · failed", id="a key"),
    pytest.param("credential", "Remove service principal credentials", True, "Ann removed a credential in Entra ID · Remove service principal credentials", id="a credential that is removed"),
    pytest.param("credential", "UpdateAccessKey", True, "Ann issued, changed or used a credential, or assumed a role in Entra ID · UpdateAccessKey", id="what became of a credential is open"),
    pytest.param("credential", "AssumeRole", True, "Ann assumed a role in Entra ID · AssumeRole", id="a role that is assumed"),
]
# fmt: on
"""The verb, the operation, whether it succeeded, and the sentence."""


@pytest.mark.parametrize("verb, name, success, text", OPERATIONS)
def test_the_operation_says_which_of_several_words_holds(verb: str, name: str, text: str, *, success: bool) -> None:
    record = made(verb, success=success)
    record["mainInfo"]["rawOperationName"] = name
    assert plain(sentence(record)) == text


def test_every_verb_has_a_wording() -> None:
    assert WORDINGS.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", WORDINGS)
def test_a_wording_can_always_be_used_and_says_the_same_of_a_failure(verb: str) -> None:
    wording = WORDINGS[verb]
    if wording.whole:
        assert ["{actor}" in text for text in wording.whole] == [True, False]
        return
    assert wording.clauses[-1].slots == []
    for clause in wording.clauses:
        assert clause.tried.count("{") == len(clause.slots)
        assert all(f"{{{slot}}}" in clause.tried for slot in clause.slots)


def records() -> Iterator[dict[str, Any]]:
    for sample in (*folders(), *csv_files()):
        yield from expected(sample)
    for arrival in (*sample_activities(), *generated_activities(2_000, until_ms=NOW)):
        yield dict(arrival.activity)


RECORDS = list(records())


def test_the_samples_have_most_verbs() -> None:
    assert VERBS.keys() - {record.get("verb") for record in RECORDS} <= {"copy", "join", "restore", "sync", "unshare"}


def says_no_more(record: Mapping[str, Any], pieces: list[Piece]) -> bool:
    """Every name is in the record as it is, and the rest are words of the wording."""
    texts = {*strings(record), str(record.get("appId"))}
    names = [piece.text for piece in pieces if piece.part and piece.part != NOTE]
    return all(name in texts or any(text.startswith(name[:MAX_LENGTH]) for text in texts) for name in names)


def test_sentences_say_what_records_say() -> None:
    for record in RECORDS:
        pieces = sentence(record)
        text, success = plain(pieces), record.get("mainInfo", {}).get("activityResult", {}).get("isSuccess")
        assert says_no_more(record, pieces), text
        assert (pieces[-1].text.startswith(" · failed") and pieces[-1].part == NOTE) == (success is False), text


def test_every_name_of_an_object_is_in_the_sentence_unless_there_are_many() -> None:
    for record in RECORDS:
        text = plain(sentence(record))
        by_part: dict[str, list[str]] = {}
        for item in record.get("mainInfo", {}).get("eventObjects", []):
            if item.get("part", "actor") != "actor" and item.get("name") not in by_part.setdefault(item["part"], []):
                by_part[item["part"]].append(item["name"])
        names = [name for several in by_part.values() if len(several) <= MAX_NAMES for name in several]
        assert [name for name in names if str(name)[:MAX_LENGTH] not in text] == [], text


def test_a_sentence_is_the_same_whatever_order_keys_have() -> None:
    for record in RECORDS[:200]:
        assert sentence(json.loads(json.dumps(record, sort_keys=True))) == sentence(record)
