"""The file that keeps what `casbah ingest` refuses: bounded, and it says what is cut."""

import json

from casbah.cli import ingest
from casbah.cli.ingest import Rejects
from casbah.ingest.contract import Refusal


def kept(path, *refusals):
    rejects = Rejects(path / "rejects" / "x.ndjson")
    for refusal in refusals:
        rejects.keep(refusal)
    rejects.close()
    return rejects, [json.loads(line) for line in rejects.path.read_text("utf-8").splitlines()]


def test_a_refused_event_is_kept_whole(tmp_path):
    rejects, (line,) = kept(tmp_path, Refusal("a.json", 3, "no usable time", b'{"a":"\xff"}'))
    assert line == {"origin": "a.json", "line": 3, "reason": "no usable time", "event": '{"a":"\\xff"}'}
    assert rejects.cut == 0


def test_what_is_too_long_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "MOST_REFUSED", 10)
    monkeypatch.setattr(ingest, "MOST_REFUSED_IN_ALL", 25)
    rejects, lines = kept(tmp_path, *(Refusal("a", number, "r", b"x" * 12, cut=3) for number in range(4)))
    assert [(len(line["event"]), line["cut"]) for line in lines] == [(10, 5), (10, 5), (5, 10), (0, 15)]
    assert (rejects.cut, rejects.reasons["r"]) == (4, 4)
