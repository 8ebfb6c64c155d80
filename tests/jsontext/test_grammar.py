"""Both spellings of a repetition find the same ends: Pythons before 3.11.5 need the second."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.base.jsontext import grammar

VALUES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", '}{"[,', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\\", max_size=2), inner, max_size=3),
    max_leaves=20,
)
MEMBERS, ELEMENTS = "_members", "_elements"


def expression(name: str, *, possessive: bool) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grammar, "_POSSESSIVE_GROUPS", possessive)
        return getattr(grammar, name).__wrapped__()


PAIRS = {
    name: [expression(name, possessive=possessive) for possessive in (True, False)]
    for name in ("row", "_whole", MEMBERS, ELEMENTS)
}


@pytest.mark.skipif(not grammar._POSSESSIVE_GROUPS, reason="this Python ends the first spelling wrongly")
@pytest.mark.parametrize("name", PAIRS)
@given(value=VALUES, end=st.sampled_from(["", ", ", "]", "}", ",{"]), cut=st.integers(0, 5))
def test_both_spellings_agree(name, value, end, cut):
    text = json.dumps([value, value] if name == ELEMENTS else {"a": value, "b": value}).encode()
    text = (text[1:] if name in (MEMBERS, ELEMENTS) else text)[: len(text) - cut] + end.encode()
    first, second = (pair.match(text) for pair in PAIRS[name])
    assert (first and first.span()) == (second and second.span())
