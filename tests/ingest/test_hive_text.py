"""The text form of structs in results of Athena and CloudTrail Lake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.ingest.hive_text import parsed

VALUES = [
    pytest.param("{type=IAMUser, username=null}", {"type": "IAMUser", "username": None}, id="a struct"),
    pytest.param("{a={b={c=d}}, e=f}", {"a": {"b": {"c": "d"}}, "e": "f"}, id="structs in each other"),
    pytest.param("[{arn=x:y, type=z}, {arn=w}]", [{"arn": "x:y", "type": "z"}, {"arn": "w"}], id="a list of structs"),
    pytest.param("[a, b]", "[a, b]", id="a list of texts, which may hold the separator"),
    pytest.param("{a=, b=c}", {"a": "", "b": "c"}, id="an empty text"),
    pytest.param("{a=one, two, b=c}", {"a": "one, two", "b": "c"}, id="a text with a comma"),
    pytest.param('{a={"k":"x, y=z"}, b=c}', {"a": '{"k":"x, y=z"}', "b": "c"}, id="a text that is JSON"),
    pytest.param("{a=[], b={}}", {"a": [], "b": {}}, id="nothing in them"),
    pytest.param("{}", {}, id="an empty struct"),
    pytest.param("plain", "plain", id="a text"),
    pytest.param('{"a": 1}', '{"a": 1}', id="JSON"),
    pytest.param("{a=b", "{a=b", id="no end"),
    pytest.param("{a=b}}", "{a=b}}", id="text after the end"),
    pytest.param("{a=" * 50 + "}" * 50, "{a=" * 50 + "}" * 50, id="nested too deeply"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text, value):
    assert parsed(text) == value


NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
TEXTS = st.from_regex(r"[a-zA-Z0-9:/ .@-]{0,12}", fullmatch=True).filter(lambda text: text != "null")
TREES = st.recursive(
    TEXTS | st.none(), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=12
)


def written(value):
    if value is None:
        return "null"
    return value if type(value) is str else "{" + ", ".join(f"{k}={written(v)}" for k, v in value.items()) + "}"


@given(st.dictionaries(NAMES, TREES, min_size=1, max_size=4))
def test_what_was_written_is_read(value):
    assert parsed(written(value)) == value


@given(st.text(alphabet="{}[]=, ab", max_size=40))
def test_any_text_is_read_without_an_error(text):
    parsed(text)
