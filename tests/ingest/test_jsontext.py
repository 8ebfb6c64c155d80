import pytest

from casbah.ingest import jsontext
from casbah.ingest.contract import UnusableEventError

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
    assert jsontext.canonical(parsed) == jsontext.canonical(jsontext.parse(raw))


REFUSED = [
    pytest.param(b'{"a":NaN}', "NaN is not a JSON value", id="NaN"),
    pytest.param(b'{"a":-Infinity}', "-Infinity is not a JSON value", id="infinity"),
    pytest.param(b'{"a":1e999}', "number 1e999 is too large", id="a number that is infinite"),
    pytest.param(b"[1]", "expected a JSON object, got a list", id="a list"),
    pytest.param(b'"text"', "expected a JSON object, got a string", id="a string"),
    pytest.param(b"null", "expected a JSON object, got null", id="null"),
    pytest.param(b'{"a":"\xff"}', "not UTF-8: byte 7 is 0xff", id="not UTF-8"),
    pytest.param(b'{"a":', "not JSON", id="cut off"),
    pytest.param(b"[" * 5000 + b"]" * 5000, "nested too deeply", id="nested too deeply"),
    pytest.param(b"[" * 2_000_000, "nested too deeply", id="nested far too deeply"),
    pytest.param(b'{"a":"["},' * 2000 + b"[", "not JSON", id="brackets in strings are no nesting"),
    pytest.param(b'{"a":' + b"1" * 5000 + b"}", "not JSON", id="a number of thousands of digits"),
]


@pytest.mark.parametrize(("raw", "reason"), REFUSED)
def test_what_json_does_not_allow_is_refused_with_the_reason(raw, reason):
    with pytest.raises(UnusableEventError) as caught:
        jsontext.parse_object(raw)
    assert reason in str(caught.value)


def test_distinct_huge_integers_stay_distinct():
    one, other = (jsontext.parse(b'{"a":1234567890123456789012%d}' % digit) for digit in (1, 2))
    assert jsontext.canonical(one) != jsontext.canonical(other)
