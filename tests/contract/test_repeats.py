"""Values that repeat another of the same record in other words: all match, and of each thing one is counted."""

from collections import Counter
from typing import Any

import pytest

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, values
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.store.contract import FacetQuery, GroupQuery, Store, ValuesOf
from casbah.store.embedded import facets
from contract.test_facets import guid
from making import arrival, query, record
from samples import telling_records

TENANT = TenantId("default")
SITE = guid(1_000)
REPEATED = [field for field in FIELDS.values() if field.repeats is not None]
DOWNLOADS = [(user, item) for user in range(3) for item in range(4 * user, 10)] * 2
"""Who downloaded which file, twice."""


def downloaded(at: int, user: int, item: int) -> dict[str, Any]:
    """A download as Microsoft 365 logs it: the file's id is that of a list item, and its site's is known."""
    file = {"id": guid(item), "name": f"Report {item}.docx", "objType": 3}
    return record(
        at,
        appId=20892,
        srcAppId=11161,
        eventTypeValue="EVENT_O365_SHAREPOINT_GENERIC",
        mainInfo={"rawOperationName": "FileDownloaded", "eventObjects": [file]},
        rawDataJson={"ListItemUniqueId": guid(item), "Site": SITE.upper()},
        user={"userName": f"user-{user}"},
    )


@pytest.fixture
def downloads(store: Store) -> Store:
    rows = [downloaded(at, user, item) for at, (user, item) in enumerate(DOWNLOADS)]
    store.tenant(TENANT).insert(map(arrival, rows))
    return store


def top(store: Store, name: str, limit: int = 1_000, prefix: str = "") -> dict[Any, int]:
    return dict(store.tenant(TENANT).top_values(FacetQuery(FIELDS[name], p.Everything(), limit, prefix)))


def groups(store: Store, by: str, *distinct: str) -> dict[Any, tuple[int, ...]]:
    wanted = GroupQuery((ValuesOf(FIELDS[by]),), tuple(ValuesOf(FIELDS[name]) for name in distinct), p.Everything())
    return {group.values[0]: (group.total, *group.distinct) for group in store.tenant(TENANT).groups(wanted)}


FILES = Counter(guid(item) for _, item in DOWNLOADS)
NAMES = Counter(f"report {item}.docx" for _, item in DOWNLOADS)


def test_a_file_is_listed_once(downloads: Store) -> None:
    assert top(downloads, "file_id") == FILES
    assert top(downloads, "file_selector") == FILES | NAMES
    assert top(downloads, "action_type") == {"filedownloaded": len(DOWNLOADS)}


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_file_is_listed_once_among_few(downloads: Store, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "_NAMED", 1)
    monkeypatch.setattr(facets, "_SPARE", 1)
    monkeypatch.setattr(facets, "_MORE", 2)
    most = sorted(FILES.items(), key=lambda item: (-item[1], item[0]))[:limit]
    assert top(downloads, "file_id", limit) == dict(most)


def test_only_the_name_that_counts_is_offered(downloads: Store) -> None:
    assert top(downloads, "file_id", prefix=SITE.upper()) == {}
    assert top(downloads, "file_id", prefix=guid(9)) == {guid(9): 6}
    assert top(downloads, "action_type", prefix="20892:") == {}


def test_groups_count_a_file_once(downloads: Store) -> None:
    taken = {f"user-{user}": [item for own, item in DOWNLOADS if own == user] for user in range(3)}
    assert groups(downloads, "user_name", "file_id", "action_type") == {
        user: (len(items), len(set(items)), 1) for user, items in taken.items()
    }
    assert groups(downloads, "file_id", "file_selector") == {file: (total, 2) for file, total in FILES.items()}
    assert groups(downloads, "action_type", "file_id") == {"filedownloaded": (len(DOWNLOADS), len(FILES))}


@pytest.mark.parametrize("name", ["fileId", "fileSelector"])
def test_both_ids_of_a_file_match(downloads: Store, name: str) -> None:
    for item in {item for _, item in DOWNLOADS}:
        for value in (guid(item), f"{SITE.upper()}|{guid(item)}"):
            assert downloads.tenant(TENANT).count(query({name: {"eq": [value]}}).predicate) == FILES[guid(item)]


def test_all_names_of_an_operation_match(downloads: Store) -> None:
    stem = "EVENT_O365_SHAREPOINT_GENERIC:FileDownloaded"
    for value in ("FileDownloaded", f"20892:{stem}", f"11161:{stem}"):
        assert downloads.tenant(TENANT).count(query({"actionType": {"eq": [value]}}).predicate) == len(DOWNLOADS)


def test_groups_hold_after_files_were_replaced_and_deleted(downloads: Store) -> None:
    tenant = downloads.tenant(TENANT)
    tenant.replace([arrival(downloaded(0, 0, 500))])
    tenant.delete(query({"user.username": {"eq": ["user-2"]}}).predicate)
    left = [(0, 500), *((user, item) for user, item in DOWNLOADS[1:] if user != 2)]
    assert top(downloads, "file_id") == Counter(guid(item) for _, item in left)


@pytest.mark.parametrize("field", REPEATED, ids=lambda field: field.name)
def test_every_record_with_values_has_one_that_counts(field: Any) -> None:
    rows = [values(field, Reading(item)) for item in (*telling_records(), *(downloaded(at, 0, at) for at in range(9)))]
    assert [own for own in rows if own and not any(map(field.counts, own))] == []
    assert any(not all(map(field.counts, own)) for own in rows)
