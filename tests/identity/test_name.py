"""Names of tokens: no two in use look the same, none hides anything, none is that of an actor of Casbah's own."""

import json
from contextlib import suppress
from threading import Barrier, Thread
from typing import Any

import pytest

from casbah import compose, settings
from casbah.base.key_value import Entry, MemoryKeyValueStore, Value
from casbah.errors import BadNameError, NameTakenError
from casbah.identity.name import MAX_CHARACTERS, checked
from casbah.identity.token import Tokens
from making import NOW
from scenarios.inprocess import Asker

DAY = 86_400_000

BAD = [
    pytest.param("", "at least one visible character", id="nothing"),
    pytest.param(" \t ", "at least one visible character", id="blanks"),
    pytest.param("x" * (MAX_CHARACTERS + 1), "at most 100 characters, got 101", id="too long"),
    pytest.param("x" * 200_000, "at most 100 characters", id="far too long"),
    pytest.param("a\nb", "U+000A", id="a line feed"),
    pytest.param("a\x1b[2Jb", "U+001B", id="an escape sequence"),
    pytest.param("a\x00b", "U+0000", id="a zero"),
    pytest.param("a\x85b", "U+0085", id="a control character beyond ASCII"),
    pytest.param("a\u202eb", "U+202E", id="right-to-left override"),
    pytest.param("a\u2066b", "U+2066", id="an isolate"),
    pytest.param("a\u061cb", "U+061C", id="Arabic letter mark"),
    pytest.param("a\u200bb", "U+200B", id="zero-width space"),
    pytest.param("a\u200db", "U+200D", id="zero-width joiner"),
    pytest.param("a\ufeffb", "U+FEFF", id="byte order mark"),
    pytest.param("a\u00adb", "U+00AD", id="soft hyphen"),
    pytest.param("a\u2028b", "U+2028", id="line separator"),
    pytest.param("a\u00a0b", "U+00A0", id="no-break space"),
    pytest.param("a\u3164b", "U+3164", id="a filler that counts as a letter"),
    pytest.param("a\ufe0fb", "U+FE0F", id="a variation selector"),
    pytest.param("a\U000e0100b", "U+E0100", id="another variation selector"),
    pytest.param("\U000e0041", "U+E0041", id="a tag"),
    pytest.param("\ud800", "U+D800", id="a lone surrogate"),
    *(pytest.param(name, "is reserved", id=f"{name!r} is reserved")
      for name in ("local", "retention", "casbah", "nameless", "LOCAL", " Local ")),
]  # fmt: skip


@pytest.mark.parametrize("name, why", BAD)
def test_a_name_that_hides_or_pretends_something_is_refused(name: str, why: str) -> None:
    with pytest.raises(BadNameError) as refused:
        checked(name)
    assert str(refused.value).startswith("name: ")
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "name, kept",
    [
        ("dashboard", "dashboard"),
        (" dash board ", "dash board"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("監査 ログ", "監査 ログ"),
        ("x" * 100, "x" * 100),
        ("locality", "locality"),
        ("<b>'\"; --", "<b>'\"; --"),
    ],
)
def test_any_other_is_kept_in_its_normal_form(name: str, kept: str) -> None:
    assert checked(name) == kept


SAME = [
    pytest.param("Dashboard", "dashboard", id="another case"),
    pytest.param("dashboard", "  dashboard ", id="blanks around it"),
    pytest.param("Caf\u00e9", "Cafe\u0301", id="another composition"),
    pytest.param("STRASSE", "straße", id="another spelling in lower case"),
]


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(MemoryKeyValueStore(), clock=lambda: NOW)


@pytest.mark.parametrize("one, other", SAME)
def test_two_tokens_in_use_never_have_one_name(tokens: Tokens, one: str, other: str) -> None:
    _, first = tokens.create(one, tenant="t")
    with pytest.raises(NameTakenError):
        tokens.create(other, tenant="t")
    assert len(tokens.all()) == 1
    tokens.create(other, tenant="another")
    tokens.revoke(first.id, governs=lambda _: True)
    tokens.create(other, tenant="t")


def test_an_expired_token_leaves_its_name() -> None:
    now = [NOW]
    tokens = Tokens(MemoryKeyValueStore(), clock=lambda: now[0])
    tokens.create("a", tenant="t", expires=NOW + DAY)
    now[0] = NOW + DAY
    tokens.create("a", tenant="t")


def test_threads_cannot_have_one_name_either(tokens: Tokens) -> None:
    together, made = Barrier(8), []

    def work() -> None:
        together.wait()
        with suppress(NameTakenError):
            made.append(tokens.create("a", tenant="t"))

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(tokens.all()) == 1


class Meanwhile(MemoryKeyValueStore):
    """A shelf on which another server creates a token of the same name just before ours is put there."""

    def __init__(self) -> None:
        super().__init__()
        self.other = True

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        if namespace == "token" and self.other:
            self.other = False
            super().put(namespace, "of-another-server", {**value, "id": "another"})
        return super().put(namespace, name, value, over=over)


def test_servers_cannot_have_one_name_either() -> None:
    tokens = Tokens(Meanwhile(), clock=lambda: NOW)
    with pytest.raises(NameTakenError):
        tokens.create("a", tenant="t")
    assert [token.id for token in tokens.all()] == ["another"]


WIRE: list[Any] = [
    pytest.param("reader", 409, "name: there is already a token 'reader'; revoke it first, or choose another name", id="taken"),
    pytest.param("local", 400, "name: 'local' is reserved for Casbah itself; choose another", id="reserved"),
    pytest.param("a\ud800", 400, "name: expected visible characters and spaces, got U+D800", id="a lone surrogate"),
]  # fmt: skip


@pytest.mark.parametrize("name, status, detail", WIRE)
def test_the_reason_is_told(tmp_path: Any, name: str, status: int, detail: str) -> None:
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        house.services.tokens.create("reader", tenant="default")
        body = json.dumps({"name": name}).encode()
        answer = Asker(house.app, house.local_key)("POST", "/api/ext/v1/tokens", body)
        assert (answer.status, answer.json["detail"]) == (status, detail)
