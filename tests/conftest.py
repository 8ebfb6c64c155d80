"""What every test may count on: a clean environment, and the sample data where it is at hand."""

import os
import signal
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest

import certificates
from cluster import nodes as cluster_nodes

WORK = Path(f"/var/tmp/casbah-cluster-{os.getuid()}")
"""Where the cluster's distribution is unpacked, to be used again."""

SHARED = Path(__file__).parent.parent.parent / "shared"

# Examples on a slow or busy machine take as long as they take.
hypothesis.settings.register_profile("casbah", deadline=None)
hypothesis.settings.load_profile("casbah")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of specifications and real audit logs that may stand beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (specifications and real audit logs) beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """The paths of a certificate that signs itself and of its key."""
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def nodes(request):
    """Three nodes of a cluster that is the tests' own."""
    if not request.config.getoption("--cluster"):
        pytest.skip("make test-cluster")
    if lacking := cluster_nodes.lacking():
        pytest.skip(lacking)
    with closing(cluster_nodes.Nodes(WORK)) as started:
        started.start()
        yield started


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path_factory):
    """No setting of the person at the keyboard reaches a test, and no test their store."""
    for name in [name for name in os.environ if name.startswith("CASBAH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CASBAH_AUDIT", "off")  # Tests count what they store; those of the trail say so.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data-home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config-home"))


SLOW = (
    "agreement",
    "bench",
    "cli/test_hardening.py",
    "documents",
    "faults",
    "ui",
    "verbs",
    "walk",
    "http/test_fuzz.py",
    "http/test_schemathesis.py",
    "serving/test_memory.py",
)
"""What takes long, and depends on Casbah and its data rather than on the version of Python."""


def pytest_configure():
    # Shells start background jobs with SIGINT ignored, and so would be every process that a test starts and interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    folder = Path(__file__).parent
    for item in items:
        if item.path.relative_to(folder).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_addoption(parser):
    parser.addoption(
        "--agreement",
        type=int,
        default=100,
        metavar="N",
        help="how many random queries the agreement tests ask, each of every record (default 100)",
    )
    parser.addoption(
        "--every-value",
        action="store_true",
        help="ask every telling value of every filter and operator (some 29,000), not a dozen of each",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        default=20_000,
        metavar="N",
        help="how many hostile requests the fuzzing sends (default 20000; rounded up to whole blocks)",
    )
    parser.addoption(
        "--walk",
        type=int,
        default=4_000,
        metavar="N",
        help="how many activities the walking script walks (default 4000)",
    )
    parser.addoption(
        "--cluster",
        action="store_true",
        help="hold the store on a cluster to its contract too: three nodes of OpenSearch from Maven Central (make test-cluster)",
    )
    parser.addoption(
        "--evidence",
        action="store_true",
        help="let programs of others judge the transparency logs; needs Go, which fetches and builds them (make evidence)",
    )
    parser.addoption(
        "--images",
        action="store_true",
        help="write the pictures of the web UI to docs/images (make images)",
    )
    parser.addoption(
        "--late-requests",
        type=int,
        default=0,
        metavar="MS",
        help="let the pages send their requests MS to 2 MS late, which shows what a test of the UI reads too early",
    )
    parser.addoption(
        "--schemathesis",
        type=int,
        default=0,
        metavar="N",
        help="let schemathesis draw N examples of every operation, with all filters (some minutes; default: a few, of one)",
    )
