import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casbah.base import jsontext
from casbah.base.jsontext import patch

TEXTS = st.text(st.characters(codec=None) | st.sampled_from('{}[]",:\\\n\t '), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=6)
STYLES = st.sampled_from(
    [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}, {"separators": (" ,\r\n", " :\t")}]
)


def written(value, style):
    return json.dumps(value, **style).encode()


@given(OBJECTS, STYLES)
def test_members_are_those_of_json(value, style):
    text = written(value, style)
    members = patch.members(text)
    assert [member.key for member in members] == list(value)
    assert [json.loads(text[member.value : member.end]) for member in members] == list(value.values())
    assert [json.loads(b"{%b}" % text[member.start : member.end]) for member in members] == [
        {k: v} for k, v in value.items()
    ]
    assert {key: json.loads(raw) for key, raw in patch.raw_values(text, value.keys()).items()} == value


@given(st.lists(VALUES, max_size=6), STYLES)
def test_elements_are_those_of_json(value, style):
    text = written(value, style)
    assert [json.loads(element) for element in patch.elements(text)] == value


@given(OBJECTS, STYLES, st.data())
def test_replacing_changes_only_what_is_named(value, style, data):
    text = written(value, style)
    names = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    changed = patch.replaced(text, dict.fromkeys(names, b'"new"'))
    assert json.loads(changed) == {**value, **dict.fromkeys(names, "new")}
    if not names:
        assert changed == text


@given(OBJECTS, STYLES, st.data())
def test_taking_out_leaves_the_rest(value, style, data):
    names = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    left = patch.without(written(value, style), frozenset(names))
    assert json.loads(left) == {key: item for key, item in value.items() if key not in names}


@given(st.lists(VALUES, max_size=5), STYLES)
def test_a_list_becomes_an_object_of_its_elements_own_bytes(value, style):
    text = written(value, style)
    numbered = patch.numbered(text)
    assert json.loads(numbered) == {str(index): item for index, item in enumerate(value)}
    for element in patch.elements(text):
        assert element in numbered


def _mangled(texts):
    """Valid texts with some bytes removed, replaced or added."""
    noise = st.sampled_from(
        [b"", b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"1", b"-", b".", b" ", b"\n", b"\xff", b"\x00", MARK]
    )
    cuts = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 2), noise), max_size=3)
    return st.builds(_cut, texts, cuts)


def _cut(text, cuts):
    for at, size, noise in cuts:
        text = text[:at] + noise + text[at + size :]
    return text


MARK = b"\xef\xbb\xbf"
SCALARS = st.sampled_from(
    [
        b"1",
        b"12",
        b"-0.0",
        b"1E400",
        b"-1e-400",
        b"123456789012345678901234567890",
        b"NaN",
        b"-Infinity",
        b"01",
        b"1.",
        b"+1",
    ]
    + [
        b"nul",
        b"null",
        b"true",
        b'""',
        rb'"\ud83d"',
        rb'"\ud83d\ude00"',
        b'"\xff"',
        b'"\n"',
        rb'"\q"',
        b"[]",
        b"{}",
        b"[1,]",
        b'{"a":1}',
    ]
    + [b"[" * depth + b"]" * depth for depth in (900, 1024, 1025, 5000)]
)
KEYS = st.sampled_from(
    [
        b'"a"',
        rb'"\u0061"',
        b'"b"',
        '"é"'.encode(),
        rb'"\u00e9"',
        b'""',
        rb'"\""',
        rb'"\ud83d"',
        b'"\xff"',
        b'"\n"',
        b"a",
    ]
)
SPELLED = st.builds(
    lambda members, end: b"{%b}%b" % (b",".join(b"%b:%b" % member for member in members), end),
    st.lists(st.tuples(KEYS, SCALARS), max_size=5),
    st.sampled_from([b"", b" ", b"\n", b"x", b",", b"}", b"\x00"]),
)
ANY = (
    st.binary(max_size=40)
    | st.text('{}[]",:\\ a1', max_size=30).map(str.encode)
    | _mangled(st.builds(written, OBJECTS | st.lists(VALUES, max_size=4), STYLES))
    | _mangled(SPELLED)
)


def _outcome(read, text):
    """What a function returns, or the error that it raises."""
    try:
        return list(read(text))
    except jsontext.InvalidJsonError as error:
        return str(error)


@given(ANY)
@example(b'{"a":%b} ' % (b"[" * 1024 + b"]" * 1024))
@example(b'{"a":%b}' % (b"[" * 5000 + b"]" * 5000))
@example(b"[" * 1025 + b"]" * 1025)
def test_members_and_elements_are_those_that_the_scanner_finds(text):
    members = _outcome(patch.scanned_members, text)
    assert _outcome(patch.members, text) == members
    assert _outcome(patch.elements, text) == _outcome(patch.scanned_elements, text)
    if isinstance(members, list):
        last = {member.key: text[member.value : member.end] for member in members}
        assert patch.raw_values(text, {*last, "absent"}) == last
    else:
        assert _outcome(lambda text: patch.raw_values(text, ["a"]), text) == members


@given(ANY)
@example(b'{"":20000000000000000000}')
def test_members_of_what_is_accepted_are_those_that_were_parsed(text):
    try:
        parsed = jsontext.parse_object(text)
    except jsontext.InvalidJsonError:
        return
    raw = patch.raw_values(text, parsed.keys())
    assert {key: jsontext.canonical(jsontext.parse(value)) for key, value in raw.items()} == {
        key: jsontext.canonical(value) for key, value in parsed.items()
    }
    assert jsontext.replaced(text, raw) == text
    assert jsontext.without(text, {"absent"}) == text


def test_the_usual_spelling_is_not_scanned(monkeypatch):
    text = written({"a": [1, {"b": "}"}], "é": "\\", "": {}}, {"separators": (",", ":"), "ensure_ascii": False})
    scanned = list(patch.scanned_members(text))
    monkeypatch.setattr(patch, "scanned_members", None)
    assert patch.members(text) == scanned


REPEATED = [
    pytest.param(b'{"a":1,"a":null}', b'{"a":1,"a":2}', id="the last of a repeated key is the one that counts"),
    pytest.param(rb'{"\u0061":null}', rb'{"\u0061":2}', id="an escaped key is the same key"),
    pytest.param(b'{"b":{"a":null},"a":null}', b'{"b":{"a":null},"a":2}', id="an inner key is another key"),
    pytest.param(b'{"b":"}\\"a\\":null","a":null}', b'{"b":"}\\"a\\":null","a":2}', id="a string is no structure"),
]


@pytest.mark.parametrize(("text", "expected"), REPEATED)
def test_which_value_is_replaced(text, expected):
    assert patch.replaced(text, {"a": b"2"}) == expected


def test_all_of_a_repeated_key_are_taken_out():
    assert patch.without(b'{"a":1, "b":2, "a":null}', frozenset({"a"})) == b'{"b":2}'


@given(VALUES)
def test_canonical_is_one_spelling_whatever_the_order_of_keys(value):
    shuffled = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert jsontext.canonical(shuffled) == jsontext.canonical(value)
