"""kill -9 in the middle of an ingest over HTTP; `python -m tools.bench.kill --times 20` is the long run."""

from pathlib import Path

import pytest
from tools.bench import kill


@pytest.mark.slow
def test_no_acknowledged_batch_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    assert kill.run(times=2, seed=7, store=tmp_path) == []
