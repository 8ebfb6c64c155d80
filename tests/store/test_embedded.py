"""What is particular to the embedded store: its files, its lock, its format, its patterns."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.activity.tenant import TenantId
from casbah.errors import StoreFormatError, StoreLockedError
from casbah.store.embedded import rewrite, sequence, term_dictionary
from casbah.store.embedded import write_queue as intake_module
from casbah.store.embedded.render import escape
from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.format import FORMAT, StoreFormat
from casbah.store.prepared import Prepared
from making import NOW, SIGNS, arrival, ids, query, record

TENANT = TenantId("default")


def opened(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(folder, clock=lambda: NOW)


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.tenant(TENANT).insert([arrival(record(n, timestamp=NOW - n * 10**9)) for n in range(30)])
    before = store.tenant(TENANT).find(query())
    store.close()
    again = opened(tmp_path)
    assert again.tenant(TENANT).find(query()) == before
    again.tenant(TENANT).insert([arrival(record(99, timestamp=NOW + 5)), arrival(record(98, timestamp=NOW + 5))])
    names = [json.loads(each)["_id"] for each in again.tenant(TENANT).find(query(limit=2)).records]
    assert names == ["activity-98", "activity-99"]
    again.close()


def test_a_second_owner_is_refused_by_name(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(StoreLockedError, match=r"in use by process \d+; stop it"):
        opened(tmp_path)
    other = "import sys\nfrom pathlib import Path\nfrom casbah.store.embedded.store import EmbeddedStore\n"
    other += "EmbeddedStore(Path(sys.argv[1]), clock=int)\n"
    ran = subprocess.run([sys.executable, "-c", other, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "StoreLockedError" in ran.stderr
    store.close()
    opened(tmp_path).close()


@pytest.mark.parametrize(
    "content, says",
    [
        pytest.param('{"format": 99, "fields": []}', "has format 99", id="a newer format"),
        pytest.param('{"format": 4, "fields": []}', "casbah migrate", id="an older format"),
        pytest.param("not json", "cannot be read", id="not ours"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "format.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreFormatError, match=says):
        opened(tmp_path)


def test_a_store_with_other_fields_is_refused(tmp_path: Path) -> None:
    StoreFormat(FORMAT, ["gone:id"]).write(tmp_path)
    with pytest.raises(StoreFormatError, match="other fields"):
        opened(tmp_path)


SCHEMA = tantivy.SchemaBuilder().add_text_field("t", tokenizer_name="raw", index_option="basic").build()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=8))
def test_an_escaped_value_matches_itself_and_nothing_else(wanted: str, others: list[str]) -> None:
    index = tantivy.Index(SCHEMA)
    writer = index.writer(15_000_000, 1)
    values = {value.encode("utf-8", "replace").decode() for value in (wanted, *others)}
    wanted = wanted.encode("utf-8", "replace").decode()
    for value in sorted(values):
        writer.add_json(json.dumps({"t": value}))
    writer.commit()
    index.reload()
    pattern = tantivy.Query.regex_query(SCHEMA, "t", escape(wanted))
    assert index.searcher().search(pattern, limit=1).count == 1


@pytest.mark.parametrize("operator", ["contains", "startswith", "endswith"])
def test_signs_mean_themselves_where_the_terms_are_too_many_to_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operator: str
) -> None:
    """Only then is a pattern handed to the engine: what a small store answers comes from its list of terms."""
    monkeypatch.setattr(term_dictionary, "MAX_TERMS", 0)
    monkeypatch.setattr(rewrite, "_MAX_PREFIXED", 0)
    others = ["axb", "aab", "ab", "a", "b", "a5b"]
    agents = [*others, *(f"a{sign}b" for sign in SIGNS)]
    store = opened(tmp_path)
    store.tenant(TENANT).insert([arrival(record(n, device={"userAgent": agent})) for n, agent in enumerate(agents)])
    for number, sign in enumerate(SIGNS, len(others)):
        found = store.tenant(TENANT).find(query({"userAgent.userAgent": {operator: f"a{sign}b"}}))
        assert ids(found.records) == [f"activity-{number}"], sign
    store.close()


@pytest.mark.parametrize("size", [49, 50, 51, 66, 67, 199, 200, 201, 700, 4_096])
@pytest.mark.parametrize("letters", ["x", "漢", "a.b*c"])
def test_patterns_of_any_length(tmp_path: Path, letters: str, size: int) -> None:
    """The engine refuses long patterns; they are answered all the same."""
    text = (letters * size)[:size]
    agents = [text, f"{text}z", f"z{text}", f"z{text}z", text[1:], f"{text[:-1]}-", "-", None]
    store = opened(tmp_path)
    store.tenant(TENANT).insert([arrival(record(n, device={"userAgent": agent})) for n, agent in enumerate(agents)])
    for operator, holds in (
        ("contains", lambda agent: text in agent),
        ("startswith", lambda agent: agent.startswith(text)),
        ("endswith", lambda agent: agent.endswith(text)),
        ("eq", lambda agent: agent == text),
    ):
        found = store.tenant(TENANT).find(query({"userAgent.userAgent": {operator: text}}))
        expected = [f"activity-{n}" for n, agent in enumerate(agents) if agent and holds(agent)]
        assert ids(found.records) == expected, operator
    store.close()


def test_a_failed_write_stores_nothing_and_hinders_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    store.tenant(TENANT).insert([arrival(record(1))])
    whole = intake_module.document

    def breaks(entry: Prepared, sequence: SequenceNumber, **keys: Any) -> str:
        if sequence.seq == 4:
            raise RuntimeError("as a full disk would")
        return whole(entry, sequence, **keys)

    monkeypatch.setattr(intake_module, "document", breaks)
    batch = [arrival(record(n)) for n in (2, 3, 4)]
    caught = []
    for _ in range(2):  # The error is kept, and with it all that its traceback holds.
        try:
            store.tenant(TENANT).insert(batch)
        except RuntimeError as error:
            caught.append(error)
    monkeypatch.undo()
    assert len(caught) == 1  # The numbers went on: the second time it is another one that breaks, if any.
    assert store.tenant(TENANT).find(query()).total == 4
    store.close()


def test_more_than_a_sort_key_can_tell_apart_is_refused_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    monkeypatch.setattr(sequence, "MAX_TIES", 3)
    done = store.tenant(TENANT).insert([arrival(record(n, created=NOW)) for n in range(5)])
    assert (done.stored, done.duplicates, [position for position, _ in done.refused]) == (3, 0, [3, 4])
    assert store.tenant(TENANT).find(query()).total == 3
    store.close()
