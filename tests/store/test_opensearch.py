"""What of the store on a cluster needs no cluster: addresses, patterns, pieces of words, names."""

import fnmatch
import re
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah import settings
from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.record import MAX_INT, MIN_INT
from casbah.activity.tenant import TenantId
from casbah.activity.text import words
from casbah.errors import BadSettingError, ClusterUnreachableError
from casbah.setting_parsers import ClusterAddress
from casbah.store.opensearch import bulk
from casbah.store.opensearch.cluster import Cluster, ClusterRefusedError, Names
from casbah.store.opensearch.document import key
from casbah.store.opensearch.lease import Lease, LeaseState
from casbah.store.opensearch.render import escape, render
from casbah.store.opensearch.templates import CHUNK, make, pieces

LONG_WORDS = st.text(st.sampled_from("abé\U0001d4d0"), min_size=1, max_size=256)


def pattern_of(wildcard: str) -> re.Pattern[str]:
    """Lucene's wildcards as a regular expression: `*`, `?`, and a backslash before what means itself."""
    parts = re.findall(r"\\.|.", wildcard, re.DOTALL)
    said = {"*": ".*", "?": "."}
    return re.compile("".join(said.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


@given(st.text(alphabet=st.sampled_from("ab*?\\\n%.[](){}+|^$\"'"), max_size=12), st.text(max_size=12))
def test_an_escaped_value_matches_itself_and_nothing_else(wanted: str, other: str) -> None:
    pattern = pattern_of(escape(wanted))
    assert pattern.fullmatch(wanted)
    assert bool(pattern.fullmatch(other)) == (wanted == other)


@given(LONG_WORDS)
def test_pieces_make_the_word_again_and_none_is_split_by_the_cluster(word: str) -> None:
    row = pieces(word)
    assert "".join(each.strip("+") for each in row) == word
    assert all(len(each.encode("utf-16-le")) // 2 <= 255 for each in row)
    assert (len(row) == 1) == (len(word) <= CHUNK)
    assert words(f"{word} x") == (*words(word), "x")


@given(LONG_WORDS, LONG_WORDS, st.integers(0, 256))
def test_a_word_begins_with_a_prefix_where_its_pieces_do(word: str, other: str, cut: int) -> None:
    for prefix in filter(None, (word[:cut], other[:cut])):
        asked, held = pieces(prefix), pieces(word)
        whole = held[: len(asked) - 1] == asked[:-1]
        found = whole and len(held) >= len(asked) and held[len(asked) - 1].startswith(asked[-1])
        assert found == word.startswith(prefix)


def test_no_part_of_a_long_word_is_found_by_a_query_for_a_short_one() -> None:
    never = lambda *_: ()  # noqa: E731
    assert render(p.Words(("a" * 300,)), never) != render(p.Words(("a" * CHUNK,)), never)
    assert pieces("a" * 256)[0] != "a" * CHUNK


@pytest.mark.parametrize("sign", ["*", "?", "\\"])
def test_what_means_something_in_a_pattern_is_escaped(sign: str) -> None:
    assert escape(f"a{sign}b") == f"a\\{sign}b"


@pytest.mark.parametrize(
    "bounds, sent",
    [
        pytest.param({"low": 5, "high": 9}, {"gte": 5, "lte": 9}, id="included"),
        pytest.param({"low": 5, "high": 9, "with_low": False, "with_high": False}, {"gte": 6, "lte": 8}, id="excluded"),
        pytest.param({"low": -(2**70)}, {"gte": MIN_INT, "lte": MAX_INT}, id="open, beyond 64 bits"),
        pytest.param({"high": 2**70}, {"gte": MIN_INT, "lte": MAX_INT}, id="beyond 64 bits"),
        pytest.param({"low": 2**70}, None, id="nothing a column can hold"),
        pytest.param({"low": 5, "high": 6, "with_low": False, "with_high": False}, None, id="between two numbers"),
    ],
)
def test_a_range_is_sent_within_what_a_column_holds(bounds: dict[str, Any], sent: dict[str, int] | None) -> None:
    query = render(p.Range(FIELDS["date"], **bounds), lambda *_: ())
    assert query == ({"match_none": {}} if sent is None else {"range": {"date": sent}})


@pytest.mark.parametrize("text", ["*", "?", "\\", "a*b"])
def test_values_travel_as_values(text: str) -> None:
    query = render(p.Infix(FIELDS["user_agent"], text), lambda *_: ())
    assert query == {"wildcard": {"user_agent": {"value": f"*{escape(text)}*"}}}


@given(st.text(max_size=9_000), st.text(max_size=50))
def test_no_two_ids_share_a_key(one: str, other: str) -> None:
    assert (key(one) == key(other)) == (one == other)
    assert len(key(one)) == 27


TENANTS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)


@given(TENANTS, TENANTS, st.integers(440, 1_910), st.integers(440, 1_910))
def test_no_name_of_one_tenant_is_another_ones(one: str, other: str, first: int, second: int) -> None:
    names = Names("casbah")
    mine = {names.all_of(TenantId(one)), names.partition(TenantId(one), first)}
    assert not mine & {names.tenants, names.feedback, names.template}
    assert all(not fnmatch.fnmatch(each, names.pattern) for each in (names.tenants, names.feedback))
    assert fnmatch.fnmatch(names.partition(TenantId(one), first), names.pattern)
    if one != other:
        assert not mine & {names.all_of(TenantId(other)), names.partition(TenantId(other), second)}


@pytest.mark.parametrize(
    ("text", "hosts", "user", "prefix"),
    [
        ("opensearch+https://me@h:9200/x", ("https://h:9200",), "me", "x"),
        ("opensearch+https://me@h:9200,i:9201", ("https://h:9200", "https://i:9201"), "me", "casbah"),
        ("opensearch+http://127.0.0.1:9200/", ("http://127.0.0.1:9200",), "", "casbah"),
        ("opensearch+http://me@localhost:9200/x", ("http://localhost:9200",), "me", "x"),
        ("opensearch+http://opensearch:9200/x", ("http://opensearch:9200",), "", "x"),
    ],
)
def test_addresses(text: str, hosts: tuple[str, ...], user: str, prefix: str, tmp_path) -> None:
    for chosen in (settings.read({"CASBAH_STORE": text}), settings.read({}, store=text)):
        assert chosen.cluster == ClusterAddress(hosts, user, prefix)
        assert chosen.store.name == "casbah"
    configured = settings.read({"CASBAH_CLUSTER": text, "CASBAH_STORE": str(tmp_path)})
    assert (configured.cluster, configured.store) == (ClusterAddress(hosts, user, prefix), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "opensearch+https://me:password@h:9200/x",
        "opensearch+http://me@h:9200/x",
        "opensearch+https://",
        "opensearch+https://h:9200/Upper",
        "opensearch+https://h:9200/a~b",
        "opensearch+https://h:9200/x/y",
        "opensearch+ftp://h/x",
        "opensearch+https://h:9200, i:9200",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(BadSettingError):
        settings.read({"CASBAH_STORE": text})


class _Busy:
    """A cluster that answers before its nodes know of a new index, or refuses to make it."""

    def __init__(self, *, unseen: int = 0, refuses: str = "") -> None:
        self.asked: list[str] = []
        self._unseen, self._refuses = unseen, refuses

    def ask(self, method: str, *_: object, **__: object) -> object:
        self.asked.append(method)
        if method == "PUT" and self._refuses:
            raise ClusterRefusedError(400, self._refuses, "no")
        return method == "PUT" or self.asked.count("HEAD") > self._unseen


def test_an_index_is_waited_for_until_all_nodes_know_it() -> None:
    busy = _Busy(unseen=3)
    make(cast("Cluster", busy), "new", {})
    assert busy.asked == ["HEAD", "PUT", "HEAD", "HEAD", "HEAD"]
    make(cast("Cluster", busy := _Busy(unseen=1, refuses="resource_already_exists_exception")), "new", {})
    assert busy.asked == ["HEAD", "PUT", "HEAD"]


def test_an_index_that_is_refused_or_never_seen_is_an_error() -> None:
    with pytest.raises(ClusterRefusedError) as refused:
        make(cast("Cluster", _Busy(unseen=9, refuses="illegal_argument_exception")), "new", {})
    assert refused.value.kind == "illegal_argument_exception"
    with pytest.raises(ClusterUnreachableError) as unseen:
        make(cast("Cluster", _Busy(unseen=99)), "new", {}, seconds=0.2)
    assert not isinstance(unseen.value, ClusterRefusedError)


class _Refusing:
    """A cluster too busy for any write; and a lease that lasts."""

    seconds = 5.0

    def ask(self, *_: object, **__: object) -> object:
        return {"items": [{"create": {"status": 429}}]}

    def renew(self) -> None: ...


def test_writes_that_stay_rejected_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PATIENCE", 0.1)
    monkeypatch.setattr(bulk, "_PAUSE", 0.01)
    busy = _Refusing()
    with pytest.raises(ClusterUnreachableError):
        bulk.write(cast("Cluster", busy), [bulk.Write("create", "index", "key", b"{}")], cast("Lease", busy))


def test_the_keys_of_a_tenants_document_are_those_that_clusters_have_stored() -> None:
    """Another name would need a migration: every server reads the documents of the ones before it."""
    assert LeaseState.__slots__ == ("last", "settled", "moment", "taken", "holder", "erasing", "forgetting")
