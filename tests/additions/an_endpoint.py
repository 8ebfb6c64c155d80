"""The endpoint /api/ext/v1/greeting answers, asks for a token, and is documented with its type."""

from additions.application import application
from scenarios.inprocess import Asker

PATH = "/api/ext/v1/greeting"

with application() as (ask, built):
    for path in (PATH, f"{PATH}/"):
        answer = ask("GET", path)
        assert (answer.status, answer.json) == (200, {"helloTo": "contoso"})
    assert Asker(built.app, None)("GET", PATH).status == 401
    assert ask("DELETE", PATH).status == 405

    document = ask("GET", "/openapi.json").json
    operation = document["paths"][PATH]["get"]
    assert (operation["operationId"], operation["summary"]) == ("greet", "Greet the tenant")
    assert {"200", "401", "403", "405"} <= operation["responses"].keys()
    assert document["components"]["schemas"]["Greeting"]["properties"] == {
        "helloTo": {"type": "string", "description": "The name of the tenant"}
    }
    assert b"Greet the tenant" in ask("GET", "/docs").body
