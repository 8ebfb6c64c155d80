"""What the faults came to, told at the end of a run."""

from collections.abc import Iterator

import pytest

from cluster import opening
from cluster.nodes import Nodes
from cluster.opening import TOLD, Place


@pytest.fixture
def place(nodes: Nodes) -> Iterator[Place]:
    """All nodes there and well, and indices of the test's own."""
    nodes.wait(nodes=len(nodes.nodes), status="green")
    with opening.place(nodes) as made:
        yield made
    for node in nodes.nodes:  # Whatever became of the test, the next one begins with a whole cluster.
        node.revive()
    nodes.wait(nodes=len(nodes.nodes))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TOLD:
        return
    terminalreporter.section("what was lost with the nodes of a cluster")
    terminalreporter.write_line(f"{'':44}{'acknowledged':>13}{'errors':>9}{'lost':>7}{'doubled':>9}")
    for name, *counts in TOLD:
        terminalreporter.write_line(f"{name:44}{counts[0]:13,}{counts[1]:9,}{counts[2]:7,}{counts[3]:9,}")
