"""Events in every wrapper, written as the vendors' pages of `casbah.ingest.wrappers` show them, not as our code reads them.

A dress takes the JSON texts of events and gives the text of one file or body.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Dressing = Callable[[list[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Dress:
    """One form of a wrapper; `row` is the start of that row's title, or empty if it has none, `sources` the sources it carries, or all if empty.

    `exact` is whether it keeps the bytes of an event, and not only its values; `typed`, whether its numbers stay numbers.
    """

    row: str
    dress: Dressing
    sources: frozenset[str] = frozenset()
    exact: bool = True
    typed: bool = True


def text(event: bytes) -> bytes:
    """A JSON text as a JSON string."""
    return json.dumps(event.decode()).encode()


def lines(items: list[bytes]) -> bytes:
    return b"".join(b" ".join(item.split(b"\n")) + b"\n" for item in items)


def listed(items: list[bytes], head: bytes = b"", tail: bytes = b"") -> bytes:
    return head + b"[\n" + b",\n".join(items) + b"\n]" + tail


def graph(event: bytes) -> bytes:
    head = (
        b'{"@odata.type": "#microsoft.graph.security.auditLogRecord", "id": "r", "createdDateTime": "2026-03-02T10:00:00Z",'
        b' "auditLogRecordType": "x", "operation": "o", "organizationId": "t", "userType": "regular", "userId": "u",'
        b' "service": "s", "objectId": "", "userPrincipalName": "u", "clientIp": "", "administrativeUnits": [""],'
        b' "auditData": '
    )
    return head + event + b"}"


def annotated(event: bytes) -> bytes:
    """A record whose event has annotations at every level: of the objects themselves, and beside lists."""
    return graph(json.dumps(with_annotations(json.loads(event))).encode())


def with_annotations(value: Any) -> Any:
    if isinstance(value, list):
        return [with_annotations(item) for item in value]
    if not isinstance(value, dict):
        return value
    lists = {f"{key}@odata.type": "#Collection(String)" for key, item in value.items() if isinstance(item, list)}
    inner = {key: with_annotations(item) for key, item in value.items()}
    return {"@odata.type": "#microsoft.graph.security.defaultAuditData", **lists, **inner}


def cmdlet(data: bytes) -> bytes:
    """A result of Search-UnifiedAuditLog."""
    return (
        b'{"PSComputerName": "outlook.office365.com", "RunspaceId": "r", "PSShowComputerName": false, "RecordType": 1,'
        b' "CreationDate": "2026-03-02T10:00:00Z", "UserIds": "u", "Operations": "o", "AuditData": ' + data + b","
        b' "ResultIndex": 1, "ResultCount": 2, "Identity": "i", "IsValid": true, "ObjectState": "Unchanged"}'
    )


def looked_up(event: bytes) -> bytes:
    """An event of `aws cloudtrail lookup-events`."""
    return (
        b'{"EventId": "e", "EventName": "n", "ReadOnly": "false", "EventTime": "2026-03-02T10:00:00+00:00",'
        b' "EventSource": "ec2.amazonaws.com", "Username": "u", "Resources": [], "CloudTrailEvent": '
        + text(event)
        + b"}"
    )


def bridged(event: bytes) -> bytes:
    return (
        b'{"version": "0", "id": "b", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",'
        b' "account": "111111111111", "time": "2026-03-02T10:00:00Z", "region": "us-east-1", "resources": [], "detail": '
        + event
        + b"}"
    )


def subscribed(events: list[bytes]) -> bytes:
    """A message of CloudWatch Logs to a subscriber."""
    messages = (b'{"id": "%d", "timestamp": 1, "message": %b}' % (at, text(event)) for at, event in enumerate(events))
    return (
        b'{"messageType": "DATA_MESSAGE", "owner": "111111111111", "logGroup": "CloudTrail", "logStream": "s",'
        b' "subscriptionFilters": ["f"], "logEvents": [' + b", ".join(messages) + b"]}"
    )


CONTROL = (
    b'{"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",'
    b' "subscriptionFilters": [], "logEvents": [{"id": "", "timestamp": 1,'
    b' "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}'
)


def in_base64(content: bytes) -> bytes:
    return b'"' + base64.b64encode(content) + b'"'


def filtered(event: bytes) -> bytes:
    """An event of `aws logs filter-log-events`."""
    return (
        b'{"logStreamName": "s", "timestamp": 1, "message": ' + text(event) + b', "ingestionTime": 2, "eventId": "3"}'
    )


def firehose(contents: list[bytes]) -> bytes:
    """A request of Firehose to an HTTP endpoint."""
    records = (b'{"data": ' + in_base64(content) + b"}" for content in contents)
    return b'{"requestId": "r", "timestamp": 1578090901599, "records": [' + b", ".join(records) + b"]}"


def to_transform(contents: list[bytes]) -> bytes:
    """A call of Firehose to a transforming function."""
    records = (
        b'{"recordId": "%d", "approximateArrivalTimestamp": 1, "data": %b}' % (at, in_base64(content))
        for at, content in enumerate(contents)
    )
    return b'{"invocationId": "i", "deliveryStreamArn": "a", "region": "r", "records": [' + b", ".join(records) + b"]}"


def kinesis(content: bytes) -> bytes:
    """A record of Kinesis, as a function receives it."""
    return (
        b'{"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "1", "sequenceNumber": "4", "data": '
        + in_base64(content)
        + b', "approximateArrivalTimestamp": 1545084650.987}, "eventSource": "aws:kinesis", "eventVersion": "1.0",'
        b' "eventID": "e", "eventName": "aws:kinesis:record", "awsRegion": "us-east-2"}'
    )


def notified(event: bytes) -> bytes:
    """A notification of SNS."""
    return (
        b'{"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": '
        + text(event)
        + b', "Timestamp": "2026-03-02T10:00:00Z", "SignatureVersion": "1"}'
    )


def queued(event: bytes) -> bytes:
    """A message of SQS, as a function receives it."""
    head = b'{"messageId": "m", "receiptHandle": "r", "attributes": {"SentTimestamp": "1"}, "body": '
    return head + text(event) + b', "eventSource": "aws:sqs", "awsRegion": "us-east-1"}'


def published(event: bytes) -> bytes:
    """A message of Pub/Sub to a push endpoint."""
    head = b'{"message": {"attributes": {"k": "v"}, "data": '
    return (
        head
        + in_base64(event)
        + b', "messageId": "1", "publishTime": "t"}, "subscription": "projects/p/subscriptions/s"}'
    )


def splunked(event: bytes) -> bytes:
    """A result of Splunk's export."""
    head = b'{"preview": false, "offset": 0, "result": {"_time": "2026-03-02T10:00:00", "_raw": '
    return head + text(event) + b', "host": "h", "sourcetype": "aws:cloudtrail"}}'


def hit(source: bytes) -> bytes:
    return b'{"_index": "logs", "_id": "1", "_score": 1.0, "_source": ' + source + b"}"


def message(events: list[bytes]) -> bytes:
    """A message of Azure Monitor in an event hub."""
    return b'{"records": [' + b", ".join(events) + b"]}"


def captured(body: bytes) -> bytes:
    """A record of Event Hubs Capture in JSON."""
    return (
        b'{"SequenceNumber": 1, "Offset": "2", "EnqueuedTimeUtc": "3/2/2026 10:00:00 AM", "SystemProperties": {},'
        b' "Properties": {}, "Body": ' + body + b"}"
    )


CAPTURE_SCHEMA = (
    b'{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":['
    b'{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"},'
    b'{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},'
    b'{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},'
    b'{"name":"Body","type":["null","bytes"]}]}'
)


def avro_long(number: int) -> bytes:
    number, digits = (number << 1) ^ (number >> 63), b""
    while number > 0x7F:
        digits, number = digits + bytes([number & 0x7F | 0x80]), number >> 7
    return digits + bytes([number])


def avro_bytes(content: bytes) -> bytes:
    return avro_long(len(content)) + content


def avro_file(schema: bytes, blocks: list[tuple[int, bytes]], codec: bytes = b"null") -> bytes:
    """An Avro object container file of blocks, each with the number of its records."""
    sync = b"0123456789abcdef"
    header = avro_long(2) + avro_bytes(b"avro.codec") + avro_bytes(codec) + avro_bytes(b"avro.schema")
    packed = ((count, data if codec == b"null" else zlib.compress(data)[2:-4]) for count, data in blocks)
    return (
        b"Obj\x01" + header + avro_bytes(schema) + avro_long(0) + sync
        + b"".join(avro_long(count) + avro_bytes(data) + sync for count, data in packed)
    )  # fmt: skip


def avro_capture(bodies: list[bytes], codec: bytes = b"null") -> bytes:
    """A file of Event Hubs Capture."""
    properties = avro_long(1) + avro_bytes(b"x-opt-offset") + avro_long(2) + avro_bytes(b"1") + avro_long(0)
    head = avro_bytes(b"0") + avro_bytes(b"3/2/2026 10:00:00 AM") + properties + avro_long(0) + avro_long(1)
    records = [avro_long(at) + head + avro_bytes(body) for at, body in enumerate(bodies)]
    return avro_file(CAPTURE_SCHEMA, [(len(page), b"".join(page)) for page in pages_of(2, records)], codec)


def pages_of(size: int, events: list[bytes]) -> list[list[bytes]]:
    return [events[at : at + size] for at in range(0, len(events), size)]


def tables(events: list[bytes]) -> bytes:
    """An answer of the Log Analytics API: every column in every row, null where an event lacks it, JSON as text."""
    rows = [{name: value for name, value in json.loads(event).items() if value is not None} for event in events]
    names = list(dict.fromkeys(name for row in rows for name in row))
    nested = {name for row in rows for name, value in row.items() if isinstance(value, dict | list)}
    columns = [{"name": name, "type": "dynamic" if name in nested else "string"} for name in names]
    cells = [
        [json.dumps(row[name]) if name in nested and name in row else row.get(name) for name in names] for row in rows
    ]
    return json.dumps({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": cells}]}).encode()


def queried(event: bytes) -> bytes:
    """A row of `az monitor log-analytics query`: every value as text, `None` for null, JSON as text; the keys sorted."""
    cells = {
        name: json.dumps(value) if isinstance(value, dict | list) else str(value)
        for name, value in json.loads(event).items()
    }
    moment = {"TimeGenerated": "2026-03-02T10:00:00Z"} | cells
    return json.dumps(dict(sorted({**moment, "TableName": "PrimaryResult", "Extra": "None"}.items()))).encode()


def hunted(event: bytes) -> bytes:
    """A row of the streaming API of Microsoft Defender XDR."""
    return (
        b'{"time": "2026-03-02T11:00:07.0526253Z", "tenantId": "t", "operationName": "Publish",'
        b' "category": "AdvancedHunting-CloudAppEvents", "_TimeReceivedBySvc": "2026-03-02T10:57:49.2390000Z", "properties": '
        + event
        + b', "Tenant": "DefaultTenant"}'
    )


def diagnosed(event: bytes) -> bytes:
    """A line of the diagnostic log kube-audit of a cluster of Azure Kubernetes Service."""
    return (
        b'{"time": "2026-03-02T11:00:07.052Z", "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",'
        b' "category": "kube-audit-admin", "ccpNamespace": "5db19e5910fd970001fb355e", "resourceId": "/SUBSCRIPTIONS/S/R",'
        b' "properties": {"pod": "kube-apiserver-1", "stream": "stdout", "containerID": "c", "log": '
        + text(event)
        + b"}}"
    )


def diagnostics(event: bytes) -> bytes:
    """The same as a row of AzureDiagnostics."""
    return (
        b'{"TimeGenerated": "2026-03-02T11:00:07Z", "Category": "kube-audit", "OperationName":'
        b' "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read", "pod_s": "kube-apiserver-1", "log_s": '
        + text(event)
        + b', "Type": "AzureDiagnostics"}'
    )


MICROSOFT = frozenset({"microsoft365"})
HUNTING = frozenset({"cloud_app_events"})
AWS = frozenset({"cloudtrail"})
KUBERNETES = frozenset({"kubernetes"})
ANALYTICS = frozenset({"azure_activity", "entra_audit", "entra_signin", "graph_activity", "kubernetes", "microsoft365"})
QUERIED = ANALYTICS - {"azure_activity", "entra_signin"}  # some of whose samples have another time than that of the row
CLOUDWATCH, CAPTURE = "a subscription of Amazon CloudWatch Logs", "Azure Event Hubs Capture, as"
FIREHOSE = "a record of Amazon Data Firehose"
GRAPH, CMDLET, LOOKUPS, LOOKUP, BRIDGE = (
    "Microsoft Graph",
    "`Search-UnifiedAuditLog",
    "`aws cloudtrail lookup-events`",
    "an event of `aws cloudtrail lookup-events`",
    "Amazon EventBridge",
)

# fmt: off
DRESSES: Mapping[str, Dress] = {
    "a saved page of Graph":           Dress(GRAPH, lambda events: listed(list(map(graph, events)), b'{"@odata.context": "c", "value": ', b"}"), MICROSOFT),
    "Graph's annotations":             Dress(GRAPH, lambda events: listed(list(map(annotated, events)), b'{"value": ', b"}"), MICROSOFT, exact=False),
    "pages that Get-UALGraph appends": Dress(GRAPH, lambda events: b"\n".join(listed([graph(event)]) for event in events), MICROSOFT),
    "ConvertTo-Json, text":            Dress(CMDLET, lambda events: listed([cmdlet(text(event)) for event in events]), MICROSOFT),
    "ConvertTo-Json, object":          Dress(CMDLET, lambda events: listed([cmdlet(event) for event in events]), MICROSOFT),
    "ConvertTo-Json, lines":           Dress(CMDLET, lambda events: lines([cmdlet(text(event)) for event in events]), MICROSOFT),
    "lookup-events":                   Dress(LOOKUPS, lambda events: listed(list(map(looked_up, events)), b'{"Events": ', b', "NextToken": "n"}'), AWS),
    "lookup-events, as a list":        Dress(LOOKUP, lambda events: listed(list(map(looked_up, events))), AWS),
    "lookup-events, lines":            Dress(LOOKUP, lambda events: lines(list(map(looked_up, events))), AWS),
    "lookup-events, pretty-printed":   Dress(LOOKUPS, lambda events: json.dumps({"Events": [json.loads(looked_up(event)) for event in events]}, indent=4).encode(), AWS),
    "--query, a list of texts":        Dress("", lambda events: json.dumps([event.decode() for event in events], indent=4).encode()),
    "--query, texts on one line":      Dress("", lambda events: b"[" + b", ".join(map(text, events)) + b"]"),
    "--query, a text per line":        Dress("", lambda events: lines(list(map(text, events)))),
    "--query --output text":           Dress("", lambda events: b"\t".join(events) + b"\n"),
    "EventBridge":                     Dress(BRIDGE, lambda events: lines(list(map(bridged, events)))),
    "EventBridge, concatenated":       Dress(BRIDGE, lambda events: b"".join(map(bridged, events))),
    "CloudWatch Logs":                 Dress(CLOUDWATCH, lambda events: lines(list(map(subscribed, pages_of(3, events))))),
    "CloudWatch Logs through Firehose": Dress("a control message", lambda events: CONTROL + b"".join(map(subscribed, pages_of(3, events)))),
    "CloudWatch Logs in Lambda":       Dress("AWS Lambda's form", lambda events: b'{"awslogs": {"data": ' + in_base64(gzip.compress(subscribed(events))) + b"}}"),
    "filter-log-events":               Dress("an event of `aws logs", lambda events: listed(list(map(filtered, events)), b'{"events": ', b', "searchedLogStreams": []}')),
    "Firehose":                        Dress(FIREHOSE, firehose),
    "Firehose, gzip":                  Dress(FIREHOSE, lambda events: firehose([gzip.compress(subscribed(events))])),
    "Firehose to a function":          Dress(FIREHOSE, to_transform),
    "Firehose, several in one":        Dress(FIREHOSE, lambda events: firehose([lines(page) for page in pages_of(4, events)])),
    "Kinesis":                         Dress("AWS Lambda's form of a record", lambda events: listed(list(map(kinesis, events)), b'{"Records": ', b"}")),
    "Kinesis of CloudWatch Logs":      Dress("AWS Lambda's form of a record", lambda events: lines([kinesis(gzip.compress(subscribed(events)))])),
    "SNS":                             Dress("a notification of Amazon SNS", lambda events: lines(list(map(notified, events)))),
    "SNS in Lambda":                   Dress("AWS Lambda's form of a notification", lambda events: listed([b'{"EventSource": "aws:sns", "Sns": %b}' % notified(event) for event in events], b'{"Records": ', b"}")),
    "SQS in Lambda":                   Dress("a message of Amazon SQS", lambda events: listed(list(map(queued, events)), b'{"Records": ', b"}")),
    "EventBridge to SNS to SQS":       Dress("a message of Amazon SQS", lambda events: lines([queued(notified(bridged(event))) for event in events])),
    "receive-message":                 Dress("`aws sqs receive-message`", lambda events: lines([b'{"Messages": [%b]}' % b",".join(map(queued, page)) for page in pages_of(3, events)])),
    "Pub/Sub":                         Dress("a message of Google Cloud Pub/Sub", lambda events: lines(list(map(published, events)))),
    "Splunk, export":                  Dress("a result of a Splunk export", lambda events: lines(list(map(splunked, events)))),
    "Splunk, results":                 Dress("a result of a Splunk search", lambda events: b'{"preview": false, "results": [' + b",".join(b'{"_raw": %b}' % text(event) for event in events) + b"]}"),
    "Splunk, collector":               Dress("an event of Splunk's", lambda events: b"".join(b'{"time": 1, "host": "h", "sourcetype": "s", "event": %b}' % event for event in events)),
    "Elasticsearch, hits":             Dress("the hits of an Elastic", lambda events: b'{"took": 1, "hits": {"total": {"value": 1}, "hits": [' + b",".join(map(hit, events)) + b"]}}"),
    "Elasticsearch, a hit per line":   Dress("a hit of Elastic", lambda events: lines(list(map(hit, events)))),
    "an Elastic integration":          Dress("a document of an Elastic", lambda events: lines([hit(b'{"@timestamp": "t", "event": {"action": "a", "original": %b}, "message": "m"}' % text(event)) for event in events])),
    "Filebeat":                        Dress("a document of Filebeat", lambda events: lines([b'{"@timestamp": "t", "message": %b, "agent": {"type": "filebeat"}}' % text(event) for event in events])),
    "Event Hubs":                      Dress("a message of Azure Event Hubs", lambda events: lines(list(map(message, pages_of(3, events))))),
    "Event Hubs, in a list":           Dress("a message of Azure Event Hubs", lambda events: listed(list(map(message, pages_of(3, events))))),
    "Capture, text":                   Dress(CAPTURE, lambda events: lines([captured(text(message(page))) for page in pages_of(3, events)])),
    "Capture, object":                 Dress(CAPTURE, lambda events: listed([captured(message(page)) for page in pages_of(3, events)])),
    "Capture, Base64":                 Dress("Azure Event Hubs Capture with", lambda events: lines([captured(in_base64(message(page))) for page in pages_of(3, events)])),
    "Capture, Avro":                   Dress(CAPTURE, lambda events: avro_capture([message(page) for page in pages_of(3, events)])),
    "Capture, Avro and deflate":       Dress(CAPTURE, lambda events: avro_capture(list(map(message, pages_of(3, events))), b"deflate")),
    "Capture, Avro and gzip":          Dress("Azure Event Hubs Capture with", lambda events: avro_capture([gzip.compress(message(page)) for page in pages_of(3, events)])),
    "Capture, one event":              Dress(CAPTURE, lambda events: lines([captured(text(event)) for event in events])),
    "the body alone":                  Dress(CAPTURE, lambda events: lines([b'{"body": ' + message(page) + b"}" for page in pages_of(3, events)])),
    "the diagnostic log of AKS":       Dress("the diagnostic log of a cluster", lambda events: lines(list(map(diagnosed, events))), KUBERNETES),
    "AKS through Event Hubs":          Dress("the diagnostic log of a cluster", lambda events: lines([message(list(map(diagnosed, page))) for page in pages_of(3, events)]), KUBERNETES),
    "AKS in AzureDiagnostics":         Dress("the diagnostic log of a cluster", lambda events: lines(list(map(diagnostics, events))), KUBERNETES),
    "Duo, authentication logs":        Dress("an answer of the Duo Admin API, version 2", lambda events: b"\n".join(listed(page, b'{"stat": "OK", "response": {"authlogs": ', b', "metadata": {"total_objects": 1}}}') for page in pages_of(3, events))),
    "Duo, administrator logs":         Dress("an answer of the Duo", lambda events: b"\n".join(listed(page, b'{"response": ', b', "stat": "OK"}') for page in pages_of(3, events))),
    "Cloudflare":                      Dress("an answer of the Cloudflare", lambda events: b"\n".join(listed(page, b'{"errors": [], "messages": [], "result": ', b', "result_info": {"count": 1}, "success": true}') for page in pages_of(3, events))),
    "Atlassian Data Center":           Dress("a page of the audit log of Atlassian", lambda events: b"\n".join(listed(page, b'{"pagingInfo": {"lastPage": true, "size": 1}, "entities": ', b"}") for page in pages_of(3, events))),
    "runHuntingQuery of Graph":        Dress("an answer of Microsoft Graph", lambda events: listed(events, b'{"@odata.context": "c", "schema": [{"name": "Timestamp", "type": "DateTime"}], "results": ', b"}")),
    "the hunting API of Defender":     Dress("an answer of the advanced hunting API", lambda events: listed(events, b'{"Stats": {}, "Schema": [{"Name": "Timestamp", "Type": "DateTime"}], "Results": ', b"}"), HUNTING),
    "streamed to storage":             Dress("the streaming API", lambda events: lines(list(map(hunted, events))), HUNTING),
    "streamed to Event Hubs":          Dress("the streaming API", lambda events: lines([message(list(map(hunted, page))) for page in pages_of(3, events)]), HUNTING),
    "az monitor log-analytics query":  Dress("a row of `az monitor", lambda events: listed(list(map(queried, events))), QUERIED, exact=False, typed=False),
    "Log Analytics":                   Dress("an answer of the Log Analytics API", tables, ANALYTICS, exact=False),
}
# fmt: on
