"""From a header to a caller, and tenants apart all the way through the wire."""

import json

import pytest

from casbah import compose, settings
from casbah.base.key_value import TOKENS, FolderKeyValueStore
from casbah.errors import InvalidTokenError, MalformedBodyError, NotAuthenticatedError
from casbah.identity.authenticator import Authenticator, new_local_key
from casbah.identity.failed_sign_ins import FailedSignIns
from casbah.identity.permissions import SCOPES
from casbah.identity.token import KEY, Tokens, digest
from making import NOW
from scenarios.inprocess import Asker

LOCAL = "a" * 80


@pytest.fixture
def tokens(tmp_path):
    opened = Tokens(FolderKeyValueStore(tmp_path, TOKENS), clock=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def authenticator(tokens):
    return Authenticator(tokens, digest(LOCAL), FailedSignIns(None, clock=lambda: 0))


@pytest.mark.parametrize(
    "header", ["Token {}", "token {}", "TOKEN {}", "Bearer {}", "bearer {}", "  Token   {}  ", "Token {} "]
)
def test_header_forms(authenticator, tokens, header):
    key, _ = tokens.create("a", tenant="t")
    assert authenticator.caller(header.format(key), None, address="192.0.2.1").name == "a"


@pytest.mark.parametrize("header", [None, "", " ", "\t"], ids=repr)
def test_no_credentials(authenticator, header):
    with pytest.raises(NotAuthenticatedError):
        authenticator.caller(header, None, address="192.0.2.1")


@pytest.mark.parametrize("header", ["Token", "Token ", "{}", "Basic {}", "Token{}", "Token:{}", "Token {} {}", "Token {},", "Digest username=x", "Token \ud800", "Token é"], ids=repr)  # fmt: skip
def test_credentials_that_are_none(authenticator, tokens, header):
    key, _ = tokens.create("a", tenant="t")
    with pytest.raises(InvalidTokenError):
        authenticator.caller(header.format(key, key), None, address="192.0.2.1")


def test_the_local_key_is_the_owner_s(authenticator):
    caller = authenticator.caller(f"Token {LOCAL}", None, address="192.0.2.1")
    assert (caller.name, caller.tenant_id.name, caller.scopes, caller.owner) == ("local", "default", set(SCOPES), True)
    assert caller.governs("any")


def test_the_local_key_chooses_a_tenant(authenticator):
    assert authenticator.caller(f"Token {LOCAL}", "t2", address="192.0.2.1").tenant_id.name == "t2"


@pytest.mark.parametrize("tenant", ["../x", "A", "a/b", "é", "x" * 65], ids=repr)
def test_a_tenant_that_cannot_be_is_refused(authenticator, tenant):
    with pytest.raises(MalformedBodyError, match="casbah-tenant"):
        authenticator.caller(f"Token {LOCAL}", tenant, address="192.0.2.1")


def test_a_token_does_not_choose_its_tenant(authenticator, tokens):
    key, _ = tokens.create("a", tenant="t")
    assert authenticator.caller(f"Token {key}", "t2", address="192.0.2.1").tenant_id.name == "t"
    assert authenticator.caller(f"Token {key}", "../x", address="192.0.2.1").tenant_id.name == "t"


def test_local_keys_are_new_each_time_and_look_like_keys():
    made = {new_local_key() for _ in range(50)}
    assert len(made) == 50
    assert all(KEY.fullmatch(key) for key in made)


@pytest.fixture
def tenants(tmp_path):
    """Askers of tenants a and b; a holds one activity with feedback, and one that b has too."""
    with compose.build(settings.read({}, store=str(tmp_path / "store"), audit="off")) as house:
        keys = {name: house.services.tokens.create(f"of-{name}", tenant=name)[0] for name in ("a", "b")}
        a, b = (Asker(house.app, keys[name]) for name in ("a", "b"))
        for ask, names in ((a, ("secret", "shared")), (b, ("shared",))):
            lines = [json.dumps({"_id": name, "timestamp": 1, "appId": 1, "whose": ask is a}) for name in names]
            assert ask("POST", "/api/ext/v1/activities?source=mdca", "\n".join(lines).encode()).json["stored"] == len(
                names
            )
        assert a("POST", "/api/v1/activities/secret/feedback", b'{"feedback": "x"}').status == 200
        assert a("POST", "/api/v1/activities/shared/feedback", b'{"feedback": "x"}').status == 200
        yield a, b


UNSEEN = [
    pytest.param("GET", "/api/v1/activities/secret/", b"", id="fetch"),
    pytest.param("GET", "/cas/api/v1/activities/secret", b"", id="fetch by the other prefix"),
    pytest.param("POST", "/api/v1/activities/secret/feedback", b'{"feedback": "x"}', id="feedback"),
    pytest.param("GET", "/api/ext/v1/activities/secret/feedback", b"", id="the list of feedback"),
    pytest.param("GET", "/api/v1/activities/..%2F..%2Fa%2Fsecret/", b"", id="a path out of its folder"),
    pytest.param("DELETE", "/api/ext/v1/tokens/of-a", b"", id="revoking its token"),
]  # fmt: skip


@pytest.mark.parametrize("method, path, body", UNSEEN)
def test_what_is_another_tenant_s_does_not_exist(tenants, method, path, body):
    _, b = tenants
    got = b(method, path, body)
    assert (got.status, got.json) == (404, {"detail": "Not found."})


ASKED = [
    pytest.param(b"{}", id="everything"),
    pytest.param(b'{"isScan": true}', id="a scan"),
    pytest.param(b'{"filters": {"activity.id": {"eq": ["secret", "shared"]}}}', id="by id"),
    pytest.param(b'{"filters": {"activity.id": {"neq": ["none"]}}}', id="by negation"),
    pytest.param(b'{"filters": {"service": {"neq": []}}}', id="by nothing"),
]


@pytest.mark.parametrize("body", ASKED)
def test_lists_scans_and_counts_hold_the_caller_s_own(tenants, body):
    for ask, names in zip(tenants, (["shared", "secret"], ["shared"]), strict=True):
        page = ask("POST", "/api/v1/activities/", body).json
        assert ([each["_id"] for each in page["data"]], page["total"]) == (names, len(names))
        assert ask("POST", "/api/v1/activities/count/", body).json["total"] == len(names)


def test_the_same_id_in_two_tenants_is_two_activities(tenants):
    a, b = tenants
    assert [ask("GET", "/api/v1/activities/shared").json["whose"] for ask in (a, b)] == [True, False]
    assert [ask("GET", "/api/ext/v1/activities/shared/feedback").json["total"] for ask in (a, b)] == [1, 0]


def test_tokens_of_another_tenant_are_not_listed(tenants):
    for ask, name in zip(tenants, "ab", strict=True):
        assert [each["name"] for each in ask("GET", "/api/ext/v1/tokens").json["data"]] == [f"of-{name}"]


def test_a_tenant_cannot_make_a_token_for_another(tenants):
    _, b = tenants
    assert b("POST", "/api/ext/v1/tokens", b'{"name": "x", "tenant": "a"}').status == 403
    assert b("POST", "/api/ext/v1/tokens", b'{"name": "x", "tenant": "../a"}').status == 403
    assert b("POST", "/api/ext/v1/tokens", b'{"name": "x", "tenant": "b"}').status == 201


def test_the_tenant_header_changes_nothing_for_a_token(tenants):
    _, b = tenants
    assert b("GET", "/api/v1/activities/secret/", headers={"Casbah-Tenant": "a"}).status == 404
