"""Wrappers: objects that are not events themselves but hold one or more, as data.

A row says how to recognize a wrapper, where its events are, and how they are written. An object that a connector
recognizes is no wrapper, except where the row says otherwise. What a wrapper says about its events is dropped, so that an
event becomes the same record whatever it came in. `event_lists` finds the lists of saved answers in text; a row here with a
list of events at the top adds its key to those.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from casbah.base import gzip, jsontext
from casbah.base.compressed import DamagedError, TooLargeError
from casbah.ingest.contract import Event, Refusal
from casbah.ingest.fields import objects, text
from casbah.ingest.mapping.paths import fold
from casbah.ingest.mapping.recognize import Recognition

MAX_DEPTH = 8
"""Wrappers around one event."""

_MAX_UNPACKED = 1 << 26
"""Bytes of one content once decompressed."""

_EACH = "[]"
_ANNOTATION = "@odata."
_BLANKS = b" \t\r\n"
_ADDED_COLUMN, _NO_VALUE = "TableName", "None"
_NESTED = (b'"{', b'"[')

Read = Callable[[bytes], Iterator[Event | Refusal]]
"""Reads the events of a text that a wrapper holds."""


class Holds(Enum):
    """How a wrapper writes what it holds. The value is shown in the documentation."""

    EVENT = "object or text"
    BASE64 = "text in Base64, with or without gzip"
    CELLS = "values as text"
    TABLE = "columns and rows"
    NOTHING = "no events"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One kind of wrapper.

    `recognized_by` has alternative lists of requirements, as `recognize` of a mapping file; without any, the key of
    `inside` suffices. `inside` is the path of the content: keys, any case, and `[]` for each element of a list.
    `documents` is the vendor's page that shows it. `always`: it is opened even if a connector recognizes it.
    """

    title: str
    recognized_by: tuple[tuple[str, ...], ...]
    inside: str
    holds: Holds
    documents: str
    always: bool = False

    @property
    def list_key(self) -> str | None:
        """The key, if the wrapper is an object with a list of events that may be long."""
        key = self.inside.removesuffix(_EACH)
        return key if not self.recognized_by and key + _EACH == self.inside else None


_AWS, _LEARN = "https://docs.aws.amazon.com/", "https://learn.microsoft.com/"

_SPLUNK, _ELASTIC = "https://docs.splunk.com/Documentation/Splunk/latest/", "https://www.elastic.co/guide/en/"

# In this order: the first that recognizes an object counts.
# fmt: off
WRAPPERS = (
    Wrapper("Microsoft Graph `security/auditLog/queries/{id}/records`, `Get-UALGraph`",
            (("auditLogRecordType", "auditData"),), "auditData", Holds.EVENT,
            _LEARN + "graph/api/security-auditlogquery-list-records"),
    Wrapper("`Search-UnifiedAuditLog | ConvertTo-Json`",
            (("AuditData",), ("Operations", "RecordType", "UserIds")), "AuditData", Holds.EVENT,
            _LEARN + "powershell/module/exchange/search-unifiedauditlog"),
    Wrapper("`aws cloudtrail lookup-events`",
            (), "Events[]", Holds.EVENT,
            _AWS + "awscloudtrail/latest/APIReference/API_LookupEvents.html"),
    Wrapper("an event of `aws cloudtrail lookup-events`",
            (("CloudTrailEvent",),), "CloudTrailEvent", Holds.EVENT,
            _AWS + "awscloudtrail/latest/APIReference/API_Event.html"),
    Wrapper("Amazon EventBridge",
            (("detail-type", "detail", "source"),), "detail", Holds.EVENT,
            _AWS + "eventbridge/latest/userguide/eb-service-event-cloudtrail.html"),
    Wrapper("a control message of Amazon CloudWatch Logs",
            (("messageType=CONTROL_MESSAGE", "logEvents"),), "logEvents", Holds.NOTHING,
            _AWS + "AmazonCloudWatch/latest/logs/SubscriptionFilters.html"),
    Wrapper("a subscription of Amazon CloudWatch Logs",
            (("logGroup", "logStream", "logEvents"),), "logEvents[].message", Holds.EVENT,
            _AWS + "AmazonCloudWatch/latest/logs/SubscriptionFilters.html"),
    Wrapper("AWS Lambda's form of a subscription of Amazon CloudWatch Logs",
            (("awslogs.data",),), "awslogs.data", Holds.BASE64,
            _AWS + "lambda/latest/dg/services-cloudwatchlogs.html"),
    Wrapper("an event of `aws logs filter-log-events`",
            (("message", "timestamp", "ingestionTime"),), "message", Holds.EVENT,
            _AWS + "AmazonCloudWatchLogs/latest/APIReference/API_FilteredLogEvent.html"),
    Wrapper("a record of Amazon Data Firehose",
            tuple((f"data={start}*",) for start in ("ey", "ew", "W3", "H4sI")), "data", Holds.BASE64,
            _AWS + "firehose/latest/dev/httpdeliveryrequestresponse.html"),
    Wrapper("AWS Lambda's form of a record of Amazon Kinesis",
            (("kinesis.data",),), "kinesis.data", Holds.BASE64,
            _AWS + "lambda/latest/dg/with-kinesis.html"),
    Wrapper("a notification of Amazon SNS",
            (("Type=Notification", "TopicArn", "Message"),), "Message", Holds.EVENT,
            _AWS + "sns/latest/dg/sns-message-and-json-formats.html"),
    Wrapper("AWS Lambda's form of a notification of Amazon SNS",
            (("Sns.TopicArn", "Sns.Message"),), "Sns.Message", Holds.EVENT,
            _AWS + "lambda/latest/dg/with-sns.html"),
    Wrapper("a message of Amazon SQS",
            (("messageId", "receiptHandle", "body"),), "body", Holds.EVENT,
            _AWS + "lambda/latest/dg/with-sqs.html"),
    Wrapper("`aws sqs receive-message`",
            (("Messages[0].ReceiptHandle",),), "Messages[].Body", Holds.EVENT,
            _AWS + "AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"),
    Wrapper("a message of Google Cloud Pub/Sub",
            (("message.data", "message.messageId"),), "message.data", Holds.BASE64,
            "https://cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage"),
    Wrapper("a result of a Splunk export",
            (("result._raw",),), "result._raw", Holds.EVENT, _SPLUNK + "RESTREF/RESTsearch"),
    Wrapper("a result of a Splunk search, alone",
            (("_raw={*",),), "_raw", Holds.EVENT, _SPLUNK + "RESTREF/RESTsearch"),
    Wrapper("an event of Splunk's HTTP Event Collector",
            (("event", "sourcetype", "time"), ("event", "sourcetype", "index")), "event", Holds.EVENT,
            _SPLUNK + "Data/FormateventsforHTTPEventCollector"),
    Wrapper("the hits of an Elasticsearch or OpenSearch search",
            (("hits.hits[0]._source",),), "hits.hits[]._source", Holds.EVENT,
            _ELASTIC + "elasticsearch/reference/current/search-search.html"),
    Wrapper("a hit of Elasticsearch or OpenSearch",
            (("_index", "_source"),), "_source", Holds.EVENT,
            _ELASTIC + "elasticsearch/reference/current/search-search.html"),
    Wrapper("a document of an Elastic integration with the original event",
            (("event.original={*",),), "event.original", Holds.EVENT,
            _ELASTIC + "ecs/current/ecs-event.html"),
    Wrapper("a document of Filebeat or Logstash",
            (("@timestamp", "message={*"),), "message", Holds.EVENT,
            _ELASTIC + "ecs/current/ecs-base.html"),
    Wrapper("Azure Event Hubs Capture with the body in Base64",
            (("Body=ey*", "EnqueuedTimeUtc"), ("Body=H4sI*", "EnqueuedTimeUtc")), "Body", Holds.BASE64,
            _LEARN + "azure/event-hubs/explore-captured-avro-files"),
    Wrapper("Azure Event Hubs Capture, as Avro or JSON",
            (("EnqueuedTimeUtc", "SequenceNumber"), ("Body", "EnqueuedTimeUtc"), ("Body.records",)), "Body", Holds.EVENT,
            _LEARN + "azure/event-hubs/explore-captured-avro-files"),
    Wrapper("a message of Azure Event Hubs in a list",
            (("records[0]",),), "records[]", Holds.EVENT,
            _LEARN + "azure/azure-monitor/essentials/stream-monitoring-data-event-hubs"),
    Wrapper("the diagnostic log of a cluster of Azure Kubernetes Service",
            (("category=kube-audit*", "properties.log={*"),), "properties.log", Holds.EVENT,
            _LEARN + "azure/aks/monitor-aks-reference"),
    Wrapper("the diagnostic log of a cluster of Azure Kubernetes Service in the table AzureDiagnostics",
            (("Category=kube-audit*", "log_s={*"),), "log_s", Holds.EVENT,
            _LEARN + "azure/azure-monitor/reference/tables/azurediagnostics"),
    Wrapper("an answer of the Duo Admin API, version 2",
            (("response.authlogs[0]", "stat=OK"),), "response.authlogs[]", Holds.EVENT,
            "https://duo.com/docs/adminapi#authentication-logs"),
    Wrapper("an answer of the Duo Admin API",
            (("response[0]", "stat=OK"),), "response[]", Holds.EVENT,
            "https://duo.com/docs/adminapi#administrator-logs"),
    Wrapper("an answer of the Cloudflare API",
            (("result[0]", "success", "errors"), ("result[0]", "result_info")), "result[]", Holds.EVENT,
            "https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/"),
    Wrapper("a page of the audit log of Atlassian Data Center",
            (("entities[0]", "pagingInfo"),), "entities[]", Holds.EVENT,
            "https://confluence.atlassian.com/jiracore/audit-log-improvements-for-developers-1019401815.html"),
    Wrapper("an answer of Microsoft Graph `runHuntingQuery`",
            (), "results[]", Holds.EVENT,
            _LEARN + "graph/api/security-security-runhuntingquery"),
    Wrapper("an answer of the advanced hunting API of Microsoft Defender XDR",
            (), "Results[]", Holds.EVENT,
            _LEARN + "defender-xdr/api-advanced-hunting"),
    Wrapper("the streaming API of Microsoft Defender XDR",
            (("category=AdvancedHunting-*", "properties"),), "properties", Holds.EVENT,
            _LEARN + "defender-xdr/streaming-api"),
    Wrapper("a row of `az monitor log-analytics query`",
            (("TableName=PrimaryResult", "TimeGenerated"),), "", Holds.CELLS,
            _LEARN + "cli/azure/monitor/log-analytics", always=True),
    Wrapper("an answer of the Log Analytics API",
            (("tables[0].columns", "tables[0].rows"),), "tables[]", Holds.TABLE,
            _LEARN + "azure/azure-monitor/logs/api/response-format"),
)
# fmt: on

_ROWS = tuple((Recognition(row.recognized_by), row) for row in WRAPPERS if row.recognized_by)

_ALWAYS_KEYS = frozenset(lists[0].partition("=")[0] for row in WRAPPERS if row.always for lists in row.recognized_by)
"""A key of each wrapper that is always opened, as its vendor writes it: a quick test of events, of which most have none."""

LIST_KEYS = frozenset(filter(None, (row.list_key for row in WRAPPERS)))
"""The keys of lists of events, besides those that connectors name."""


def wrapper_of(parsed: Mapping[str, Any], *, known: bool = False) -> Wrapper | None:
    """The kind of wrapper that an object is; `known`: a connector recognizes the object."""
    if known and parsed.keys().isdisjoint(_ALWAYS_KEYS):
        return None
    event = fold(parsed)
    return next((row for recognizes, row in _ROWS if (row.always or not known) and recognizes(event)), None)


class Inside(NamedTuple):
    """An item that a wrapper holds, and its place in it, such as `logEvents[3].message`."""

    place: str
    item: Event | Refusal


@dataclass(slots=True)
class Room:
    """The bytes to which compressed contents may still unpack, for all wrappers of one page."""

    left: int


def opened(wrapper: Wrapper, event: Event, *, read: Read, room: Room) -> Iterator[Inside]:
    """What a wrapper holds, with the line of the wrapper. What cannot be read is a refusal.

    A refusal has the content that cannot be read, or the wrapper if that holds one content and this is its first refusal.
    """
    whole = _EACH not in wrapper.inside
    for part in _parts(_Part("", event.parsed, event.raw), _steps(wrapper.inside)):
        for content in _READERS[wrapper.holds](part, room):
            reason = content.reason or ("" if content.raw else "no event: the text is empty")
            items = [Refusal("", 1, reason, content.raw)] if reason else read(content.raw)
            for item in items:
                placed = replace(item, origin=event.origin, line=event.line, refused_at=event.refused_at)
                if whole and isinstance(placed, Refusal):
                    placed, whole = event.refused(placed.reason), False
                yield Inside(content.place, placed)


class _Part(NamedTuple):
    """A value in a wrapper, its place, and its JSON text. A missing value is None."""

    place: str
    value: Any
    raw: bytes


class _Text(NamedTuple):
    """A text of events and its place, or the reason why it cannot be read."""

    place: str
    raw: bytes
    reason: str = ""


def _steps(path: str) -> list[str]:
    return path.replace(_EACH, f".{_EACH}").split(".")


def _parts(part: _Part, steps: list[str]) -> Iterator[_Part]:
    """The values at the path, or the part itself if that is empty. A missing value, or one that is no list, gives None."""
    if not steps or steps == [""]:
        yield part
    elif steps[0] != _EACH:
        yield from _parts(_member(part, steps[0]), steps[1:])
    elif type(part.value) is not list:
        yield part._replace(value=None)
    else:
        for number, (value, raw) in enumerate(zip(part.value, jsontext.elements(part.raw), strict=True)):
            yield from _parts(_Part(f"{part.place}[{number}]", value, raw), steps[1:])


def _member(part: _Part, name: str) -> _Part:
    place = f"{part.place}.{name}" if part.place else name
    members = part.value if type(part.value) is dict else {}
    key = next((key for key in members if key.lower() == name.lower() and members[key] is not None), None)
    if key is None:
        return _Part(place, None, part.raw)
    return _Part(place, members[key], jsontext.raw_values(part.raw, [key])[key])


def _event(part: _Part, _room: Room) -> Iterator[_Text]:
    """An object without the annotations of OData, or text."""
    if type(part.value) is str:
        yield _Text(part.place, part.value.encode("utf-8", "surrogatepass").strip(_BLANKS))
    elif type(part.value) is dict:
        annotated = _ANNOTATION.encode() in part.raw
        yield _Text(part.place, jsontext.dump(_without_annotations(part.value)) if annotated else part.raw)
    else:
        yield _Text(part.place, part.raw, "no event: neither an object nor text")


def _without_annotations(value: Any) -> Any:
    """A value without the members that OData adds, at any depth: `@odata.type`, `parameters@odata.type`."""
    if type(value) is dict:
        return {key: _without_annotations(item) for key, item in value.items() if _ANNOTATION not in key}
    return list(map(_without_annotations, value)) if type(value) is list else value


def _cells(part: _Part, _room: Room) -> Iterator[_Text]:
    """The row without the column that the command line adds, nulls, and empty values; JSON in a text as JSON."""
    row = part.value if type(part.value) is dict else {}
    members = (
        jsontext.dump(name) + b":" + (_dynamic(value, cell) if cell.startswith(_NESTED) else cell)
        for name, value, cell in ((name, value, jsontext.dump(value)) for name, value in row.items())
        if name != _ADDED_COLUMN and value not in (None, "", _NO_VALUE)
    )
    yield _Text(part.place, b"{" + b",".join(members) + b"}")


def _base64(part: _Part, room: Room) -> Iterator[_Text]:
    try:
        yield _Text(part.place, _decoded(part.value, room).strip(_BLANKS))
    except ValueError as error:
        yield _Text(part.place, part.raw, str(error))


def _decoded(value: Any, room: Room) -> bytes:
    """Raises ValueError with the reason."""
    if type(value) is not str:
        raise ValueError("no text in Base64")
    try:
        content = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from None
    return _unpacked(content, room) if content.startswith(gzip.MAGIC) else content


def _unpacked(packed: bytes, room: Room) -> bytes:
    """Raises ValueError with the reason."""
    try:
        content = gzip.unpacked(packed, limit=min(_MAX_UNPACKED, room.left))
    except (DamagedError, TooLargeError) as error:
        raise ValueError(str(error)) from None
    except EOFError:
        raise ValueError("gzip that is cut off before its end") from None
    room.left -= len(content)
    return content


def _table(part: _Part, _room: Room) -> Iterator[_Text]:
    """The rows as objects without nulls. A column of the type `dynamic` holds JSON, as text."""
    columns = [
        (text(column.get("name")), text(column.get("type"))) for column in objects(_member(part, "columns").value)
    ]
    for row in _parts(part, _steps("rows[]")):
        values = row.value if type(row.value) is list else []
        if len(values) != len(columns):
            yield _Text(row.place, row.raw, f"no event: {len(values)} values for {len(columns)} columns")
            continue
        cells = zip(columns, values, jsontext.elements(row.raw), strict=True)
        members = (
            jsontext.dump(name) + b":" + (_dynamic(value, raw) if kind == "dynamic" else raw)
            for (name, kind), value, raw in cells
            if value is not None
        )
        yield _Text(row.place, b"{" + b",".join(members) + b"}")


def _dynamic(value: Any, raw: bytes) -> bytes:
    """The value of a dynamic column: the JSON in its text, if that is JSON."""
    content = value.encode("utf-8", "surrogatepass") if type(value) is str else raw
    try:
        jsontext.parse(content)
    except jsontext.InvalidJsonError:
        return raw
    return content


def _nothing(_part: _Part, _room: Room) -> Iterator[_Text]:
    return iter(())


_READERS: Mapping[Holds, Callable[[_Part, Room], Iterator[_Text]]] = {
    Holds.EVENT: _event,
    Holds.BASE64: _base64,
    Holds.CELLS: _cells,
    Holds.TABLE: _table,
    Holds.NOTHING: _nothing,
}
