"""HEAD answers wherever GET does, with its status and headers and without its body; over sockets that are kept open."""

import time
from base64 import b64encode
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from casbah.http.api_docs import PAGES
from casbah.http.routes import PUBLIC, ROUTES
from casbah.ui.site import ASSETS, VIEWS
from scenarios.inprocess import Asker
from scenarios.server import serving

EXT = "/api/ext/v1"
STREAM = f"{EXT}/tail"
VARYING = {"date", "x-request-id"}
CHANGING = {"/metrics"}
"""Routes whose body, and so its length, changes from one request to the next."""

ABSENT = tuple(f"{EXT}/{part}" for part in ("session/begin", "session/return", "log/"))
"""Routes that are there with settings that this server does not have."""

ENTITY = b64encode(b'{"id": "ann"}').decode()
PATHS = sorted(
    {
        *(route.path for route in (*ROUTES, *PUBLIC, *PAGES) if "GET" in route.methods),
        *VIEWS,
        *(f"{ASSETS}{name}" for name in ("main.js", "casbah.css")),
        "/cas/api/v1/activities/",
    }
    - {STREAM}
)


@dataclass(frozen=True)
class Served:
    host: str
    keys: dict[str, str]
    export: str

    @contextmanager
    def connect(self):
        with closing(HTTPConnection(self.host, timeout=30)) as connection:
            connection.connect()
            yield connection

    def path(self, template: str) -> str:
        return template.replace("{pk}", "a1").replace("{export}", self.export).replace("{entity}", ENTITY)

    def ask(self, connection, method, path, *, key="owner", **headers):
        """Status, headers and body on a connection that must stay as it is."""
        socket = connection.sock
        authorization = {"Authorization": f"Token {self.keys[key]}"} if key else {}
        connection.request(method, self.path(path), headers={**authorization, **headers})
        with connection.getresponse() as response:
            found = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        assert connection.sock is socket
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("store")) as (url, house):
        ask = Asker(house.app, house.local_key)
        line = b'{"_id": "a1", "timestamp": 1, "appId": 1, "resolvedActor": {"id": "ann"}}'
        assert ask("POST", f"{EXT}/activities?source=mdca", line).json["stored"]
        export = ask("POST", f"{EXT}/exports", b'{"format": "csv"}').json["id"]
        while ask("GET", f"{EXT}/exports/{export}").json["state"] != "ready":
            time.sleep(0.01)
        ingest, _ = house.services.tokens.create("ingest", tenant="default", scopes=["Ingest.write"])
        yield Served(urlsplit(url).netloc, {"owner": house.local_key, "ingest": ingest, "bad": "0" * 80}, export)


def fixed(path, headers):
    varying = VARYING | ({"content-length"} if path in CHANGING else set())
    return {name: value for name, value in headers.items() if name not in varying}


@pytest.mark.parametrize("path", PATHS)
def test_head_has_status_and_headers_of_get_and_no_body(served, path):
    with served.connect() as connection:
        status, headers, body = served.ask(connection, "GET", path)
        for _ in range(2):
            asked = served.ask(connection, "HEAD", path)
            assert (asked[0], fixed(path, asked[1]), asked[2]) == (status, fixed(path, headers), b"")
            assert "content-length" in asked[1]
        assert served.ask(connection, "GET", "/livez")[2] == b'{"status":"alive"}'
        assert (status == 404) == path.startswith(ABSENT)
        assert body


REFUSED = [
    pytest.param("/api/v1/activities", {"key": None}, 401, id="no credentials"),
    pytest.param("/api/v1/activities", {"key": "bad"}, 401, id="a bad key"),
    pytest.param("/api/v1/activities", {"key": "ingest"}, 403, id="a scope that is missing"),
    pytest.param("/api/v1/activities?limit=x", {}, 400, id="a limit that is no number"),
    pytest.param("/api/v1/activities/nobody", {}, 404, id="an activity that is not there"),
    pytest.param("/nowhere", {}, 404, id="no route"),
    pytest.param(f"{EXT}/exports/{{export}}/file", {"key": "ingest"}, 403, id="a file without the scope"),
    pytest.param(f"{STREAM}?cursor=x", {}, 400, id="a stream from a bad cursor"),
    pytest.param("/metrics", {"key": "ingest"}, 403, id="metrics without the scope"),
    pytest.param(f"{EXT}/activities", {}, 405, id="a route without GET"),
]


@pytest.mark.parametrize("path, given, expected", REFUSED)
def test_what_refuses_get_refuses_head(served, path, given, expected):
    with served.connect() as connection:
        status, headers, body = served.ask(connection, "HEAD", path, **given)
        assert (status, body) == (expected, b"")
        refused = served.ask(connection, "GET", path, **given)
        assert refused[0] == expected
        if expected != 405:  # There the answer names the method.
            assert fixed(path, headers) == fixed(path, refused[1])
        assert served.ask(connection, "GET", "/livez")[0] == 200


def test_a_stream_is_not_started(served):
    with served.connect() as connection:
        begun = time.monotonic()
        status, headers, body = served.ask(connection, "HEAD", STREAM)
        assert (status, headers["content-type"], body) == (200, "text/event-stream; charset=utf-8", b"")
        assert "content-length" not in headers
        assert served.ask(connection, "GET", "/livez")[0] == 200
        assert time.monotonic() - begun < 10


def test_a_range_is_for_get_alone(served):
    file = f"{EXT}/exports/{{export}}/file"
    with served.connect() as connection:
        status, headers, body = served.ask(connection, "GET", file, Range="bytes=0-4")
        assert (status, len(body)) == (206, 5)
        whole = headers["content-range"].rpartition("/")[2]
        for given in ({"Range": "bytes=0-4"}, {"Range": "bytes=999999-"}, {"Range": "bytes=0-4", "If-Range": "x"}):
            status, headers, body = served.ask(connection, "HEAD", file, **given)
            assert (status, headers["content-length"], body) == (200, whole, b"")


@pytest.mark.parametrize("path", ["/api/v1/activities", "/livez", "/openapi.json", "/", f"{EXT}/exports"])
def test_the_allowed_methods_name_head_where_there_is_get(served, path):
    with served.connect() as connection:
        status, headers, _ = served.ask(connection, "PUT", path)
        assert (status, "GET, HEAD" in headers["allow"]) == (405, True)
