"""How text is normalised."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from casbah.activity.text import MAX_CHARACTERS, exact, folded, is_unspaced, sound, spaced_words, word_runs, words

TEXT = st.text(
    st.characters() | st.sampled_from("Σσςßẞİı\u0301\ud83d\x1e _-.\n\u6771\u4eac\u30b5\uff7b\uff9e\u0e44\u0e4c\ub05d"),
    max_size=40,
)


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("Hello, World_wide-web 42", ("hello", "world", "wide", "web", "42"), id="words and underscores"),
        pytest.param("ΟΔΟΣ ΟΔΟΣΑ", ("οδος", "οδοσα"), id="final sigma"),
        pytest.param("\u00dcber STRASSE \u1e9e", ("\u00fcber", "strasse", "\u00df"), id="lower case, not folded"),
        pytest.param("x" * 300, ("x" * 256,), id="cut to 256 characters"),
        pytest.param("... --- ___", (), id="no words"),
        pytest.param("a\ud800b", ("a", "b"), id="a lone surrogate is no letter"),
        pytest.param("re\u0301sume\u0301", ("r\u00e9sum\u00e9",), id="composed"),
        pytest.param("\uff26\uff55\uff4c\uff4c \ufb01le", ("full", "file"), id="full width and ligatures"),
        pytest.param(
            "\u0939\u093f\u0928\u094d\u0926\u0940",
            ("\u0939\u093f\u0928\u094d\u0926\u0940",),
            id="marks belong to their letter",
        ),
        pytest.param("\u0301ab", ("ab",), id="a mark after no letter"),
        pytest.param("\u6771\u4eac\u90fd", ("\u6771", "\u4eac", "\u90fd"), id="Han: a word a letter"),
        pytest.param("\u0e44\u0e1f\u0e25\u0e4c", ("\u0e44", "\u0e1f", "\u0e25\u0e4c"), id="Thai, with a mark"),
        pytest.param("abc\u6771x", ("abc", "\u6771", "x"), id="a word ends where the script changes"),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@given(st.lists(TEXT, max_size=6))
def test_spaced_words_are_the_words_of_each_text(texts: list[str]) -> None:
    expected = [words(text) for text in dict.fromkeys(texts)]
    assert sorted(tuple(text.split()) for text in spaced_words(texts)) == sorted(found for found in expected if found)


@given(TEXT)
def test_normalised_text_can_be_encoded(text: str) -> None:
    for normalised in (sound(text), exact(text), folded(text)):
        assert normalised.encode().decode() == normalised


def test_the_first_8000_characters_count() -> None:
    assert exact("x" * 9_000) == "x" * MAX_CHARACTERS
    assert folded("\u0130" * 9_000) == "i\u0307" * (MAX_CHARACTERS // 2)
    assert folded("e\u0301" * 9_000) == "\u00e9" * MAX_CHARACTERS


@pytest.mark.parametrize(
    "text, form", [("Jose\u0301", "jos\u00e9"), ("\u212bngstrom", "\u00e5ngstrom"), ("J\u030c", "j\u030c")]
)
def test_text_is_composed_before_it_is_lower_cased(text: str, form: str) -> None:
    assert folded(text) == form


def test_the_table_of_scripts_without_spaces_is_that_of_the_names_of_their_letters() -> None:
    letters = [char for char in map(chr, range(sys.maxunicode + 1)) if char.isalnum()]
    assert [char for char in letters if is_unspaced(char) != oracle.is_unspaced(char)] == []


@given(TEXT)
def test_words_are_those_of_a_plain_definition(text: str) -> None:
    assert word_runs(text) == [tuple(run) for run in oracle.runs(text)]
