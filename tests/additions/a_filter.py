"""The filter `object.tags` works in every layer."""

from tools.docs import pages
from tools.docs.client import operators, where

from additions.application import application, post
from casbah.activity.matching import matches
from casbah.client import operators as operators_module
from casbah.store.opensearch.render import render
from making import query, record

FILTERS = {"object.tags": {"eq": ["admins"]}}
OF_ADMINS = record(1, mainInfo={"eventObjects": [{"id": "ada", "role": 3, "tags": ["admins"]}]})
OF_NOBODY = record(2)

predicate = query(FILTERS).predicate
assert matches(predicate, OF_ADMINS)
assert not matches(predicate, OF_NOBODY)
assert "object_tag" in repr(render(predicate, lambda *_: ()))

with application(OF_ADMINS, OF_NOBODY) as (ask, _):
    page = post(ask, "/api/v1/activities/", filters=FILTERS).json
    assert [item["_id"] for item in page["data"]] == ["activity-1"]
    facets = post(ask, "/api/ext/v1/facets", facets=["object.tags"]).json["facets"]
    assert facets == [{"filter": "object.tags", "values": [{"value": "admins", "total": 1}]}]
    metadata = {item["name"]: item for item in ask("GET", "/api/v1/activities/metadata/").json["filters"]}
    assert {"id": "eq", "documented": True} in metadata["object.tags"]["operators"]
    shown = {item["name"]: item for item in ask("GET", "/api/ext/v1/choices").json["filters"]}
    assert (shown["object.tags"]["label"], shown["object.tags"]["countable"]) == ("Groups acted on", True)
    assert "object.tags" in ask("GET", "/openapi.json").json["components"]["schemas"]["Filters"]["properties"]
    refused = post(ask, "/api/v1/activities/", filters={"object.tags": {"gt": 1}})
    assert (refused.status, "object.tags" in refused.json["detail"]) == (400, True)

assert "| `object.tags` | id |" in pages.filters()
client: dict[str, object] = {"__name__": "where"}
exec(operators(), vars(operators_module))  # noqa: S102  the generated modules, as `make docs` would write them
exec(where(), client)  # noqa: S102
assert client["object"].tags.eq("admins") == FILTERS  # type: ignore[attr-defined]
