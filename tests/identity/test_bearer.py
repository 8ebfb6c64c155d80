"""Bearer JWTs all the way through the wire, beside keys of our own."""

import json
import time

import pytest

from casbah import compose, settings
from casbah.errors import BadSettingError, InvalidTokenError
from identity.issuing import AUDIENCE, ISSUER, claims, key_set, public, serving, token
from making import NOW
from scenarios.inprocess import Asker

LIST = "/api/v1/activities/"


@pytest.fixture
def house(tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(public("rsa"), public("p256")))
    chosen = settings.read({}, store=str(tmp_path / "store"), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(keys))  # fmt: skip
    with compose.build(chosen, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def stored(house):
    """One activity in each of two tenants."""
    for tenant in ("contoso", "fabrikam"):
        ask = Asker(house.app, house.services.tokens.create("in", tenant=tenant)[0])
        line = json.dumps({"_id": f"of-{tenant}", "timestamp": 1, "appId": 1}).encode()
        assert ask("POST", "/api/ext/v1/activities?source=mdca", line).json["stored"] == 1
    return house


def asked(house, method, path, *, credentials, body=b""):
    return Asker(house.app, None)(method, path, body, headers={"Authorization": credentials})


def bearer(**changed):
    return f"Bearer {token(claims(**changed))}"


def ids(answer):
    assert answer.status == 200, answer.body
    return [each["_id"] for each in answer.json["data"]]


@pytest.mark.parametrize("tenant", ["contoso", "fabrikam"])
def test_a_bearer_sees_its_tenant_s_activities_and_no_other_s(stored, tenant):
    assert ids(asked(stored, "POST", LIST, credentials=bearer(tid=tenant))) == [f"of-{tenant}"]
    other = {"contoso": "fabrikam", "fabrikam": "contoso"}[tenant]
    assert asked(stored, "GET", f"{LIST}of-{other}/", credentials=bearer(tid=tenant)).status == 404


def test_the_tenant_header_changes_nothing_for_a_jwt(stored):
    answer = Asker(stored.app, None)("POST", LIST, headers={"Authorization": bearer(), "Casbah-Tenant": "fabrikam"})
    assert ids(answer) == ["of-contoso"]


def test_a_tenant_without_activities_has_none(stored):
    assert ids(asked(stored, "POST", LIST, credentials=bearer(tid="northwind"))) == []


def test_token_and_bearer_side_by_side(stored):
    key, _ = stored.services.tokens.create("a", tenant="contoso")
    for credentials in (f"Token {key}", f"Bearer {key}", bearer(), bearer().replace("Bearer", "bEARER")):
        assert ids(asked(stored, "GET", LIST, credentials=credentials)) == ["of-contoso"]


NOT_FIT = [
    pytest.param({"scp": None}, "POST", LIST, id="no scope at all"),
    pytest.param({"scp": "Ingest.write"}, "POST", LIST, id="reading with the scope to write"),
    pytest.param({}, "POST", "/api/ext/v1/activities?source=mdca", id="writing with the scope to read"),
    pytest.param({"roles": ["Investigation.manage"]}, "GET", "/api/ext/v1/tokens", id="tokens, without the scope to administer"),
]  # fmt: skip


@pytest.mark.parametrize("changed, method, path", NOT_FIT)
def test_without_a_fitting_scope_it_is_403(house, changed, method, path):
    answer = asked(house, method, path, credentials=bearer(**changed))
    assert (answer.status, answer.json) == (403, {"detail": "You do not have permission to perform this action."})


def test_roles_do_what_scp_does(stored):
    assert ids(asked(stored, "GET", LIST, credentials=bearer(scp=None, roles=["Investigation.read"]))) == ["of-contoso"]


def test_feedback_is_the_person_s(stored):
    body = json.dumps({"feedback": "seen"}).encode()
    assert asked(stored, "POST", f"{LIST}of-contoso/feedback", credentials=bearer(), body=body).status == 200
    listed = asked(stored, "GET", "/api/ext/v1/activities/of-contoso/feedback", credentials=bearer())
    assert "ann@contoso.com" in listed.body.decode()


def test_a_jwt_that_manages_tokens_governs_its_own_tenant_alone(house):
    admin = bearer(roles=["Tokens.manage"])
    for tenant, status in (("contoso", 201), ("fabrikam", 403)):
        body = json.dumps({"name": "x", "tenant": tenant}).encode()
        assert asked(house, "POST", "/api/ext/v1/tokens", credentials=admin, body=body).status == status


REFUSED = [
    pytest.param(lambda: f"Token {token()}", id="a JWT as Token"),
    pytest.param(token, id="a JWT without a scheme"),
    pytest.param(lambda: f"Basic {token()}", id="a JWT as Basic"),
    pytest.param(lambda: f"Bearer {token()}, Bearer {token()}", id="two of them"),
    pytest.param(lambda: f"Bearer {token(kind='other rsa')}", id="a stranger's"),
    pytest.param(lambda: f"Bearer {token(header={'alg': 'none'}, secret=b'')}", id="unsigned"),
    pytest.param(lambda: "Bearer a.b.c", id="nothing between two dots"),
    pytest.param(lambda: "Bearer a.b.c.d.e", id="five parts"),
    pytest.param(lambda: f"Bearer {token().replace('.', ' ')}", id="blanks for dots"),
    pytest.param(lambda: "Bearer " + "0" * 80, id="an unknown key"),
    pytest.param(lambda: "Bearer", id="Bearer and nothing"),
]


@pytest.mark.slow
@pytest.mark.parametrize("credentials", REFUSED)
def test_what_is_no_good_is_401_in_so_many_words(house, credentials):
    answer = asked(house, "POST", LIST, credentials=credentials())
    assert (answer.status, answer.json) == (401, {"detail": "Invalid token."})
    assert answer.headers["www-authenticate"] == "Token"


def test_without_an_issuer_no_jwt_is_good(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        assert not house.services.authenticator.may_wait(bearer())
        with pytest.raises(InvalidTokenError):
            house.services.authenticator.caller(bearer(), None, address="192.0.2.1")


def test_what_may_wait_is_a_jwt_whose_key_is_not_there(house):
    authenticator = house.services.authenticator
    key, _ = house.services.tokens.create("a", tenant="t")
    never = (None, "", "Bearer", f"Bearer {key}", f"Token {token()}", "Bearer a.b.c", f"Bearer {token(header={'alg': 'HS256'})}")  # fmt: skip
    assert [each for each in never if authenticator.may_wait(each)] == []
    assert authenticator.may_wait(bearer())
    authenticator.caller(bearer(), None, address="192.0.2.1")
    assert not authenticator.may_wait(bearer())
    assert not authenticator.may_wait(f"Bearer {token(kid='unknown')}"), "the keys were read this very minute"


def test_an_issuer_that_is_away_is_503_and_not_401(tmp_path):
    with serving() as server:
        chosen = settings.read({}, store=str(tmp_path), oidc_issuer=server.url, oidc_audience=AUDIENCE)
        with compose.build(chosen, clock=lambda: NOW) as house:
            answer = asked(house, "GET", LIST, credentials=bearer(iss=server.url))
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert answer.json == {"detail": "the keys of the token issuer cannot be fetched now; try again"}
            assert server.asked == ["/.well-known/openid-configuration"]
            assert asked(house, "GET", LIST, credentials=bearer(iss="https://other")).status == 401
            key, _ = house.services.tokens.create("a", tenant="contoso")
            assert asked(house, "GET", LIST, credentials=f"Bearer {key}").status == 200


def test_discovery_through_the_wire(tmp_path):
    with serving() as server:
        server.publish("p256")
        moment = int(time.time())
        chosen = settings.read({}, store=str(tmp_path), oidc_issuer=server.url, oidc_audience=AUDIENCE)
        with compose.build(chosen) as house:
            text = token(claims(iss=server.url, exp=moment + 60, iat=moment, nbf=moment), kind="p256", alg="ES256")
            for _ in range(3):
                assert ids(asked(house, "GET", LIST, credentials=f"Bearer {text}")) == []
        assert server.fetches == 1


def test_settings_that_do_not_go_together_open_nothing(tmp_path):
    chosen = settings.read({}, store=str(tmp_path / "store"), oidc_issuer=ISSUER)
    with pytest.raises(BadSettingError, match="CASBAH_OIDC_AUDIENCE"), compose.build(chosen):
        pass
    assert not (tmp_path / "store").exists()
