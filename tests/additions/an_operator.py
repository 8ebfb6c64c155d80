"""The operator `surrounds` works in every layer, for text and nothing else."""

from tools.docs import pages
from tools.docs.client import operators, where

from additions.application import application, post
from casbah.activity.matching import matches
from casbah.client import operators as operators_module
from casbah.store.opensearch.render import render
from making import query, record

FILTERS = {"user.username": {"surrounds": ["ada"]}}
ADA = record(1, user={"userName": "ada@example.com"})
BOB = record(2, user={"userName": "bob@nada"})
CYD = record(3, user={"userName": "cyd@ada.example"})

predicate = query(FILTERS).predicate
assert [matches(predicate, item) for item in (ADA, BOB, CYD)] == [True, True, False]
assert "user_name" in repr(render(predicate, lambda *_: ()))

with application(ADA, BOB, CYD) as (ask, _):
    page = post(ask, "/api/v1/activities/", filters=FILTERS).json
    assert [item["_id"] for item in page["data"]] == ["activity-1", "activity-2"]
    metadata = {item["name"]: item for item in ask("GET", "/api/v1/activities/metadata/").json["filters"]}
    assert {"id": "surrounds", "documented": False} in metadata["user.username"]["operators"]
    assert "surrounds" not in {item["id"] for item in metadata["service"]["operators"]}
    labels = {item["name"]: item["label"] for item in ask("GET", "/api/ext/v1/choices").json["operators"]}
    assert labels["surrounds"] == "begins or ends with"
    schemas = ask("GET", "/openapi.json").body.decode()
    assert '"surrounds"' in schemas

assert "| `surrounds` | begins or ends with one of the texts |" in pages.filters()
client: dict[str, object] = {"__name__": "where"}
exec(operators(), vars(operators_module))  # noqa: S102  the generated modules, as `make docs` would write them
exec(where(), client)  # noqa: S102
assert client["user"].username.surrounds("ada") == FILTERS  # type: ignore[attr-defined]
