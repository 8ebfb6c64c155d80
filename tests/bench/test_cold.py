"""The questions that a cold server is asked can be read by it, and ask for what occurs."""

import json
from pathlib import Path

import pytest
from tools.bench import cold
from tools.bench.data import UNTIL, week_of

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.ingest.stored_record import new_activity_of
from scenarios.inprocess import Asker

SIZE = 400


@pytest.fixture(scope="module")
def newest() -> cold.Newest:
    lines = list(week_of(51, size=SIZE, seed=1))
    return cold.Newest(lambda: lines, UNTIL, seed=1)


@pytest.fixture(scope="module")
def server(newest: cold.Newest, tmp_path_factory: pytest.TempPathFactory):
    chosen = settings.read({}, store=str(tmp_path_factory.mktemp("store")))
    with compose.build(chosen, clock=lambda: UNTIL) as built:
        built.writer.store.tenant(TenantId("default")).insert(map(new_activity_of, newest.lines()))
        yield built


@pytest.mark.parametrize("question", cold.QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_answered(question: cold.Question, newest: cold.Newest, server: Application) -> None:
    ask = Asker(server.app, server.local_key)
    answer = ask("POST", question.path, json.dumps(question.body(newest, 0)).encode())
    assert answer.status == 200, answer.body
    assert answer.json["total"] > 0


def test_the_files_of_a_store_are_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"content")
    cold.forget(tmp_path)
    assert (tmp_path / "inner" / "file").read_bytes() == b"content"
