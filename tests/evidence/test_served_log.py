"""Programs that nobody here wrote judge the log of a running server: `make evidence`."""

import re

import httpx
import pytest

from casbah.activity.tenant import TenantId
from casbah.identity.permissions import TENANT_HEADER
from evidence import judges
from making import arrival, record
from scenarios.server import serving

TENANT = TenantId("acme")
SIZE, PROOFS, CHECKPOINTS = 2_000, 2_000, 4


@pytest.fixture(autouse=True)
def _judges(request):
    if not request.config.getoption("--evidence"):
        pytest.skip("make evidence")
    assert not judges.lacking()
    judges.build()


def test_what_a_server_serves_is_judged_valid(tmp_path):
    kept, key = tmp_path / "kept", tmp_path / "key"
    kept.mkdir()
    with serving(tmp_path / "store", log_name="casbah.example.com") as (url, application):
        tenant, logs = application.services.store.tenant(TENANT), application.writer.logs
        assert logs is not None
        for size in range(0, SIZE, SIZE // CHECKPOINTS):
            tenant.insert([arrival(record(number)) for number in range(size, size + SIZE // CHECKPOINTS)])
            logs.of("acme").advance()
            (kept / str(size + SIZE // CHECKPOINTS)).write_text(logs.of("acme").checkpoint)
        token, _ = application.services.tokens.create("auditor", tenant="acme", scopes=["Investigation.read"])
        headers = {"Authorization": f"Token {application.local_key}", TENANT_HEADER: "acme"}
        key.write_text(httpx.get(f"{url}/api/ext/v1/log/keys", headers=headers).text)
        log = f"{url}/api/ext/v1/log/"
        options = {"log": log, "bearer": token, "key": key.read_text().strip(), "kept": kept, "count": PROOFS}
        code, said, error = judges.judge("verify", **options)
        assert (code, error) == (0, "")
        assert (said["size"], said["inclusion"]) == (SIZE, PROOFS)
        assert re.search(rf"Successfully fsck'd log with size {SIZE} ", judges.fsck(log, key, token))
