"""How text is normalised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.text import MOST_CHARACTERS, exact, folded, sound, spaced_words, words

TEXT = st.text(st.characters() | st.sampled_from("Σσςßẞİı\u0301\ud83d\x1e _-.\n"), max_size=40)


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("Hello, World_wide-web 42", ("hello", "world", "wide", "web", "42"), id="words and underscores"),
        pytest.param("ΟΔΟΣ ΟΔΟΣΑ", ("οδος", "οδοσα"), id="final sigma"),
        pytest.param("\u00dcber STRASSE \u1e9e", ("\u00fcber", "strasse", "\u00df"), id="lower case, not folded"),
        pytest.param("x" * 300, ("x" * 256,), id="cut to 256 characters"),
        pytest.param("... --- ___", (), id="no words"),
        pytest.param("a\ud800b", ("a", "b"), id="a lone surrogate is no letter"),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@given(st.lists(TEXT, max_size=6))
def test_spaced_words_are_the_words_of_each_text(texts: list[str]) -> None:
    expected = [words(text) for text in dict.fromkeys(texts)]
    assert [tuple(text.split()) for text in spaced_words(texts)] == [each for each in expected if each]


@given(TEXT)
def test_normalised_text_can_be_encoded(text: str) -> None:
    for normalised in (sound(text), exact(text), folded(text)):
        assert normalised.encode().decode() == normalised


def test_the_first_8000_characters_count() -> None:
    assert exact("x" * 9_000) == "x" * MOST_CHARACTERS
    assert folded("\u0130" * 9_000) == ("\u0130" * MOST_CHARACTERS).lower()
