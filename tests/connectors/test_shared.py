"""The real logs that stand beside the repository: how many events of each file become how many activities."""

import json
from collections import Counter

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognized, Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import pages

# fmt: off
# file, connectors, read, stored as new (distinct id and body), refused
FILES = [
    ("atlassian/panther_Atlassian_Audit.ndjson",                   "atlassian github okta zendesk", 10,    7,  3),
    ("auth0/panther_Auth0_Events.ndjson",                          "auth0",                57,   50,  0),
    ("aws_cloudtrail/cribl.ndjson",                                "cloudtrail",           44,   44,  0),
    ("aws_cloudtrail/invictus.ndjson",                             "cloudtrail",         2900, 2900,  0),
    ("aws_cloudtrail/mordor_ec2_proxy_s3.ndjson",                  "cloudtrail",          103,  103,  0),
    ("aws_cloudtrail/panther_AWS_CloudTrail.ndjson",               "cloudtrail",          463,  425, 16),
    ("aws_cloudtrail/stratus.ndjson",                              "cloudtrail",          310,  310,  0),
    ("azure/panther_Azure_MonitorActivity.ndjson",                 "azure_activity",      214,  214,  0),
    ("azure/sentinel_azureactivity.ndjson",                        "azure_activity",      348,  348,  0),
    ("box/panther_Box_Event.ndjson",                               "box",                  26,    0, 26),
    ("docusign/panther_Docusign_Connect.ndjson",                   "docusign",             16,   16,  0),
    ("dropbox/panther_Dropbox_TeamEvent.ndjson",                   "dropbox",              17,   11,  6),
    ("entra/graph_signins.ndjson",                                 "entra_signin",          2,    2,  0),
    ("entra/mordor_aad_audit.ndjson",                              "entra_audit",           4,    4,  0),
    ("entra/panther_Azure_Audit.ndjson",                           "entra_audit entra_signin", 47,   46,  0),
    ("entra/sentinel_auditlogs.ndjson",                            "entra_audit entra_signin", 9,    4,  5),
    ("entra/sentinel_signin.ndjson",                               "entra_signin",         56,   56,  0),
    ("gcp/panther_GCP_AuditLog.ndjson",                            "gcp",                 168,  149, 15),
    ("github/panther_GitHub_Audit.ndjson",                         "github",              101,   73, 26),
    ("google_workspace/invictus.ndjson",                           "google_workspace",    371,  371,  0),
    ("google_workspace/panther_GSuite_ActivityEvent.ndjson",       "google_workspace",    157,   65, 63),
    ("mdca_records/mdca_activity_records.json",                    "mdca",                  3,    3,  0),
    ("notion/panther_Notion_AuditLogs.ndjson",                     "notion",               31,   23,  0),
    ("o365/mordor_officeactivity.ndjson",                          "microsoft365",          1,    1,  0),
    ("o365/msticpy_exchange_admin.ndjson",                         "microsoft365",       1334, 1334,  0),
    ("o365/panther_Microsoft365_Audit_AzureActiveDirectory.ndjson", "microsoft365",          4,    4,  0),
    ("o365/panther_Microsoft365_Audit_Exchange.ndjson",            "microsoft365",         10,   10,  0),
    ("o365/panther_Microsoft365_Audit_SharePoint.ndjson",          "microsoft365",          5,    5,  0),
    ("o365/sentinel_officeactivity.ndjson",                        "microsoft365",        268,  266,  2),
    ("okta/cribl.ndjson",                                          "okta",                100,  100,  0),
    ("okta/panther_Okta_SystemLog.ndjson",                         "okta",                 66,   49,  8),
    ("onelogin/panther_OneLogin_Events.ndjson",                    "cloudtrail onelogin zoom", 31,    5, 26),
    ("onepassword/auditevents.ndjson",                             "onepassword",          67,   67,  0),
    ("onepassword/panther_OnePassword_ItemUsage.ndjson",           "onepassword",           4,    4,  0),
    ("salesforce/eventlogfile_parsed.ndjson",                      "salesforce",          100,  100,  0),
    ("salesforce/login_history.ndjson",                            "salesforce",          100,  100,  0),
    ("salesforce/panther_Salesforce_RealtimeEvent.ndjson",         "salesforce",           19,   19,  0),
    ("salesforce/setup_audit_trail.ndjson",                        "salesforce",          100,  100,  0),
    ("slack/panther_Slack_AuditLogs.ndjson",                       "slack",                66,   17, 32),
    ("snowflake/panther_Snowflake_LoginHistory.ndjson",            "snowflake",            18,   12,  0),
    ("zendesk/panther_Zendesk_Audit.ndjson",                       "zendesk",              18,   15,  0),
    ("zoom/panther_Zoom_Operation.ndjson",                         "zoom",                 28,   27,  1),
]
# fmt: on
CASES = [pytest.param(*row, id=row[0]) for row in FILES]


def read(shared, file):
    names = set()

    def noted(items):
        for item in items:
            if isinstance(item, Recognized):
                names.add(item.connector.name)
            yield item

    paths = [str(shared / "data" / "sources" / file)]
    (items,) = [list(new_activities(noted(page.items))) for page in pages(paths, connectors=connectors())]
    return " ".join(sorted(names)), items


@pytest.mark.slow
@pytest.mark.parametrize(("file", "connector", "count", "distinct", "refused"), CASES)
def test_counts(shared, file, connector, count, distinct, refused):
    found, items = read(shared, file)
    fresh = {(item.id, item.digest) for item in items if isinstance(item, NewActivity)}
    refusals = [item.reason for item in items if isinstance(item, Refusal)]
    assert (found, len(items), len(fresh), len(refusals)) == (connector, count, distinct, refused)
    assert all(reason.startswith(("no usable time: ", "source not recognized; ")) for reason in refusals)


@pytest.mark.slow
@pytest.mark.parametrize("file", [row[0] for row in FILES])
def test_the_same_file_again_gives_the_same(shared, file):
    assert read(shared, file) == read(shared, file)


@pytest.mark.parametrize("file", [row[0] for row in FILES])
def test_an_event_stands_in_its_record_byte_for_byte(shared, file):
    text = (shared / "data" / "sources" / file).read_bytes()
    _, items = read(shared, file)
    for item in items:
        if isinstance(item, NewActivity) and item.digest:
            assert item.record[item.record.index(b'"rawDataJson":') + 14 : -1] in text


def test_one_id_with_several_bodies_is_several_activities(shared):
    _, items = read(shared, "aws_cloudtrail/panther_AWS_CloudTrail.ndjson")
    bodies = Counter(
        identity for identity, _ in {(item.id, item.digest) for item in items if isinstance(item, NewActivity)}
    )
    assert max(bodies.values()) > 1


# Hand-made test data of rules, which keep of an event only what the rule reads: nothing says whose they are.
FRAGMENTS = (
    ["action"],
    ["methodName"],
    ["p_enrichment", "protoPayload"],
    ["operation", "p_enrichment"],
    [
        "displayMessage",
        "eventType",
        "legacyEventType",
        "outcome",
        "securityContext",
        "severity",
        "target",
        "transaction",
        "uuid",
        "version",
    ],
)


def test_exactly_one_connector_recognizes_each_event(shared):
    detector = Detector(connectors())
    others = [
        (path.name, sorted(event), names)
        for path in sorted((shared / "data" / "sources").glob("*/*.ndjson"))
        for event in map(json.loads, path.read_bytes().splitlines())
        for names in [[connector.name for connector in detector.connectors_of(event)]]
        if len(names) != 1
    ]
    assert [row for row in others if row[2] or row[1] not in FRAGMENTS] == []
