r"""The grammar: a text becomes a tree of nodes, each with its place in the text.

    search     = all { "OR" all }
    all        = item { [ "AND" ] item }
    item       = [ "-" ] ( condition | quoted [ "*" ] | "(" search ")" )  |  word
    condition  = field ":" value { "," value }
    value      = [ "<>" | ">=" | ">" | "<=" | "<" | "=" ] piece  |  [ piece ] ".." [ piece ]
    piece      = [ "*" ] ( quoted | bare ) [ "*" | "/**" ]

A field ends at its first colon and its values run to white space. Quotes take everything literally but `\"` and `\\`.
Parentheses inside a word belong to the word if they are balanced.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from casbah.errors import SearchError, nearest

SIGNS = ("<>", ">=", "<=", ">", "<", "=")
MAX_DEPTH = 16
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')
_BLANKS = re.compile(r"\s*")
_LITERAL = frozenset('"*,()\\')


@dataclass(frozen=True, slots=True)
class TextSpan:
    """From the first character to before the last one; offsets in characters."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ValuePiece:
    """One literal of a value: its text without quotes, and the stars outside of them.

    `suffix` is what follows a quoted text directly, such as `/11161/0` after the id of an entity.
    """

    text: str
    span: TextSpan
    quoted: bool = False
    star_before: bool = False
    star_after: bool = False
    below: bool = False
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class SearchValue:
    """A value of a condition: a piece, perhaps after a sign, or a range between two pieces, of which one may be missing."""

    span: TextSpan
    piece: ValuePiece | None
    sign: str = ""
    is_range: bool = False
    end: ValuePiece | None = None


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """A field and the values of which one must hold."""

    field: str
    field_span: TextSpan
    values: tuple[SearchValue, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word to be found anywhere; with a star, a beginning of one."""

    text: str
    span: TextSpan
    star_after: bool = False


@dataclass(frozen=True, slots=True)
class Quotation:
    """Words to be found next to each other; with a star, the last one may be the beginning of a word."""

    text: str
    span: TextSpan
    star_after: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """Every part holds."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Some part holds; there are at least two."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Excluded:
    """The part does not hold."""

    part: "Node"


Node = FieldCondition | Word | Quotation | Every | Either | Excluded


def parse(text: str, fields: Collection[str]) -> Node:
    """The tree of a text; an empty one is `Every(())`. `fields` are the known ones, in lower case.

    Raises SearchError, which names the place and what would be right.
    """
    parser = _Parser(text, fields)
    node = parser.search(0)
    parser.expect_end()
    return node


def unquoted(text: str) -> str:
    """The text between the quotes of a quoted piece."""
    return _ESCAPED.sub(r"\1", text)


def quoted(text: str) -> str:
    """A text in quotes, as `parse` reads it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """A text as a value of a condition: in quotes only if it needs them."""
    return text if is_bare(text) else quoted(text)


def is_bare(text: str) -> bool:
    """Whether a text needs no quotes."""
    return (
        bool(text)
        and not _LITERAL & set(text)
        and not any(char.isspace() for char in text)
        and ".." not in text
        and text[0] not in "<>="
    )


class _Parser:
    """One pass over the text; `at` is the place that was reached."""

    def __init__(self, text: str, fields: Collection[str]) -> None:
        self._text, self._fields = text, fields
        self._at = 0

    def search(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self._take_word("OR"):
            parts.append(self._all(depth))
        if len(parts) == 1:
            return parts[0]
        if Every(()) in parts:
            raise self._error('OR needs something on both sides; to find the word itself, write "OR"')
        return Either(tuple(parts))

    def expect_end(self) -> None:
        if self._at < len(self._text):
            raise self._error('this ")" closes nothing; to find it, put it in quotes', length=1)

    def _all(self, depth: int) -> Node:
        parts: list[Node] = []
        while not self._at_end_of_group() and not self._next_is_word("OR"):
            if parts and self._take_word("AND"):
                continue
            parts.append(self._item(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _item(self, depth: int) -> Node:
        negated = self._text.startswith("-", self._at) and self._may_be_negated(self._at + 1)
        if negated:
            self._at += 1
        node = self._positive(depth)
        return Excluded(node) if negated else node

    def _may_be_negated(self, at: int) -> bool:
        """Whether a minus before `at` means NOT: only before a field, a quote or a parenthesis."""
        if self._text[at : at + 1] in ('"', "("):
            return True
        field = _FIELD.match(self._text, at)
        if field:
            return True
        if self._text[at : at + 1].isalpha():
            word = self._run(at)
            raise self._error(
                f'to leave out activities with this word, write -"{word}"; to find it, write "-{word}"',
                length=len(word) + 1,
            )
        return False

    def _positive(self, depth: int) -> Node:
        if self._text.startswith("(", self._at):
            return self._group(depth)
        field = _FIELD.match(self._text, self._at)
        if field:
            return self._condition(field)
        start = self._at
        piece = self._piece(_FREE_TEXT)
        self._skip_blanks()
        if piece.star_before or piece.below or piece.suffix:
            raise self._error(
                "words are found whole, or by their beginning: word*", at=start, length=piece.span.end - start
            )
        node = Quotation if piece.quoted else Word
        return node(piece.text, piece.span, piece.star_after)

    def _group(self, depth: int) -> Node:
        start = self._at
        if depth >= MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} parentheses inside each other", length=1)
        self._at += 1
        self._skip_blanks()
        node = self.search(depth + 1)
        if not self._text.startswith(")", self._at):
            raise self._error('this "(" is not closed', at=start, length=1)
        self._at += 1
        if node == Every(()):
            raise self._error("nothing stands between these parentheses", at=start, length=self._at - start)
        self._skip_blanks()
        return node

    def _condition(self, field: re.Match[str]) -> FieldCondition:
        name, span = field[1], TextSpan(field.start(1), field.end(1))
        if name.lower() not in self._fields:
            raise self._unknown_field(name, span)
        self._at = field.end()
        values = [self._value()]
        while self._text.startswith(",", self._at):
            self._at += 1
            values.append(self._value())
        self._skip_blanks()
        return FieldCondition(name, span, tuple(values))

    def _unknown_field(self, name: str, span: TextSpan) -> SearchError:
        whole = self._run(span.start)
        return SearchError(
            f"there is no field {name!r}{nearest(name, list(self._fields))}; to find the text itself, write {quoted(whole)}",
            position=span.start,
            length=span.end - span.start,
        )

    def _value(self) -> SearchValue:
        start = self._at
        sign = next((sign for sign in SIGNS if self._text.startswith(sign, start)), "")
        self._at += len(sign)
        if not sign and self._text.startswith("..", self._at):
            self._at += 2
            return SearchValue(TextSpan(start, self._at), None, is_range=True, end=self._piece(_VALUE))
        piece = self._piece(_VALUE)
        if self._text.startswith("..", self._at):
            if sign:
                raise self._error("a sign has one value; a range has two: 1..5", at=start, length=self._at - start)
            self._at += 2
            end = None if self._at_delimiter() else self._piece(_VALUE)
            return SearchValue(TextSpan(start, self._at), piece, is_range=True, end=end)
        return SearchValue(TextSpan(start, self._at), piece, sign)

    def _piece(self, stops: str) -> ValuePiece:
        start = self._at
        star_before = self._text.startswith("*", start)
        self._at += star_before
        literal = QUOTED.match(self._text, self._at)
        if literal:
            self._at = literal.end()
            tail_start = self._at
            tail = self._bare(stops)
            return self._finished(unquoted(literal[1]), tail, start, tail_start, quoted=True, star_before=star_before)
        if self._text.startswith('"', self._at):
            raise self._error("this quote is not closed", length=1)
        bare = self._bare(stops)
        return self._finished("", bare, start, start + star_before, quoted=False, star_before=star_before)

    def _finished(
        self, text: str, tail: str, start: int, tail_start: int, *, quoted: bool, star_before: bool
    ) -> ValuePiece:
        """A piece from its literal and the unquoted text after it (all of it, if nothing was quoted)."""
        below = tail.endswith("/**")
        star_after = not below and tail.endswith("*")
        rest = tail.removesuffix("/**") if below else tail.removesuffix("*")
        if "*" in rest:
            raise self._error(
                "a star stands at the end of a value, or at both ends; put others in quotes",
                at=tail_start + rest.index("*"),
                length=1,
            )
        if quoted and rest and not rest.startswith("/"):
            raise self._error(
                "after a closing quote comes white space, a comma or a star", at=tail_start, length=len(rest)
            )
        text, suffix = (text, rest) if quoted else (rest, "")
        is_lone_star = star_before and not quoted and not rest
        if not text and not quoted and not star_before and not star_after:
            raise self._error('a value is missing here; for no text at all, write ""', at=start, length=1)
        return ValuePiece(
            text,
            TextSpan(start, self._at),
            quoted=quoted,
            star_before=star_before and not is_lone_star,
            star_after=star_after or is_lone_star,
            below=below,
            suffix=suffix,
        )

    def _bare(self, stops: str) -> str:
        """Unquoted characters up to white space, one of `stops`, two dots in a value, or the end of the group."""
        start, depth = self._at, 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char.isspace() or char in stops or (stops == _VALUE and self._text.startswith("..", self._at)):
                break
            if char == '"':
                raise self._error(
                    'a quote stands at the beginning of a value; write \\" inside quotes for a quote', length=1
                )
            depth += (char == "(") - (char == ")")
            if depth < 0:
                break
            self._at += 1
        return self._text[start : self._at]

    def _run(self, at: int) -> str:
        """The characters from `at` to white space."""
        return self._text[at:].split(maxsplit=1)[0] if self._text[at:].strip() else ""

    def _at_delimiter(self) -> bool:
        return self._at >= len(self._text) or self._text[self._at].isspace() or self._text[self._at] in ",)"

    def _at_end_of_group(self) -> bool:
        self._skip_blanks()
        return self._at >= len(self._text) or self._text[self._at] == ")"

    def _next_is_word(self, word: str) -> bool:
        end = self._at + len(word)
        after = self._text[end : end + 1]
        return self._text.startswith(word, self._at) and (not after or after.isspace() or after in "()")

    def _take_word(self, word: str) -> bool:
        taken = self._next_is_word(word)
        if taken:
            self._at += len(word)
            self._skip_blanks()
        return taken

    def _skip_blanks(self) -> None:
        self._at = _BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text

    def _error(self, message: str, *, at: int | None = None, length: int = 0) -> SearchError:
        return SearchError(message, position=self._at if at is None else at, length=length)


_VALUE, _FREE_TEXT = ",", ""
"""Characters that end a piece: of a condition's value, and of free text."""
