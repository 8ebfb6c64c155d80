"""The real logs that stand beside the repository: how many events of each file become how many activities."""

from collections import Counter

import pytest

from casbah.activity.arrival import Arrival
from casbah.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.pipeline import arrivals
from casbah.ingest.reading import pages

# fmt: off
# file, connector, read, stored as new (distinct id and body), refused
FILES = [
    ("aws_cloudtrail/cribl.ndjson",                               "cloudtrail",         44,   44,  0),
    ("aws_cloudtrail/invictus.ndjson",                            "cloudtrail",       2900, 2900,  0),
    ("aws_cloudtrail/mordor_ec2_proxy_s3.ndjson",                 "cloudtrail",        103,  103,  0),
    ("aws_cloudtrail/panther_AWS_CloudTrail.ndjson",              "cloudtrail",        463,  424, 17),
    ("aws_cloudtrail/stratus.ndjson",                             "cloudtrail",        310,  310,  0),
    ("google_workspace/invictus.ndjson",                          "google_workspace",  371,  371,  0),
    ("google_workspace/panther_GSuite_ActivityEvent.ndjson",      "google_workspace",  157,   65, 63),
    ("mdca_records/mdca_activity_records.json",                   "mdca",                3,    3,  0),
    ("o365/mordor_officeactivity.ndjson",                         "microsoft365",        1,    1,  0),
    ("o365/msticpy_exchange_admin.ndjson",                        "microsoft365",     1334, 1334,  0),
    ("o365/panther_Microsoft365_Audit_AzureActiveDirectory.ndjson", "microsoft365",      4,    4,  0),
    ("o365/panther_Microsoft365_Audit_Exchange.ndjson",           "microsoft365",       10,   10,  0),
    ("o365/panther_Microsoft365_Audit_SharePoint.ndjson",         "microsoft365",        5,    5,  0),
    ("o365/sentinel_officeactivity.ndjson",                       "microsoft365",      268,  266,  2),
]
# fmt: on
CASES = [pytest.param(*row, id=row[0]) for row in FILES]


def read(shared, file):
    paths = [str(shared / "data" / "sources" / file)]
    ((name, items),) = [
        (page.connector.name, list(arrivals(page.items, page.connector)))
        for page in pages(paths, connectors=connectors())
    ]
    return name, items


@pytest.mark.parametrize(("file", "connector", "count", "distinct", "refused"), CASES)
def test_counts(shared, file, connector, count, distinct, refused):
    found, items = read(shared, file)
    fresh = {(each.id, each.digest) for each in items if isinstance(each, Arrival)}
    refusals = [each.reason for each in items if isinstance(each, Refusal)]
    assert (found, len(items), len(fresh), len(refusals)) == (connector, count, distinct, refused)
    assert all(reason.startswith("no usable time: ") for reason in refusals)


@pytest.mark.parametrize("file", [row[0] for row in FILES])
def test_the_same_file_again_gives_the_same(shared, file):
    assert read(shared, file) == read(shared, file)


@pytest.mark.parametrize("file", [row[0] for row in FILES])
def test_an_event_stands_in_its_record_byte_for_byte(shared, file):
    text = (shared / "data" / "sources" / file).read_bytes()
    _, items = read(shared, file)
    for each in items:
        if isinstance(each, Arrival) and each.digest:
            assert each.record[each.record.index(b'"rawDataJson":') + 14 : -1] in text


def test_one_id_with_several_bodies_is_several_activities(shared):
    _, items = read(shared, "aws_cloudtrail/panther_AWS_CloudTrail.ndjson")
    bodies = Counter(
        identity for identity, _ in {(each.id, each.digest) for each in items if isinstance(each, Arrival)}
    )
    assert max(bodies.values()) > 1
