import pytest

from casbah.base import jsontext

READ = [
    pytest.param(rb'{"a":"\ud83d"}', {"a": "\ud83d"}, id="a lone surrogate escape"),
    pytest.param(b'{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}, id="a huge integer"),
    pytest.param(b'{"a":18446744073709551616}', {"a": 2**64}, id="the first integer past 64 bits"),
    pytest.param(b'{"a":-9223372036854775809}', {"a": -(2**63) - 1}, id="the first negative integer past 64 bits"),
    pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="of a repeated key the last counts"),
    pytest.param(b'{"a":"12345678901234567890123"}', {"a": "12345678901234567890123"}, id="digits in a string"),
]


@pytest.mark.parametrize(("raw", "expected"), READ)
def test_what_json_allows_is_read_as_it_is(raw, expected):
    parsed = jsontext.parse_object(raw)
    assert parsed == expected
    assert jsontext.parse(jsontext.dump(parsed)) == expected
    assert jsontext.parse_accepted(raw) == expected
    assert jsontext.canonical(parsed) == jsontext.canonical(jsontext.parse(raw))


@pytest.mark.parametrize("integer", [2**64, 10**18, 10**19, -(10**19), 123456789012345678901234567890])
@pytest.mark.parametrize("text", ["%d", " %d", "[%d]", '{"a":%d}'])
def test_an_integer_is_exact_wherever_it_is(text, integer):
    parsed = jsontext.parse((text % integer).encode())
    assert parsed in (integer, [integer], {"a": integer})
    assert str(integer) in str(parsed)


REFUSED = [
    pytest.param(b'{"a":NaN}', "NaN is not a JSON value", id="NaN"),
    pytest.param(b'{"a":-Infinity}', "-Infinity is not a JSON value", id="infinity"),
    pytest.param(b'{"a":1e999}', "number 1e999 is too large", id="a number that is infinite"),
    pytest.param(b"[1]", "expected a JSON object, got a list", id="a list"),
    pytest.param(b'"text"', "expected a JSON object, got a string", id="a string"),
    pytest.param(b"null", "expected a JSON object, got null", id="null"),
    pytest.param(b'{"a":1E400}', "number 1E400 is too large", id="a number just past the greatest"),
    pytest.param(b'\xef\xbb\xbf{"a":1}', "not JSON", id="a byte order mark"),
    pytest.param(b'{"a":1} x', "not JSON", id="text after the value"),
    pytest.param(b'{"a":"\xff"}', "not UTF-8: byte 7 is 0xff", id="not UTF-8"),
    pytest.param(b'{"a":', "not JSON", id="cut off"),
    pytest.param(b"[" * 5000 + b"]" * 5000, "nested too deeply", id="nested too deeply"),
    pytest.param(b"[" * 2_000_000, "nested too deeply", id="nested far too deeply"),
    pytest.param(b'{"a":"["},' * 2000 + b"[", "not JSON", id="brackets in strings are no nesting"),
    pytest.param(b'{"a":' + b"1" * 5000 + b"}", "not JSON", id="a number of thousands of digits"),
]


@pytest.mark.parametrize(("raw", "reason"), REFUSED)
def test_what_json_does_not_allow_is_refused_with_the_reason(raw, reason):
    with pytest.raises(jsontext.InvalidJsonError) as caught:
        jsontext.parse_object(raw)
    assert reason in str(caught.value)


@pytest.mark.parametrize("raw", [b"[1]", b"null", b'"text"', b"7"])
def test_another_value_is_told_from_broken_text(raw):
    with pytest.raises(jsontext.NotAnObjectError, match=r"^expected a JSON object, got "):
        jsontext.parse_object(raw)
    with pytest.raises(jsontext.InvalidJsonError) as caught:
        jsontext.parse_object(raw + b" x")
    assert not isinstance(caught.value, jsontext.NotAnObjectError)


def test_distinct_huge_integers_stay_distinct():
    one, other = (jsontext.parse(b'{"a":1234567890123456789012%d}' % digit) for digit in (1, 2))
    assert jsontext.canonical(one) != jsontext.canonical(other)


def test_negative_zero_stays_negative():
    assert jsontext.dump(jsontext.parse(b"[-0.0,1e-400]")) == b"[-0.0,0.0]"


@pytest.mark.parametrize("parse", [jsontext.parse, jsontext.parse_accepted])
def test_the_greatest_depth_is_read(parse):
    value, depth = parse(b"[" * jsontext.MAX_NESTING + b"]" * jsontext.MAX_NESTING), 1
    while value:
        value, depth = value[0], depth + 1
    assert depth == jsontext.MAX_NESTING
