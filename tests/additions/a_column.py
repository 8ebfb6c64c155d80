"""The column `postcode` is in exports, their API and their documents."""

import csv
import io
import time

from tools.docs import pages

from additions.application import application, post
from making import record

with application(record(1, location={"postalCode": "90402"})) as (ask, _):
    made = post(ask, "/api/ext/v1/exports", format="csv", columns=["id", "postcode"]).json
    deadline = time.monotonic() + 60
    while ask("GET", f"/api/ext/v1/exports/{made['id']}").json["state"] != "ready":
        assert time.monotonic() < deadline, "the export does not end"
        time.sleep(0.05)
    text = ask("GET", f"/api/ext/v1/exports/{made['id']}/file").body.decode()
    assert list(csv.reader(io.StringIO(text))) == [["id", "postcode"], ["activity-1", "90402"]]
    assert '"postcode"' in ask("GET", "/openapi.json").body.decode()

assert "| `postcode` | text |" in pages.export()
