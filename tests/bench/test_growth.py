"""The small activities of a growing store: what they keep, and how the months differ."""

import json
from pathlib import Path
from typing import Any

import pytest
from tools.bench import growth
from tools.bench.data import FROM, UNTIL, Data, week_of
from tools.bench.sample import Sample
from tools.bench.shapes import SHAPES

from casbah.activity.query import parse

MONTH = 30 * 86_400_000


class OfOneWeek(Data):
    """The records that there are, instead of a year of files."""

    def __init__(self, records: list[bytes]) -> None:
        super().__init__(Path(), count=len(records), seed=1, size=0)
        object.__setattr__(self, "_records", records)

    def records(self) -> Any:
        return iter(self._records)


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return list(week_of(20, size=2_000, seed=1, cells=3))


@pytest.fixture(scope="module")
def lines(records: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return growth.templates(OfOneWeek(records), tmp_path_factory.mktemp("growth"))


def test_an_activity_is_small(lines: Path) -> None:
    sizes = [len(line) for line in growth.month(lines, 3)]
    assert max(sizes) <= growth.LARGEST
    assert sum(sizes) / len(sizes) >= 300


def test_months_follow_each_other_and_share_no_id(lines: Path) -> None:
    first, second = ([json.loads(line) for line in growth.month(lines, number)] for number in (0, 1))
    assert not {record["_id"] for record in first} & {record["_id"] for record in second}
    assert [late["timestamp"] - early["timestamp"] for early, late in zip(first, second, strict=True)] == [MONTH] * len(
        first
    )
    assert all(FROM <= record["timestamp"] < FROM + MONTH for record in first)
    assert all(record["created"] >= record["timestamp"] for record in first)


def test_times_keep_their_order(lines: Path, records: list[bytes]) -> None:
    times = [json.loads(record)["timestamp"] for record in records]
    placed = [json.loads(line)["timestamp"] for line in growth.month(lines, 0)]
    assert placed == [FROM + (time - FROM) * MONTH // (UNTIL - FROM) for time in times]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_has_values_to_ask_for(lines: Path, records: list[bytes], shape: Any) -> None:
    bodies = shape.bodies(Sample(growth.month(lines, 0), seed=1, until=FROM + MONTH), len(records))
    assert all(parse(body, now=UNTIL) for body in bodies)
