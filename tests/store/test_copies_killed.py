"""kill -9 while a fuller copy replaces one that carries less: one of them is there, and what was acknowledged is the fuller one."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.store.contract import Inserted
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, copies_of, ids, query

TENANT = TenantId("default")
PERIOD = 1 << 31
IDS = ("a", "b", "c")
COPIES = [copies_of(name, NOW - number * PERIOD) for number, name in enumerate(IDS)]
"""In three partitions, each of which has commits of its own."""

CHILD = """
import os, sys
from pathlib import Path
from casbah.store.embedded.index_writers import IndexWriters
from test_copies_killed import COPIES, TENANT, open_tenant

folder, count, before = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "before"
whole = IndexWriters.write
commits = 0

def write(self, *positional, **named):
    global commits
    commits += 1
    if commits == count and before:
        os.kill(os.getpid(), 9)
    whole(self, *positional, **named)
    if commits == count:
        os.kill(os.getpid(), 9)

IndexWriters.write = write
store = open_tenant(Path(folder))
store.tenant(TENANT).insert([copy for copies in COPIES for copy in copies])
"""


def open_tenant(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("commit", "moment", "full"),
    [
        pytest.param(3, "after", 0, id="the lesser copies are stored"),
        pytest.param(5, "before", 1, id="one is replaced"),
        pytest.param(6, "after", 3, id="all are replaced, and nothing is acknowledged"),
    ],
)
def test_one_copy_of_each_is_there(tmp_path: Path, commit: int, moment: str, full: int) -> None:
    folders = Path(__file__).parent, Path(__file__).parent.parent
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), str(commit), moment],
        env={"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with closing(open_tenant(tmp_path)) as store:
        tenant = store.tenant(TENANT)
        found = list(tenant.find(query()).records)
        assert sorted(ids(found)) == list(IDS)
        assert sum("sourceForm" not in json.loads(record) for record in found) == full
        assert tenant.insert([copy for copies in COPIES for copy in copies]) == Inserted(3 - full, 3 + full)
        assert all("sourceForm" not in json.loads(record) for record in tenant.find(query()).records)
