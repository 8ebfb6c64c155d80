"""The change feed over the wire: cursors, waiting, and the stream of events."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.http import changes
from making import NOW, arrival, record
from scenarios.inprocess import Asker
from scenarios.server import serving

PATH, TAIL = "/api/ext/v1/changes", "/api/ext/v1/tail"
TENANT = TenantId("default")


def stored(house: Application, *numbers: int, tenant_id: TenantId = TENANT, **more: Any) -> list[str]:
    made = [record(number, **more) for number in numbers]
    house.services.store.tenant(tenant_id).insert([arrival(each) for each in made])
    return [each["_id"] for each in made]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Application]]:
    with ExitStack() as stack:

        def again() -> Application:
            stack.close()
            return stack.enter_context(compose.build(settings.read({}, store=str(tmp_path))))

        yield again


@pytest.fixture
def house(opened: Callable[[], Application]) -> Application:
    return opened()


@pytest.fixture
def ask(house: Application) -> Asker:
    return Asker(house.app, house.local_key)


def changed(ask: Asker, **asked: Any) -> dict[str, Any]:
    answer = ask("POST", PATH, json.dumps(asked).encode())
    assert answer.status == 200, answer.body
    return answer.json


def ids(answer: dict[str, Any]) -> list[str]:
    return [each["_id"] for each in answer["data"]]


def test_cursors_lead_through_all_of_it_and_on(house: Application, ask: Asker) -> None:
    first = stored(house, 3, 1, 2)
    one = changed(ask, limit=2)
    assert (ids(one), one["hasNext"]) == (first[:2], True)
    two = changed(ask, cursor=one["cursor"])
    assert (ids(two), two["hasNext"]) == (first[2:], False)
    assert changed(ask, cursor=two["cursor"]) == {"data": [], "cursor": two["cursor"], "hasNext": False}
    late = stored(house, 9, timestamp=NOW - 30 * 86_400_000)
    assert ids(changed(ask, cursor=two["cursor"])) == late
    assert ids(changed(ask)) == [*first, *late]


def test_a_cursor_outlives_the_server(opened: Callable[[], Application]) -> None:
    house = opened()
    stored(house, 1, 2)
    cursor = changed(Asker(house.app, house.local_key))["cursor"]
    house = opened()
    assert ids(changed(Asker(house.app, house.local_key), cursor=cursor)) == []
    new = stored(house, 3)
    assert ids(changed(Asker(house.app, house.local_key), cursor=cursor)) == new


def test_filters_choose_and_the_cursor_passes_over_the_rest(house: Application, ask: Asker) -> None:
    stored(house, *range(10))
    wanted = stored(house, 11, appId=5)
    stored(house, *range(20, 30))
    answer = changed(ask, filters={"service": {"eq": [5]}})
    assert ids(answer) == wanted
    assert changed(ask, cursor=answer["cursor"])["data"] == []


def test_now_is_from_now_on(house: Application, ask: Asker) -> None:
    stored(house, 1)
    answer = changed(ask, cursor="now")
    assert answer["data"] == []
    new = stored(house, 2)
    assert ids(changed(ask, cursor=answer["cursor"])) == new


def test_it_waits_for_what_is_stored(house: Application, ask: Asker) -> None:
    cursor = changed(ask)["cursor"]
    threading.Timer(0.3, lambda: stored(house, 1, appId=5)).start()
    begun = time.monotonic()
    assert ids(changed(ask, cursor=cursor, wait=20, filters={"service": {"eq": 5}})) == ["activity-1"]
    assert time.monotonic() - begun < 15
    assert changed(ask, cursor=changed(ask)["cursor"], wait=1)["data"] == []


@pytest.mark.parametrize(
    "cursor, said",
    [
        ("yesterday", "expected an answer's cursor"),
        (7, "expected an answer's cursor, or now, got integer 7"),
        ("x" * 200, "at most 128 characters"),
        ("MS4tMS4wMDAwMDAwMA", "is not one of this tenant's cursors"),
        ("w4TDhMOE", "expected an answer's cursor"),
    ],
)
def test_a_cursor_that_is_none_is_refused(ask: Asker, cursor: Any, said: str) -> None:
    for method, path in (("POST", PATH), ("GET", TAIL)):
        answer = ask(method, path, json.dumps({"cursor": cursor}).encode())
        assert answer.status == 400
        assert said in answer.json["detail"]


def test_cursors_of_another_tenant_and_of_a_later_state_are_refused(house: Application, ask: Asker) -> None:
    key, _ = house.services.tokens.create("x", tenant="fabrikam", scopes=["Investigation.read"])
    theirs = changed(Asker(house.app, key))["cursor"]
    assert "not one of this tenant's" in ask("POST", PATH, json.dumps({"cursor": theirs}).encode()).json["detail"]
    stored(house, 1, 2)
    later = changed(ask)["cursor"]
    tenant = house.services.store.tenant(TenantId("default"))
    mark = tenant.high_water_mark()
    tenant.high_water_mark = lambda: mark - 1  # type: ignore[method-assign]
    assert "start again" in ask("POST", PATH, json.dumps({"cursor": later}).encode()).json["detail"]


# The stream, over a socket.


class Reader:
    """A client of the stream as browsers have one: it keeps the last id, and comes again with it."""

    def __init__(self, url: str, key: str, **query: str) -> None:
        self.url, self.query = url, query
        self.headers = {"Authorization": f"Token {key}"}
        self.last: str | None = None

    def read(self, count: int, *, crash: bool = False) -> list[str]:
        """So many records; with `crash`, the last id is forgotten again."""
        before, found = self.last, []
        sent = {**self.headers, **({"Last-Event-ID": self.last} if self.last else {})}
        with httpx.stream("GET", self.url + TAIL, params=self.query, headers=sent, timeout=20) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            lines = answer.iter_lines()
            while len(found) < count or (count == 0 and self.last is None):
                line = next(lines)
                if line.startswith("id: "):
                    self.last = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    found.append(json.loads(line.removeprefix("data: "))["_id"])
        if crash:
            self.last = before
        return found


def test_the_stream_goes_on_from_the_last_event(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, house):
        stored(house, 1)
        reader = Reader(url, house.local_key)
        assert reader.read(0) == []
        new = stored(house, *range(10, 30), description="two\nlines")
        assert reader.read(5) == new[:5]
        assert reader.read(3, crash=True) == new[5:8]
        assert reader.read(15) == new[5:]
        threading.Timer(0.2, lambda: stored(house, 99)).start()
        assert reader.read(1) == ["activity-99"]
        few = Reader(
            url,
            house.local_key,
            filters='{"service": {"eq": 5}}',
            cursor=changed(Asker(house.app, house.local_key), limit=1)["cursor"],
        )
        wanted = stored(house, 200, appId=5)
        assert few.read(1) == wanted


def test_a_stream_ends_by_itself_and_when_the_server_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as (url, house):
        headers = {"Authorization": f"Token {house.local_key}"}
        with monkeypatch.context() as patch:
            patch.setattr(changes, "STREAM_SECONDS", 0.2)
            assert httpx.get(url + TAIL, headers=headers).text.startswith(": casbah\nid: ")
        begun = threading.Event()
        ended: list[float] = []

        def follow() -> None:
            with httpx.stream("GET", url + TAIL, headers=headers, timeout=60) as answer:
                for _ in answer.iter_lines():
                    begun.set()
            ended.append(time.monotonic())

        thread = threading.Thread(target=follow)
        thread.start()
        assert begun.wait(10)
        stopped = time.monotonic()
    thread.join(20)
    assert ended
    assert ended[0] - stopped < 10


def test_quiet_streams_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_QUIET_SECONDS", 0.05)
    with serving(tmp_path) as (url, house):
        headers = {"Authorization": f"Token {house.local_key}"}
        text = ""
        with httpx.stream("GET", url + TAIL, headers=headers, timeout=60) as answer:
            for part in answer.iter_text():
                text += part
                if text.count(": quiet\nid: ") >= 2:
                    break
    assert text.count(": quiet\nid: ") >= 2


def test_a_stream_that_cannot_go_on_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, house):
        house.services.store.close()
        assert httpx.get(url + TAIL, headers={"Authorization": f"Token {house.local_key}"}).status_code == 503


def test_asyncio_is_not_kept_busy_by_those_who_wait(house: Application, ask: Asker) -> None:
    """A hundred who wait cost a look each now and then, and no thread of a search."""
    cursor = changed(ask)["cursor"]

    async def wait_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=house.app)
        headers = {"Authorization": f"Token {house.local_key}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://casbah", headers=headers, timeout=30
        ) as client:
            waiting = [asyncio.create_task(client.post(PATH, json={"cursor": cursor, "wait": 20})) for _ in range(100)]
            await asyncio.sleep(0.3)
            listed = await client.post("/api/v1/activities/", json={})
            assert listed.status_code == 200
            await asyncio.to_thread(stored, house, 1)
            return await asyncio.gather(*waiting)

    assert [len(each.json()["data"]) for each in asyncio.run(wait_all())] == [1] * 100
