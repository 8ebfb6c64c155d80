"""casbah copy: from a folder to a cluster, and back; and the server on a cluster, asked as any other."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity import predicate as p
from casbah.activity.tenant import TenantId
from casbah.errors import StoreFormatError
from casbah.testing.records import records
from cluster.opening import Place
from command_line import app
from making import NOW, arrival, record
from scenarios.inprocess import Asker

RECORDS = records(1_200, until=1_760_000_000_000)
LIST, INGEST = "/api/v1/activities/", "/api/ext/v1/activities?source=mdca"


def told(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def page_of(store: str, skip: int) -> Any:
    with compose.build(settings.read({}, store=store, audit="off")) as house:
        return Asker(house.app, house.local_key)("POST", LIST, json.dumps({"skip": skip}).encode()).body


def test_there_and_back_again(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_CLUSTER_REPLICAS", "1")
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    one, back = str(tmp_path / "one"), str(tmp_path / "back")
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    CliRunner().invoke(app, ["ingest", str(tmp_path / "records.ndjson"), "--store", one])
    token = json.loads(CliRunner().invoke(app, ["token", "create", "reader", "--json", "--store", one]).stdout)
    CliRunner().invoke(app, ["feedback", RECORDS[0]["_id"], "--text", "seen", "--store", one])
    for source, target in ((one, place.address), (place.address, back)):
        (row,) = told("copy", "--from", source, "--to", target)
        assert (row["stored"], row["feedback"], row["different"]) == (1_200, 1, 0)
    with compose.build(settings.read({}, store=back, audit="off")) as house:
        assert Asker(house.app, token["token"])("GET", LIST).status == 200, "tokens come along"
    assert [page_of(back, skip) for skip in range(0, 1_200, 100)] == [
        page_of(one, skip) for skip in range(0, 1_200, 100)
    ]


def test_a_cluster_of_an_older_format_is_copied_to_another_prefix(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASBAH_CLUSTER_REPLICAS", "0")
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "mine"))
    store = place.opened()
    store.tenant(TenantId("default")).insert([arrival(record(n)) for n in range(300)])
    cluster = store._shared.cluster
    name = f"_index_template/{cluster.names.template}"
    template = cluster.ask("GET", name)["index_templates"][0]["index_template"]
    template["template"]["mappings"]["_meta"]["format"] = 1
    cluster.ask("PUT", name, template)
    with pytest.raises(StoreFormatError, match="casbah copy them to another prefix"):
        place.opened()
    (row,) = told("copy", "--from", place.address, "--to", f"{place.address}-new")
    assert (row["stored"], row["different"]) == (300, 0)
    assert cluster.ask("GET", name)["index_templates"][0]["index_template"] == template, "it is left as it is"
    store.close()


def test_a_server_on_a_cluster_answers_as_one_on_a_folder(place: Place, tmp_path: Path) -> None:
    body = "\n".join(json.dumps(record) for record in RECORDS).encode()
    questions = [
        ("POST", LIST, b"{}"),
        ("POST", LIST, b'{"filters": {"location.country": {"eq": ["US"]}}, "skip": 20, "sortDirection": "asc"}'),
        ("POST", LIST, b'{"isScan": true, "limit": 500}'),
        ("GET", f"{LIST}{RECORDS[7]['_id']}/", b""),
        ("POST", "/api/v1/activities/count/", b'{"filters": {"user.username": {"startswith": ["a"]}}}'),
        ("POST", "/api/ext/v1/facets", b'{"facets": ["location.country", "user.username", "service"]}'),
        ("POST", "/api/ext/v1/histogram", b'{"span": "1d"}'),
    ]
    answers = []
    for store in (place.address, str(tmp_path)):
        where = {"store": store} if store != place.address else {"cluster": store, "store": str(tmp_path / "home")}
        chosen = settings.read({}, audit="off", **where)
        with compose.build(chosen, clock=lambda: NOW) as house:
            ask = Asker(house.app, house.local_key)
            assert ask("POST", INGEST, body).json == {"stored": 1_200, "duplicates": 0, "refused": []}
            assert ask("GET", "/readyz").status == 200
            answers.append([(each.status, each.json) for each in (ask(*question) for question in questions)])
            assert ask("POST", "/api/ext/v1/snapshots").status == (409 if store == place.address else 201)
    assert answers[0] == answers[1]


def test_two_servers_see_what_each_other_stores(place: Place, tmp_path: Path) -> None:
    stores = [place.opened(), place.opened()]
    tenant_id = TenantId("default")
    with compose.build(settings.read({}, cluster=place.address, store=str(tmp_path), audit="off")) as house:
        ask = Asker(house.app, house.local_key)
        for number, each in enumerate(RECORDS[:10], 1):
            ask("POST", INGEST, json.dumps(each).encode())
            assert [store.tenant(tenant_id).count(p.Everything()) for store in stores] == [number, number]
    for store in stores:
        store.close()
