"""The project's words: prose without the phrases, and code without the names, that tests/words.toml lists."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDS = tomllib.loads((ROOT / "tests/words.toml").read_text())
PHRASES = re.compile("|".join(WORDS["phrases"]).replace(" ", r"\s+"), re.IGNORECASE)
IN_DOCUMENTS = re.compile("|".join(WORDS["documents"]).replace(" ", r"\s+"), re.IGNORECASE)
IDENTIFIERS = frozenset(WORDS["identifiers"])

CODE = sorted((ROOT / "src").rglob("*.py"))
SCRIPTS = sorted((ROOT / "src").rglob("*.js"))
PAGES = [*sorted((ROOT / "src").rglob("*.html")), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
HISTORY = ROOT / "CHANGELOG.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", HISTORY, *sorted((ROOT / "docs").rglob("*.md"))]
_QUOTED = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(r"(?:\b(?:const|let|function|class)\s+|[{(,]\s*)(\w+)(?=\s*(?:[=(,):]|\s+of\b))")


def prose_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Comments and strings that hold more than a word, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type == tokenize.STRING or tokenize.tok_name[token.type] == "FSTRING_MIDDLE"
        if token.type == tokenize.COMMENT or (is_text and len(token.string.split()) > 1):
            yield token.start[0], token.string


def forbidden_phrases(parts: Iterator[tuple[int, str]], phrases: re.Pattern[str] = PHRASES) -> list[str]:
    """Each use of a listed phrase, on one line or several, as `line: phrase`."""
    return [
        f"{first + text[: use.start()].count(chr(10))}: {use[0]}"
        for first, text in parts
        for use in phrases.finditer(text)
    ]


def unquoted(text: str) -> str:
    """A document without its code and the targets of its links; every line stays where it is."""
    return _QUOTED.sub(lambda quoted: re.sub(r"[^\n]", " ", quoted[0]), text)


def names_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Every name that the code gives to something, with its line."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name


def forbidden_names(names: Iterator[tuple[int, str]]) -> list[str]:
    """Each use of a listed name, with or without a leading underscore, as `line: name`."""
    return [f"{line}: {name}" for line, name in names if name.lstrip("_") in IDENTIFIERS]


def is_prose_file(path: Path) -> bool:
    """Whether its words are chosen today: what the changelog says of earlier versions stays."""
    return path != HISTORY


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_code_uses_standard_words(path: Path) -> None:
    text = path.read_text()
    assert not forbidden_phrases(prose_of_python(text))
    assert not forbidden_names(names_of_python(text))


@pytest.mark.parametrize(
    "path", [*SCRIPTS, *filter(is_prose_file, PAGES)], ids=lambda path: str(path.relative_to(ROOT))
)
def test_pages_and_documents_use_standard_words(path: Path) -> None:
    text = path.read_text()
    assert not forbidden_phrases(iter([(1, text)]))
    if path.suffix == ".js":
        declared = ((text[: use.start()].count("\n") + 1, use[1]) for use in _DECLARED.finditer(text))
        assert not forbidden_names(declared)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_use_the_words_of_their_readers(path: Path) -> None:
    assert not forbidden_phrases(iter([(1, unquoted(path.read_text()))]), IN_DOCUMENTS)


def test_a_listed_word_is_noticed() -> None:
    planted = '"""Whoever\nasks."""\nfor each in x:\n    """By and\n    by."""  # let go of\n'
    assert forbidden_phrases(prose_of_python(planted)) == ["1: Whoever", "4: By and\n    by", "5: let go of"]
    assert forbidden_names(names_of_python(planted)) == ["3: each"]
    document = "`casbah login` [in](login.md)\n```sh\ncasbah login\n```\nThe login\nis kept for\never.\n"
    assert forbidden_phrases(iter([(1, unquoted(document))]), IN_DOCUMENTS) == ["5: login", "6: for\never"]
    assert forbidden_names(names_of_python("def _found(told: int) -> None: ...")) == ["1: _found", "1: told"]


def test_the_lists_are_sound() -> None:
    phrases = [*WORDS["phrases"], *WORDS["documents"]]
    assert len(set(phrases)) == len(phrases)
    assert len(IDENTIFIERS) == len(WORDS["identifiers"])
    for phrase in phrases:
        assert re.compile(phrase)
