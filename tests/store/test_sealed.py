"""Records with their salts come in order and complete, whatever the size of pages, across partitions and gaps of numbers."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from casbah.activity.tenant import TenantId
from casbah.store.embedded import sealed
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.sealed import SealedRecords, SealedTenant
from making import NOW, arrival, query, record

DAY = 86_400_000


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedTenant]:
    """300 activities in partitions of a year, of which 200 in a row are deleted and some are replaced."""
    with closing(EmbeddedStore(tmp_path_factory.mktemp("store"), clock=lambda: NOW)) as store:
        tenant = store.tenant(TenantId("acme"))
        for first in range(0, 300, 50):
            tenant.insert([arrival(made(number)) for number in range(first, first + 50)])
        tenant.replace([arrival(made(number, description="again")) for number in (280, 3, 290, 4)])
        tenant.delete(query({"user.username": {"eq": ["gone"]}}).predicate)
        yield tenant


def made(number: int, **keys: object) -> dict[str, object]:
    gone = 20 <= number < 220
    user = {"userName": "gone" if gone else "here"}
    return dict(record(number, timestamp=NOW - number * 97 % 360 * DAY, user=user, **keys))


def paged(read: Callable[..., SealedRecords], limit: int, last: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    after = 0
    while after < last:
        page = read(after=after, limit=limit)
        assert len(page.records) <= limit
        assert page.reached > after
        found += [(item.number, item.stored) for item in page.records]
        after = page.reached
    return found


@pytest.mark.parametrize("limit", [1, 3, 40, 1_000])
@pytest.mark.parametrize("width", [1, 16, 1_000])
def test_pages_have_all_records_in_order(tenant, limit, width, monkeypatch):
    monkeypatch.setattr(sealed, "_NUMBERS", width)
    stored = paged(tenant.sealed, limit, tenant.high_water_mark())
    assert [number for number, _ in stored] == sorted({number for number, _ in stored})
    assert len(stored) == 100
    replaced = paged(tenant.replaced, limit, tenant.high_water_mark())
    assert [last for _, last in replaced] == sorted(last for _, last in replaced)
    assert {number for number, _ in replaced} == {number for number, last in stored if last != number}
    assert len(replaced) == 4


def test_a_page_of_all_reaches_the_end(tenant):
    assert tenant.sealed(after=0, limit=101).reached == tenant.high_water_mark()
    assert tenant.sealed(after=tenant.high_water_mark(), limit=5).records == []
