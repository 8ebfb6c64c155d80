"""What follows text that cannot be read is read all the same, and nothing is made an event that is part of one."""

import gzip
import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.base import jsontext
from casbah.base.jsontext import grammar
from casbah.ingest import csv_events, cursor, decompress, event_lists, json_events, line_reader, recovery
from casbah.ingest.contract import Event, Refusal
from casbah.ingest.formats import ReadContext, events
from casbah.ingest.line_reader import LineReader

CONTEXT = ReadContext("x", frozenset({"Records", "data", "items"}), lambda parsed: "_id" in parsed or "sign" in parsed)
LINE = 1 << 20


class Chunks(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, text, size):
        super().__init__(text)
        self._size = size

    def read1(self, size=-1):
        return super().read1(self._size if size < 0 else min(size, self._size))


def read(text, *, chunk=1 << 20, line=LINE):
    return list(events(LineReader(Chunks(text, chunk), max_line=line), CONTEXT))


def ids(items):
    return [item.parsed.get("_id") for item in items if isinstance(item, Event)]


def refused(items):
    return [item for item in items if isinstance(item, Refusal)]


def event(name):
    """An event with nested objects that look like events."""
    nested = {"_id": "nested", "list": [{"_id": "nested"}, {"_id": "nested", "deeper": [{"_id": "nested"}]}]}
    return {"_id": name, "text": '}{"_id":"nested"},[', "raw": nested, "rawList": [nested, 1], "end": None}


COMPACT = {"separators": (",", ":")}
PRETTY = {"indent": 2}


def joined(separator, before="", after="", style=COMPACT):
    return lambda pieces: before + separator.join(written(piece, style) for piece in pieces) + after


def written(piece, style):
    return piece if type(piece) is str else json.dumps(piece, **style)


def pretty_list(before, margin, after):
    def text(pieces):
        lines = (written(piece, PRETTY).replace("\n", "\n" + margin) for piece in pieces)
        return before + ",\n".join(margin + line for line in lines) + after

    return text


def in_groups(before, after):
    def text(pieces):
        groups = [pieces[at : at + 2] for at in range(0, len(pieces), 2)]
        return "\n".join(before + ",".join(written(piece, COMPACT) for piece in group) + after for group in groups)

    return text


LAYOUTS = {
    "one per line": joined("\n"),
    "one per line, CRLF": joined("\r\n", after="\r\n"),
    "a comma after each line": joined(",\n", after=",\n"),
    "a comma before each line": joined("\n,"),
    "blank lines between": joined("\n\n"),
    "an array in one line": joined(",", "[", "]"),
    "an array in one line with spaces": joined(" , ", "[ ", " ]\n", {}),
    "an array, one event per line": joined(",\n", "[\n", "\n]\n"),
    "an array without commas": joined("\n", "[\n", "\n]"),
    "a pretty-printed array": pretty_list("[\n", "  ", "\n]\n"),
    "pretty-printed objects": joined("\n", style=PRETTY),
    "pretty-printed objects with commas": joined(",\n", style={"indent": "\t"}),
    "a wrapper in one line": joined(",", '{"Records":[', '],"next":"n"}'),
    "a wrapper, one event per line": joined(",\n", '{"kind":"k","Records":[\n', '\n],"next":"n"}\n'),
    "a pretty-printed wrapper": pretty_list(
        '{\n  "kind": "k",\n  "Records": [\n', "    ", '\n  ],\n  "next": "n"\n}\n'
    ),
    "arrays on lines": in_groups("[", "]"),
    "wrappers on lines": in_groups('{"Records":[', "]}"),
}
INSIDE = json.dumps({"_id": "nested", "list": [{"_id": "nested"}, {"_id": "nested"}]})
GARBAGE = {
    "text": "garbage",
    "text with a comma": "some, text",
    "a comment": "# comment",
    "a number": "5",
    "half a literal": "nul",
    "an object cut after a comma": '{"x":1,',
    "an object cut after a colon": '{"x":',
    "an object cut after a value": '{"x":1',
    "an object cut after its bracket": "{",
    "an object cut inside another": '{"x":{"y":1,',
    "an object without quotes": "{x:1}",
    "an object without a colon": '{"x" 1}',
    "a nested event without a colon": '{"x":1,"raw" ' + INSIDE + "}",
    "a nested event after an error": '{"x":1 1,"raw":' + INSIDE + ',"y":[' + INSIDE + "," + INSIDE + "]}",
    "a nested event before an error": '{"raw":' + INSIDE + ',"x":}',
    "a nested list without commas": '{"raw":[' + INSIDE + " " + INSIDE + "]}",
    "NaN beside a nested event": '{"raw":[' + INSIDE + '],"x":NaN}',
    "the wrong bracket": '{"raw":[' + INSIDE + '},"y":1}',
}
CHUNKS = (1, 7, 100, 1 << 16)


GOOD = "good"
PIECES = st.lists(st.just(GOOD) | st.sampled_from(sorted(GARBAGE)), min_size=1, max_size=7).filter(lambda p: GOOD in p)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(pieces=PIECES, chunk=st.sampled_from(CHUNKS))
def test_every_good_event_is_read_and_nothing_else(layout, pieces, chunk):
    parts = [event(f"e{at}") if piece == GOOD else GARBAGE[piece] for at, piece in enumerate(pieces)]
    items = read(layout(parts).encode(), chunk=chunk)
    assert ids(items) == [part["_id"] for part in parts if type(part) is dict]
    if all(GOOD in pair for pair in pairwise(pieces)):
        assert len(items) == len(pieces)


def named(*names):
    return [f'{{"_id":"{name}","timestamp":1,"appId":1}}' for name in names]


A, B, C = named("a", "b", "c")
PRETTY_A, PRETTY_B = (json.dumps(json.loads(each), indent=2) for each in (A, B))
NESTED = '{"_id":"nested","list":[{"_id":"nested"}]}'
MARK = "\ufeff"
CASES = [
    pytest.param(f"{A},\n{B},\n{C}\n", "abc", [], id="a comma after each line"),
    pytest.param(f'{{"_id":"x",\n{A}\n{B}\n', "ab", [1], id="a first line cut after a comma"),
    pytest.param(f'{{"_id":\n{A}\n{B}\n', "ab", [1], id="a first line cut after a colon"),
    pytest.param(f'"x":{NESTED},"y":1}}\n{A}\n{B}\n', "ab", [1], id="a first line without its beginning"),
    pytest.param(f"[\n{A}\n{B}\n{C}\n]", "abc", [], id="a list without commas"),
    pytest.param(f'[{A},{{"x":1,{B},{C}]', "abc", [2], id="an element cut inside a list on one line"),
    pytest.param(f'[{A},{{"x":[{{"y":1,{B},{C}]', "abc", [2], id="an element cut inside its own list"),
    pytest.param(f'[\n{A},\n{{"x":1,\n{B},\n{C}\n]', "abc", [3], id="an element cut inside a list over lines"),
    pytest.param(
        f'{{\n  "x": [\n    {{\n      "_id": "n"\n{PRETTY_A}\n{PRETTY_B}', "ab", [1], id="a cut pretty-printed object"
    ),
    pytest.param(f'{{\n  "x":\n{PRETTY_A}\n{PRETTY_B}', "ab", [1], id="a pretty-printed object cut after a colon"),
    pytest.param(f"[{A},{B},]", "ab", [], id="a comma after the last element"),
    pytest.param(f"[{A},{B}", "ab", [3], id="a list that is not closed"),
    pytest.param(f"{A}\n]\n{B}", "ab", [2], id="a bracket that closes nothing"),
    pytest.param(f'{A}\n{{"x":"abc\n{B}\n{C}', "abc", [2], id="a string without an end"),
    pytest.param(f'[\n{A},\n{{"x":"abc\n{B},\n{C}\n]', "abc", [3], id="a string without an end in a list"),
    pytest.param(f"{A}\n{MARK}{B}\n{MARK}\n{C}", "abc", [], id="a mark at the start of lines"),
    pytest.param(f"{PRETTY_A}\n{MARK}{PRETTY_B}{MARK}{C}", "abc", [], id="marks between joined files"),
    pytest.param(f"[[{A}],[{B},{C}]]", "abc", [], id="lists in a list"),
    pytest.param(f'{{"k":bad bad,"raw":{NESTED}}}\n{A}', "a", [1], id="a broken record around another"),
    pytest.param(
        '{\n  "x": bad bad,\n  "raw": [\n    {\n      "_id": "n"\n    }\n  ]\n}\n' + PRETTY_A,
        "a",
        [1],
        id="a broken pretty-printed record around others",
    ),
    pytest.param(
        '{\n"x": bad bad,\n"raw": [\n{\n"_id": "n"\n}\n]\n}\n' + A, "a", [1], id="the same without indentation"
    ),
    pytest.param('{"sign":1,"list":[\n{"_id":"n"},\n{"_id":"m"}\n]}\n' + A, "?a", [], id="nested objects on lines"),
    pytest.param(
        '[ {\n  "_id" : "a"\n}, {\n  "x" : 1 1,\n  "raw" : [ {\n    "_id" : "n"\n  } ]\n}, {\n  "_id" : "b"\n} ]',
        "ab",
        [3],
        id="pretty-printed with brackets on one line",
    ),
    pytest.param(
        '      {\n        "_id": "n"\n      }\n    ],\n    "x": 1\n  },\n  {\n    "_id": "a"\n  }\n]',
        "a",
        [1],
        id="a pretty-printed list without its beginning",
    ),
    pytest.param(f'"x":1}},{NESTED}]}},{A},{B}]', "ab", [1], id="a list on one line without its beginning"),
    pytest.param(f'{{"Records":[x x,{A},{B}]\n', "ab", [1], id="a wrapper with garbage that is not closed"),
    pytest.param(f'"x":1}}\n{A}\n]}} }}\n]', "a", [1], id="a list on lines without its beginning"),
]


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("text", "names", "lines"), CASES)
def test_what_is_read_and_what_is_refused(text, names, lines, chunk):
    items = read(text.encode(), chunk=chunk)
    assert [name or "?" for name in ids(items)] == list(names)
    assert [item.line for item in refused(items)] == lines


FOREIGN = [
    pytest.param(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 300, id="a PDF"),
    pytest.param(b'127.0.0.1 - - [28/Nov/2026] "GET / HTTP/1.1" 200\n' * 3000, id="a log of another kind"),
    pytest.param(b"<html>\n<body>\n</body>\n", id="a web page"),
    pytest.param(b"null\n", id="no object"),
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_file_without_an_event_is_one_refusal_without_its_bytes(text):
    (refusal,) = read(text)
    assert (type(refusal), refusal.origin, refusal.line, refusal.raw) == (Refusal, "x", 1, b"")


def test_a_long_preamble_does_not_hide_the_events():
    items = read(b"# text\n" * 3000 + A.encode())
    assert ids(items) == ["a"]
    assert "more unreadable spans" in items[-2].reason


def test_the_bytes_of_a_long_span_are_bounded_and_what_is_cut_is_said():
    text = A.encode() + b"\ngarbage " + b"x" * 1_000_000 + b"\n" + B.encode()
    items = read(text, chunk=1 << 14)
    (refusal,) = refused(items)
    assert ids(items) == ["a", "b"]
    assert (len(refusal.raw), refusal.cut) == (1 << 16, 1_000_008 - (1 << 16))


HOSTILE = [
    pytest.param('{"x":[1,\n', id="lists that go on in the next line"),
    pytest.param('{"x":\n', id="values that go on in the next line"),
    pytest.param(',{"x":1,', id="objects without an end on one line"),
    pytest.param(',{"x":[1,', id="lists without an end on one line"),
    pytest.param('{"Records":[{"x":[1,\n', id="wrappers without an end"),
    pytest.param('{"a":"\n', id="strings without an end"),
    pytest.param('{"x":1,{"y":[1,', id="objects where a key belongs"),
    pytest.param('"a":{"x":1},', id="members of no object"),
    pytest.param('{"a":[', id="nesting"),
    pytest.param("foo bar\n", id="text"),
    pytest.param("  }\n", id="brackets that close nothing"),
    pytest.param('{"x":1}y', id="garbage after each object"),
    pytest.param(',{"x":1}y', id="garbage after each element"),
    pytest.param(',{"x":1,,}', id="broken elements on one line"),
    pytest.param(',{"x":1}y,[y,{"x":1}]', id="garbage in a list and in the lists in it"),
    pytest.param(',{"x":1}y{"z":[{"x":1}]}', id="garbage before objects with lists"),
    pytest.param('{"Records":[{"x":1}],"y":[\n', id="wrappers that go on in the next line"),
    pytest.param('],"y":[{"x":\n  {"Records":[{"Records":[{"x":1}]}', id="wrappers in broken wrappers"),
]
NOTHING_OF_THE_LAYOUT = "\n" + '    "k": 1,\n' * 4_000


@pytest.mark.parametrize("after", ["", NOTHING_OF_THE_LAYOUT], ids=["", "before lines of no event"])
@pytest.mark.parametrize("before", ["", "[", "[" + A + ",", '[{"x":1,,}'])
@pytest.mark.parametrize("unit", HOSTILE)
def test_the_cost_is_linear(unit, before, after, monkeypatch):
    visited = 0

    def counted(scan):
        def counting(text, at, end):
            nonlocal visited
            found = scan(text, at, end)
            visited += found.at - at
            return found

        return counting

    def counted_indent(text):
        nonlocal visited
        visited += len(text)
        return recovery.min_indent(text)

    def counted_line(text, at, indent):
        nonlocal visited
        found = recovery.next_line(text, at, indent)
        visited += (len(text) if found is None else found) - at
        return found

    def counted_keys(text, start, end, indent):
        nonlocal visited
        visited += end - start
        return recovery.has_keys_at(text, start, end, indent)

    monkeypatch.setattr(json_events, "scan_tail", counted(grammar.scan_tail))
    monkeypatch.setattr(cursor, "min_indent", counted_indent)
    monkeypatch.setattr(cursor, "next_line", counted_line)
    monkeypatch.setattr(cursor, "has_keys_at", counted_keys)
    for module in (json_events, recovery, event_lists):
        monkeypatch.setattr(module, "scan", counted(grammar.scan))
    monkeypatch.setattr(line_reader, "_AHEAD", 10_000)
    text = (before + unit * (40_000 // len(unit)) + after).encode()
    read(text)
    assert visited < 6 * len(text) + 20_000


def test_brackets_at_the_end_are_looked_at_once(monkeypatch):
    visited = 0
    last = json_events._LAST

    class Counting:
        def match(self, text, at):
            nonlocal visited
            found = last.match(text, at)
            visited += (found.end() if found else len(text)) - at
            return found

    monkeypatch.setattr(json_events, "_LAST", Counting())
    for brackets in ("}" * 5_000, "]}\n" * 2_000):
        text = f'"x":1}}\n{A}\n{brackets}'.encode()
        items = read(text)
        assert (ids(items), [item.line for item in refused(items)]) == (["a"], [1])
    assert visited < 2 * (5_000 + 6_000)


def test_wrappers_in_wrappers_with_garbage_cost_no_look_for_each_of_them(monkeypatch):
    visited = 0

    def counting(text, at, end):
        nonlocal visited
        found = grammar.scan(text, at, end)
        visited += found.at - at
        return found

    for module in (json_events, recovery, event_lists):
        monkeypatch.setattr(module, "scan", counting)
    monkeypatch.setattr(line_reader, "_AHEAD", 10_000)
    text = '{"Records":[x\n,' * 300 + json.dumps({"_id": "a", "text": "y" * 50_000}) + "]}" * 300
    read(text.encode())
    assert visited < 12 * len(text)


def test_nesting_is_refused_as_soon_as_it_is_too_deep():
    text = b'{"a":' + b"[" * 2_000_000
    found = grammar.scan(text, 0, len(text))
    assert found.state is grammar.ScanState.DEEP
    assert found.at < 2 * jsontext.MAX_NESTING
    assert [item.reason for item in read(A.encode() + b"\n" + text + b"\n" + B.encode())[1:2]] == ["nested too deeply"]
    assert len(read(b"[" * 2_000_000)) == 1


def test_what_is_nested_too_deeply_on_one_line_costs_one_event():
    deep = '{"x":[' * 5000 + '"}{["' + "]}" * 5000
    items = read(f"[{A},{deep},{B}]".encode())
    assert (ids(items), [item.reason for item in refused(items)]) == (["a", "b"], ["nested too deeply"])


HEADER = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData\r\n"


def row(name, style=COMPACT):
    return '1,2022,15,x,a,"' + json.dumps({"_id": name}, **style).replace('"', '""') + '"\r\n'


BAD_ROWS = [
    pytest.param('1,2022,15,x,a,"{""_id"":""x\r\n', id="a quote that is not closed"),
    pytest.param('1,2022,15,x,"a,{}\r\n', id="a quote that is not closed before the last column"),
    pytest.param("1,2022\r\n", id="too few columns"),
    pytest.param('1,2022,15,x,a,"{""_id"":"\r\n', id="a cell that is cut off"),
    pytest.param("garbage\r\n", id="text"),
    pytest.param('15,x,a,"{""_id"":1\r\n', id="a row without its beginning"),
]


@pytest.mark.parametrize("style", [COMPACT, PRETTY], ids=["rows on lines", "rows over lines"])
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_a_bad_row_costs_one_row(bad, style):
    good = [row(name, style) for name in "abcd"]
    text = HEADER + good[0] + bad + good[1] + good[2] + bad + good[3]
    items = read(text.encode())
    assert ids(items) == list("abcd")
    assert len(items) == 6


def test_a_stray_quote_in_another_column_is_no_error():
    text = HEADER + row("a").replace(",x,", ',5" pipe,') + row("b")
    assert ids(read(text.encode())) == ["a", "b"]


def test_a_header_joined_in_is_no_row():
    text = HEADER + row("a") + MARK + HEADER + row("b")
    items = read(text.encode())
    assert (ids(items), len(items)) == (["a", "b"], 2)


@pytest.mark.parametrize("chunk", [1 << 20, 4_000, 7])
def test_a_row_that_is_too_long_is_refused_and_never_cut(chunk):
    cell = '"' + json.dumps({"_id": "long", "x": "é" * 2_000}, ensure_ascii=False).replace('"', '""') + '"\r\n'
    text = HEADER + row("a") + "1,2022,15,x,a," + cell + row("b")
    items = read(text.encode(), chunk=chunk, line=3_000)
    assert ids(items) == ["a", "b"]
    assert [item.reason for item in refused(items)] == ["the line is too long (CASBAH_MAX_EVENT)"]
    assert ids(read(text.encode(), chunk=chunk, line=5_000)) == ["a", "long", "b"]


@pytest.mark.parametrize("chunk", [1 << 20, 50, 7])
def test_a_line_that_is_cut_says_so_and_is_never_joined_from_parts(chunk):
    text = b"a\n" + b"b" * 70 + b"c" * 70 + b"d\n" + b"e\n" + b"f" * 200
    got = list(LineReader(Chunks(text, chunk), max_line=100).lines())
    assert [len(line.text) + line.cut for line in got] == [2, 142, 2, 200]
    for line, whole in zip(got, text.splitlines(keepends=True), strict=True):
        assert whole.startswith(line.text)
        assert line.cut == 0 or len(line.text) > 100


@pytest.mark.parametrize("chunk", [1 << 20, 50])
def test_the_refusal_of_a_row_says_how_much_of_it_is_missing(chunk):
    long = "1,2022,15,x,a," + "z" * 200_000
    (refusal,) = refused(read((HEADER + row("a") + long + "\n" + row("b")).encode(), chunk=chunk, line=100_000))
    assert len(refusal.raw) + refusal.cut == len(HEADER.strip()) + 1 + len(long) + 1


def test_a_row_over_lines_may_be_as_long_as_any_other():
    cell = json.dumps({"_id": "long", "list": ["x" * 20] * 20_000}, indent=1).replace('"', '""')
    assert ids(read((HEADER + f'1,2022,15,x,a,"{cell}"\r\n' + row("b")).encode())) == ["long", "b"]


def test_few_lines_are_held_of_a_quote_that_is_never_closed(monkeypatch):
    maximum = 0
    original = csv_events._Lines.more

    def counting(lines, count):
        nonlocal maximum
        maximum = max(maximum, count)
        return original(lines, count)

    monkeypatch.setattr(csv_events._Lines, "more", counting)
    monkeypatch.setattr(csv_events, "_MAX_LINES", 100)
    text = HEADER + '1,2022,15,x,a,"{""_id"":""x\n' + "\n" * 20_000 + row("b")
    assert ids(read(text.encode())) == ["b"]
    assert maximum <= 101


def test_what_follows_the_beginning_of_a_very_long_line_is_no_column():
    text = "x" * ((1 << 20) - 11) + ",1,AuditDataOfAnotherKind," + "x" * 100 + "\n" + row("a")
    (refusal,) = read(text.encode())
    assert refusal.reason.startswith("the file holds neither JSON")


CEF = "CEF:0|MCAS|SIEM_Agent|0.1|EVENT|Log on|0|msg={} suser=a@x.test"


@pytest.mark.parametrize("length", [10, 100_000, 150_000])
def test_a_line_of_cef_is_read_whole_wherever_it_is_in_memory(length):
    lines = [CEF.format("y" * 70_000), CEF.format("z" * length), CEF.format("b")]
    items = read("\n".join(lines).encode(), chunk=1 << 16)
    assert [item.parsed["line"] for item in items] == lines


def test_a_line_of_cef_that_is_too_long_is_one_refusal():
    text = "\n".join([CEF.format("a"), CEF.format('{"_id":"b"}, ' * 20_000), CEF.format("c")])
    items = read(text.encode(), chunk=1 << 16, line=100_000)
    assert [type(item) for item in items] == [Event, Refusal, Event]
    assert items[1].reason == "the line is too long (CASBAH_MAX_EVENT)"


def test_the_last_line_of_cef_is_refused_where_the_file_breaks_off():
    lines = [CEF.format(number) for number in range(3_000)]
    packed = gzip.compress("\n".join(lines).encode())
    stream = decompress.Counted(io.BytesIO(packed[:-300]))
    (opened,) = decompress.input_streams(stream, origin="x", limits=decompress.InputLimits())
    *items, cut, broken = events(LineReader(opened.stream, max_line=LINE), CONTEXT)
    assert [item.parsed["line"] for item in items] == lines[: len(items)]
    assert (cut.reason, cut.line) == ("cut off before its end", len(items) + 1)
    assert lines[len(items)].startswith(cut.raw.decode())
    assert broken.reason.startswith("cannot be read")


def test_a_quote_that_is_never_closed_costs_time_and_memory_within_bounds(monkeypatch):
    visited = 0
    original = csv_events._Table._read

    def counting(table, text, lines):
        nonlocal visited
        visited += len(text)
        return original(table, text, lines)

    monkeypatch.setattr(csv_events._Table, "_read", counting)
    monkeypatch.setattr(csv_events, "_AHEAD", 10_000)
    text = HEADER + '1,2022,15,x,a,"{""_id"":""x\n' + "a line without quotes\n" * 20_000
    items = read(text.encode() + row("b").encode())
    assert ids(items) == ["b"]
    assert visited < 4 * len(text)


@pytest.mark.parametrize("separator", [",", ",\n"], ids=["on one line", "on lines"])
def test_an_event_may_be_as_long_in_every_layout(separator):
    long = json.dumps({"_id": "long", "x": "y" * 300}, separators=(",", ":"))
    items = read(f"[{A}{separator}{long}{separator}{B}]".encode(), line=200)
    assert ids(items) == ["a", "b"]
    assert len(refused(items)) == 1


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_limit_of_an_event_is_exact(layout):
    long = {"_id": "long", "x": "y" * 300}
    text = layout([{"_id": "a"}, long, {"_id": "b"}]).encode()
    (whole,) = (item.raw for item in read(text) if isinstance(item, Event) and item.parsed == long)
    assert ids(read(text, line=len(whole))) == ["a", "long", "b"]
    assert ids(read(text, line=len(whole) - 1)) == ["a", "b"]
