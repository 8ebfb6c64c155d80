"""AWS CloudTrail events, from the log files in S3 (`{"Records": [...]}`) or one per line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from casbah.base import jsontext
from casbah.ingest import hive_text
from casbah.ingest.aws_targets import targets_of
from casbah.ingest.contract import Connector, CsvForm, Draft, Event, ReadingRule
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.fields import Fields, first_text, folded, text, truth
from casbah.ingest.local_times import ZONED
from casbah.ingest.mapping.paths import opened
from casbah.ingest.record_builder import (
    CLOUD_PROVIDER,
    FAILED_LOGIN,
    FILE,
    LOGIN,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    PropertyChange,
    RecordParts,
    Target,
    by_id,
    keys,
)
from casbah.ingest.rules import ADMIN, IMPERSONATED, NOT_ADMIN, NOT_IMPERSONATED, OUTCOME, decided
from casbah.ingest.times import required

APP = CatalogApp(11599, "Amazon Web Services", 11599)
_SOURCES = (".amazonaws.com", ".amazon.com")
_INSIGHT = "AwsCloudTrailInsight"
_PANTHER = "AWS.CloudTrail"
_KEYS = (("eventname", (str,)), ("useridentity", (dict,)), ("awsregion", (str,)), ("recipientaccountid", (str, int)))
_MARKS = (
    frozenset({"eventsource"}),
    frozenset({"awsregion", "useridentity"}),
    frozenset({"recipientaccountid", "useridentity"}),
    frozenset({"awsregion", "recipientaccountid"}),
    frozenset({"eventname", "p_log_type"}),
    frozenset({"event id", "event name", "event time"}),
)
_MAX_ACCOUNT_DIGITS = 15
_SIGN_IN = "signin.amazonaws.com"
_ANSWERS = ("responseelements", "serviceeventdetails")
_STRUCTS = ("useridentity", "requestparameters", "responseelements", "serviceeventdetails", "resources")
"""Keys whose values are text in the results of Athena and CloudTrail Lake: JSON, or the text form of structs."""

# The columns of the console's event history.
CONSOLE: Mapping[str, str] = {
    "error code": "errorcode",
    "event category": "eventcategory",
    "event id": "eventid",
    "event name": "eventname",
    "event source": "eventsource",
    "event time": "eventtime",
    ZONED.lower(): "eventtime",  # A row has it after its cells, so that it counts.
    "event type": "eventtype",
    "aws region": "awsregion",
    "read-only": "readonly",
    "recipient account id": "recipientaccountid",
    "source ip address": "sourceipaddress",
    "user agent": "useragent",
}
_CONSOLE_MARKS = frozenset({"event id", "event name", "event time"})
_OTHER_NAMES = ("invokedby", "principalid", "accountid")
_SIGN_IN_SOURCES = frozenset({"signin.amazonaws.com", "sts.amazonaws.com"})
_SIGN_INS = frozenset({"Authenticate", "ChangePassword", "ConsoleLogin", "Federate", "UserAuthentication"})
_READS = (
    *("BatchGet", "Check", "Decrypt", "Describe", "Encrypt", "Generate", "Get", "Head"),
    *("List", "Lookup", "Query", "Scan", "Search", "Select", "Simulate", "View"),
)
_DATA_OPERATIONS = frozenset({
    *("AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject"),
    *("DeleteObjects", "GetObject", "HeadObject", "Invoke", "PutItem", "PutObject", "PutObjectAcl", "PutRecord"),
    *("PutRecords", "RestoreObject", "SendMessage", "UploadPart"),
})  # fmt: skip
_SESSIONS = frozenset({"AssumedRole", "FederatedUser", "SAMLUser", "WebIdentityUser"})

CATEGORIES: Mapping[str, str] = {
    "CreateUser": "EVENT_CATEGORY_CREATE_USER",
    "DeleteObject": "EVENT_CATEGORY_DELETE_OBJECT",
    "DeleteUser": "EVENT_CATEGORY_DELETE_USER",
    "GetObject": "EVENT_CATEGORY_DOWNLOAD_FILE",
    "PutObject": "EVENT_CATEGORY_UPLOAD_FILE",
}


def recognizes(event: Mapping[str, Any]) -> bool:
    """An AWS event source and one more key that only CloudTrail has; or, without such a source, three of those keys or
    Panther's log type.

    Notifications of AWS services spell the source differently (`aws:s3`), and `lookup-events` wraps the event (`wrappers`).
    Insights events have a connector of their own.
    """
    if event.keys() >= _CONSOLE_MARKS:
        return True
    source = event.get("eventsource")
    source = source if type(source) is str else ""
    if event.get("p_log_type") == _PANTHER:
        return "eventname" in event
    if source.startswith("aws:") or "cloudtrailevent" in event or event.get("eventtype") == _INSIGHT:
        return False
    others = sum(type(event.get(key)) in kinds for key, kinds in _KEYS)
    return others >= (1 if source.endswith(_SOURCES) else 3)


def drafts(event: Event) -> Iterator[Draft]:
    """One activity per event."""
    fields = _opened(_renamed(folded(event.parsed)))
    identity = folded(fields.get("useridentity"))
    account = text(fields.get("recipientaccountid")) or text(identity.get("accountid"))
    # Logstash's CloudTrail input moves eventTime to @timestamp; Panther's copy of it is p_event_time.
    timestamp = required(fields, "eventTime", "@timestamp", "p_event_time")
    scope = f"{account or 0}_{APP.id}_"
    native = text(fields.get("eventid"))
    yield Draft(
        id=f"{scope}{native}" if native else None,
        timestamp=timestamp,
        keys=keys(_parts(fields, identity, account)),
        scope=scope,
    )


def _renamed(fields: Fields) -> Fields:
    """A row of the console's event history with the keys of an event."""
    if not fields.keys() >= _CONSOLE_MARKS:
        return fields
    identity = {"userName": fields.get("user name"), "accessKeyId": fields.get("aws access key")}
    return {
        **{CONSOLE.get(key, key): value for key, value in fields.items()},
        "useridentity": {key: value for key, value in identity.items() if value},
    }


def _opened(fields: Fields) -> Fields:
    """The fields, with objects and lists that are written as text."""
    written = {key: value for key in _STRUCTS if type(value := fields.get(key)) is str}
    return {**fields, **{key: _value(value) for key, value in written.items()}} if written else fields


def _value(written: str) -> Any:
    value = opened(written)
    return hive_text.parsed(written) if type(value) is str else value


def _parts(fields: Fields, identity: Fields, account: str) -> RecordParts:
    operation = text(fields.get("eventname"))
    answer = folded(fields.get("responseelements"))
    outcome = _outcome(fields, operation, answer)
    source = text(fields.get("sourceipaddress"))
    addresses = distinct((source,))
    targets = by_id(targets_of(fields, answer))
    admin = decided(ADMIN_RULES, fields, ADMIN)
    return RecordParts(
        app=APP,
        instance=Instance(account, _number(account)),
        actor=Actor(_name(identity), _user_id(identity), APP.id),
        operation=operation,
        category=_category(operation, outcome),
        event_type=f"EVENT_AWS_{_service(fields)}_GENERIC",
        targets=targets,
        subject=_subject(targets),
        addresses=addresses,
        agent=text(fields.get("useragent")).strip("[] "),
        admin=admin,
        impersonated=decided(IMPERSONATED_RULES, identity, IMPERSONATED),
        outcome=outcome,
        # A DNS name instead of an address means that an AWS service made the call.
        location=CLOUD_PROVIDER if not addresses and _is_service(source) else None,
        sessions=_sessions(identity, answer),
        changes=_changes(fields) if admin else (),
    )


def _subject(targets: Sequence[Target]) -> str:
    """The name of the first file, else of the first target: a bucket comes before its file."""
    named = sorted(targets, key=lambda target: target.type != FILE)
    return named[0].name if named else ""


def _number(account: str) -> int:
    usable = account.isascii() and account.isdigit() and len(account) <= _MAX_ACCOUNT_DIGITS
    return int(account) if usable else 0


def _name(identity: Fields) -> str:
    """The user, else the session or last part of the ARN, else the calling service."""
    arn = text(identity.get("arn"))
    last = arn.rpartition("/" if "/" in arn else ":")[2]
    named = text(identity.get("username")) or last
    return named or _identity_center_user(identity) or first_text(identity, *_OTHER_NAMES)


def _user_id(identity: Fields) -> str:
    return first_text(identity, "principalid", "arn") or _identity_center_user(identity)


def _identity_center_user(identity: Fields) -> str:
    """The id of the user of IAM Identity Center who made the call, who has no name and no ARN in events."""
    return text(folded(identity.get("onbehalfof")).get("userid"))


def _service(fields: Fields) -> str:
    return text(fields.get("eventsource")).partition(".")[0].upper().replace("-", "_") or "UNKNOWN"


def _outcome(fields: Fields, operation: str, answer: Fields) -> Outcome | None:
    """`errorCode` is present "if the request returned an error" (CloudTrail record contents), so its absence means success.

    Sign-in events report the result under their own name: `{"ConsoleLogin": "Failure"}`, in one of two places.
    Rows of the console's event history have neither place.
    """
    key = operation.lower()
    result = text(answer.get(key)) or text(folded(fields.get("serviceeventdetails")).get(key))
    error = text(fields.get("errorcode"))
    if text(fields.get("eventsource")) == _SIGN_IN and not error and fields.keys().isdisjoint(_ANSWERS):
        return None
    success = not error and result.lower() != "failure"
    return Outcome(success, "" if success else text(fields.get("errormessage")) or error or result)


def _category(operation: str, outcome: Outcome | None) -> str:
    if operation == "ConsoleLogin" and outcome is not None:
        return LOGIN if outcome.success else FAILED_LOGIN
    return CATEGORIES.get(operation, UNSPECIFIED)


def _is_sign_in(fields: Fields) -> bool:
    return (
        text(fields.get("eventsource")) in _SIGN_IN_SOURCES
        or text(fields.get("eventtype")) == "AwsConsoleSignIn"
        or text(fields.get("eventname")) in _SIGN_INS
    )


def _is_change(fields: Fields) -> bool:
    """Whether it is a management event that is not read-only. Events before version 1.06 do not say which they are."""
    operation = text(fields.get("eventname"))
    management, category = truth(fields.get("managementevent")), text(fields.get("eventcategory"))
    if management is None:
        management = category == "Management" if category else operation not in _DATA_OPERATIONS
    read_only = truth(fields.get("readonly"))
    return management and not (operation.startswith(_READS) if read_only is None else read_only)


ADMIN_RULES = (
    ReadingRule(
        NOT_ADMIN,
        "an event of `signin.amazonaws.com` or `sts.amazonaws.com`, any console sign-in, `ChangePassword`",
        "to sign in, to take a role, or to change one's own password is management to CloudTrail, but no administration",
        _is_sign_in,
    ),
    ReadingRule(
        NOT_ADMIN,
        "`eventType` is `AwsServiceEvent`",
        "an AWS service did it by itself, nobody requested it",
        lambda fields: text(fields.get("eventtype")) == "AwsServiceEvent",
    ),
    ReadingRule(
        ADMIN,
        "a management event with `readOnly` false; before version 1.06 by the operation's name",
        "management events are operations on the resources of an account; those that are not read-only change it",
        _is_change,
    ),
)
IMPERSONATED_RULES = (
    ReadingRule(
        IMPERSONATED,
        "`userIdentity.onBehalfOf` of an assumed role",
        "the session acts for a user of IAM Identity Center",
        lambda identity: text(identity.get("type")) == "AssumedRole" and "onbehalfof" in identity,
    ),
    ReadingRule(
        NOT_IMPERSONATED,
        "`userIdentity.invokedBy`",
        "an AWS service made the call in the course of the user's own request",
    ),
    ReadingRule(
        NOT_IMPERSONATED,
        "any other assumed role, such as the role of an EC2 instance",
        "a role is an identity of its own: its session acts for nobody else",
    ),
)
OUTCOME_RULES = (
    ReadingRule(
        OUTCOME,
        "failure if there is an `errorCode`; else success",
        "AWS: it is present if the request returned an error",
    ),
    ReadingRule(
        OUTCOME, "`ConsoleLogin` by its own result in `responseElements`", "a failed sign-in has no `errorCode`"
    ),
)


def _is_service(source: str) -> bool:
    return source == "AWS Internal" or source.endswith((".amazonaws.com", ".aws.internal"))


def _sessions(identity: Fields, answer: Fields) -> Iterator[str]:
    """The access key that signed the request, the session of an assumed role, and the key that the event issued."""
    yield text(identity.get("accesskeyid"))
    if text(identity.get("type")) in _SESSIONS:
        yield text(identity.get("principalid"))
    if "credentials" in answer:
        yield text(folded(answer["credentials"]).get("accesskeyid"))
        yield text(folded(answer.get("assumedroleuser")).get("assumedroleid"))


def _changes(fields: Fields) -> Iterator[PropertyChange]:
    """What the request set; what it was before is not in the log."""
    parameters = fields.get("requestparameters")
    for name, value in parameters.items() if type(parameters) is dict else ():
        shown = text(value) if type(value) in (str, int) else "" if value is None else jsontext.dump(value).decode()
        yield PropertyChange(name, new=shown)


CONNECTOR = Connector(
    name="cloudtrail",
    title="AWS CloudTrail",
    samples="real logs",
    recognizes=recognizes,
    drafts=drafts,
    wrapper="Records",
    examples=(
        "AWSLogs/<account>/CloudTrail/<region>/.../*.json.gz",
        "one CloudTrail event per line",
        "aws cloudtrail lookup-events",
    ),
    documents=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html",
    ),
    apps=(APP.id,),
    marks=_MARKS,
    rules=(*ADMIN_RULES, *IMPERSONATED_RULES, *OUTCOME_RULES),
    csv=(
        CsvForm(
            "the console's event history",
            ("Event ID", "Event time", "Event name", "User name", "Error code"),
            "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events-console.html",
            seen=True,
            times="of the older console local: `--zone`",
            local="Event time",
        ),
        CsvForm(
            "results of Athena and CloudTrail Lake",
            ("eventTime", "eventSource", "eventName", "userIdentity", "errorCode"),
            "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html",
            seen=True,
        ),
    ),
)
