"""Events in every wrapper, written as the vendors' pages of `casbah.ingest.wrappers` show them, not as our code reads them.

A dress takes the JSON texts of events and gives the text of one file or body.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Dressing = Callable[[list[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Dress:
    """One form of a wrapper; `row` is the start of that row's title, `sources` the sources it carries, or all if empty.

    `exact` is whether it keeps the bytes of an event, and not only its values.
    """

    row: str
    dress: Dressing
    sources: frozenset[str] = frozenset()
    exact: bool = True


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
    return graph(event.replace(b"{", b'{"@odata.type":"#microsoft.graph.security.defaultAuditData",', 1))


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


MICROSOFT = frozenset({"microsoft365"})
AWS = frozenset({"cloudtrail"})
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
    "EventBridge":                     Dress(BRIDGE, lambda events: lines(list(map(bridged, events)))),
    "EventBridge, concatenated":       Dress(BRIDGE, lambda events: b"".join(map(bridged, events))),
}
# fmt: on
