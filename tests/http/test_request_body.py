"""What a body says, in every encoding, and what is refused (docs/compatibility.md, 3)."""

import gzip
import json

import pytest

from casbah.errors import MalformedBodyError
from casbah.http.request_body import parameters

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=XX"
FILTERS = '{"service": {"eq": [1]}}'


def part(name: str, value: str, *, more: str = "") -> str:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


READ = [
    pytest.param(b'{"limit": 1}', JSON, {"limit": 1}, id="JSON"),
    pytest.param(b'{"limit": 1}', FORM, {"limit": 1}, id="JSON that is labelled a form"),
    pytest.param(b'{"limit": 1}', MULTIPART, {"limit": 1}, id="JSON that is labelled multipart"),
    pytest.param(b'{"limit": 1}', "", {"limit": 1}, id="JSON without a label"),
    pytest.param(b' \r\n\t{"limit": 1}\n', JSON, {"limit": 1}, id="blanks around JSON"),
    pytest.param(b'\xef\xbb\xbf{"limit": 1}', JSON, {"limit": 1}, id="a byte order mark before JSON"),
    pytest.param(b'{"a": 1, "a": 2}', JSON, {"a": 2}, id="of a repeated key the last one wins"),
    pytest.param(b'{"a": {"b": 1, "b": 2}}', JSON, {"a": {"b": 2}}, id="deeper too"),
    pytest.param(b"", JSON, {}, id="nothing"),
    pytest.param(b" \n", FORM, {}, id="blanks"),
    pytest.param(b"\xef\xbb\xbf", JSON, {}, id="a byte order mark alone"),
    pytest.param(b"{}", JSON, {}, id="an empty object"),
    pytest.param(b"filters=%7B%7D&isScan=True", FORM, {"filters": "{}", "isScan": "True"}, id="a form"),
    pytest.param(b"a=1&a=2", FORM, {"a": "2"}, id="of a repeated field the last one wins"),
    pytest.param(b"a=&b", FORM, {"a": "", "b": ""}, id="fields without a value"),
    pytest.param(b"a=1+2%2B3", FORM, {"a": "1 2+3"}, id="a plus sign is a blank"),
    pytest.param("a=é".encode(), FORM, {"a": "é"}, id="UTF-8 that nobody encoded"),
    pytest.param(b"a=1", FORM + "; charset=utf-8", {"a": "1"}, id="a label with a charset"),
    pytest.param(b"a=1", "Application/X-WWW-Form-URLEncoded", {"a": "1"}, id="a label in another case"),
    pytest.param((part("filters", FILTERS) + part("isScan", "True") + "--XX--\r\n").encode(), MULTIPART, {"filters": FILTERS, "isScan": "True"}, id="multipart"),
    pytest.param((part("filters", FILTERS, more='; filename="f.json"') + "--XX--\r\n").encode(), MULTIPART, {"filters": FILTERS}, id="multipart with a file"),
    pytest.param((part("a", "é") + "--XX--").encode(), 'multipart/form-data; boundary="XX"', {"a": "é"}, id="a quoted boundary"),
    pytest.param(("To whom it may concern\r\n" + part("a", "1") + "--XX--\r\n").encode(), MULTIPART, {"a": "1"}, id="a preamble"),
    pytest.param(("\r\n" + part("a", "1\r\n--XY") + "--XX--").encode(), MULTIPART, {"a": "1\r\n--XY"}, id="an empty preamble, and a value that looks like a boundary"),
    pytest.param((part("a", "1") + "--XX--\r\nFaithfully yours\r\n--XX\r\n").encode(), MULTIPART, {"a": "1"}, id="an epilogue"),
    pytest.param((part("a", "1") + part("a", "2") + "--XX--").encode(), MULTIPART, {"a": "2"}, id="of a repeated part the last one wins"),
    pytest.param(part("a", "1", more="\r\nContent-Type: application/json; charset=utf-8").encode() + b"--XX--", MULTIPART, {"a": "1"}, id="a part with a type of its own"),
    pytest.param(b'{"a": "\\ud83d"}', JSON, {"a": "\ud83d"}, id="a lone surrogate is read; whoever compares it mends it"),
    pytest.param(b'{"a": 123456789012345678901234567890}', JSON, {"a": 123456789012345678901234567890}, id="an integer past 64 bits"),
]  # fmt: skip

REFUSED = [
    pytest.param(b"{", JSON, "body: not JSON", id="JSON that breaks off"),
    pytest.param(b'{"a": 1} {}', JSON, "body: not JSON", id="two objects"),
    pytest.param(b"{'a': 1}", JSON, "body: not JSON", id="quotes of another language"),
    pytest.param(b'{"a": "\xff"}', JSON, "body: not UTF-8", id="not UTF-8"),
    pytest.param(b'{"a": "\xed\xa0\xbd"}', JSON, "body: not UTF-8", id="a surrogate as bytes"),
    pytest.param(b'{"a": NaN}', JSON, "NaN is not a JSON value", id="NaN"),
    pytest.param(b'{"a": -Infinity}', JSON, "not JSON", id="-Infinity"),
    pytest.param(b'{"a": 1e999}', JSON, "body: not JSON", id="a number too large"),
    pytest.param(b'{"a": ' + b"1" * 100_000 + b"}", JSON, "body: not JSON", id="an integer of 100,000 digits"),
    pytest.param(b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", JSON, "nested too deeply", id="10,000 levels of lists"),
    pytest.param(b'{"a": ' * 10_000 + b"1" + b"}" * 10_000, JSON, "nested too deeply", id="10,000 levels of objects"),
    pytest.param(b'{"a": ' + b"[" * 500_000, JSON, "body: ", id="lists that never close"),
    pytest.param(b"\x0c", JSON, "body: expected a JSON object", id="a form feed, which JSON does not count as white space"),
    pytest.param(b"\x0b{}", JSON, "body: expected a JSON object", id="a vertical tab before JSON"),
    pytest.param(b"[]", JSON, "body: expected a JSON object", id="a list"),
    pytest.param(b"null", JSON, "body: expected a JSON object", id="null"),
    pytest.param(b'"{}"', JSON, "body: expected a JSON object", id="a string"),
    pytest.param(b"a=1", JSON, "body: expected a JSON object", id="a form that is labelled JSON"),
    pytest.param(b"a=1", "", "body: expected a JSON object", id="a form without a label"),
    pytest.param(b"a=\xff", FORM, "body: the form is not UTF-8", id="a form that is not UTF-8"),
    pytest.param(b"a=%ff", FORM, "not UTF-8 after decoding", id="a form that is not UTF-8 inside its %XX"),
    pytest.param(b"&".join(b"f%d=1" % number for number in range(1_001)), FORM, "parameters cannot be read", id="1,001 fields"),
    pytest.param(b"&" * 50_000, FORM, "parameters cannot be read", id="50,000 empty fields"),
    pytest.param(b"--XX", "multipart/form-data", "without a boundary", id="multipart without a boundary"),
    pytest.param(b"--XX", "multipart/form-data; boundary=", "without a boundary", id="an empty boundary"),
    pytest.param(part("a", "1").encode(), MULTIPART, "breaks off before its closing boundary", id="multipart without its closing boundary"),
    pytest.param((part("a", "1") + "--XX").encode(), MULTIPART, "breaks off before its closing boundary", id="multipart that ends within its closing boundary"),
    pytest.param(gzip.compress(b"{}"), JSON, "body: compressed", id="gzip"),
    pytest.param(gzip.compress(b"{}"), FORM, "body: compressed", id="gzip that is labelled a form"),
    pytest.param('{"a": 1}'.encode("utf-16"), "application/json; charset=utf-16", "body: expected a JSON object", id="UTF-16 with its mark"),
    pytest.param('{"a": 1}'.encode("utf-16-le"), "application/json; charset=utf-16", "body: not JSON", id="UTF-16 without it"),
    pytest.param('{"a": "é"}'.encode("latin-1"), "application/json; charset=iso-8859-1", "body: not UTF-8", id="Latin-1"),
    pytest.param(b"nothing", MULTIPART, "cannot be read", id="multipart without a part"),
    pytest.param(b"--XX\r\nnonsense\r\n\r\n", MULTIPART, "cannot be read", id="a part with a broken header"),
    pytest.param((part("a", "1") + "--XX--").encode().replace(b"1", b"\xff"), MULTIPART, "not UTF-8", id="a part that is not UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize("body, label, expected", READ)
def test_body_is_read(body, label, expected):
    assert parameters(body, label) == expected


@pytest.mark.parametrize("body, label, text", REFUSED)
def test_body_is_refused_in_words(body, label, text):
    with pytest.raises(MalformedBodyError) as refused:
        parameters(body, label)
    assert text in str(refused.value)
    assert len(str(refused.value)) < 400


HOSTILE_MULTIPART = [
    pytest.param(b"--XX\r\n\r\nvalue\r\n--XX--", id="a part without any header"),
    pytest.param(b"--XX\r\nContent-Type: text/plain\r\n\r\nvalue\r\n--XX--", id="a part without a name"),
    pytest.param(b"--XX\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--XX--", id="a disposition without a name"),
    pytest.param(part("a", "1").encode(), id="no end"),
    pytest.param(b"--XX\r\nContent-Disposition: form-da", id="broken off in a header"),
    pytest.param(b"--XX\r\n" + b"X: y\r\n" * 10_000 + b"\r\nvalue\r\n--XX--", id="10,000 headers in a part"),
    pytest.param(b"--XX\r\nX: " + b"y" * 100_000 + b"\r\n\r\nvalue\r\n--XX--", id="a header of 100,000 bytes"),
    pytest.param(b'--XX\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!\r\n--XX--', id="a transfer encoding"),
    pytest.param("".join(part(f"f{number}", "1") for number in range(5_000)).encode() + b"--XX--", id="5,000 parts"),
    pytest.param(b"--XX--", id="no parts"),
    pytest.param(b"--XX--\r\nepilogue", id="an epilogue"),
    pytest.param(b"preamble\r\n--XX\r\n", id="a preamble"),
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE_MULTIPART)
def test_hostile_multipart_is_read_or_refused(body):
    try:
        found = parameters(body, MULTIPART)
    except MalformedBodyError:
        return
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in found.items())


@pytest.mark.parametrize("label", ["multipart/form-data; boundary=" + "x" * 5_000, "multipart/form-data; boundary=é", "multipart/form-data;;;=", 'multipart/form-data; boundary="', "multipart/form-data; boundary*=utf-8''%ff"])  # fmt: skip
def test_hostile_label_is_read_or_refused(label):
    with pytest.raises(MalformedBodyError):
        parameters(b"--x\r\n", label)


def test_a_file_of_any_size_leaves_nothing_open():
    body = (part("filters", json.dumps({"x": "y" * 2_000_000}), more='; filename="f"') + "--XX--").encode()
    assert len(parameters(body, MULTIPART)["filters"]) > 2_000_000
