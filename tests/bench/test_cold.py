"""The questions that a cold server is asked can be read by it, and ask for what occurs."""

import gzip
import json
from pathlib import Path

import pytest
from tools.bench import cold
from tools.bench.data import UNTIL, Data, week_of

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.ingest.stored_record import new_activity_of
from scenarios.inprocess import Asker

SIZE = 400


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("records")
    found = Data(folder, count=SIZE, seed=1, size=0)
    with gzip.open(found.parts[-1], "wb") as file:
        file.writelines(record + b"\n" for record in week_of(len(found.parts) - 1, size=SIZE, seed=1))
    return found


@pytest.fixture(scope="module")
def server(records: Data, tmp_path_factory: pytest.TempPathFactory):
    chosen = settings.read({}, store=str(tmp_path_factory.mktemp("store")))
    with compose.build(chosen, clock=lambda: UNTIL) as built:
        lines = gzip.decompress(records.parts[-1].read_bytes()).splitlines()
        built.writer.store.tenant(TenantId("default")).insert(map(new_activity_of, lines))
        yield built


@pytest.mark.parametrize("question", cold.QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_answered(question: cold.Question, records: Data, server: Application) -> None:
    ask = Asker(server.app, server.local_key)
    answer = ask("POST", question.path, json.dumps(question.body(records, 0)).encode())
    assert answer.status == 200, answer.body
    assert answer.json["total"] > 0


def test_the_files_of_a_store_are_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"content")
    cold.forget(tmp_path)
    assert (tmp_path / "inner" / "file").read_bytes() == b"content"
