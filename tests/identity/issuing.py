"""An issuer for tests: keys of its own, tokens as good or as bad as wanted, and a server that counts who asks."""

import base64
import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from making import NOW

ISSUER = "https://login.contoso.com/common/v2.0"
AUDIENCE = "api://casbah"
SECOND = NOW // 1_000

KINDS: dict[str, Callable[[], Key]] = {
    "rsa": lambda: RSAKey.generate_key(2048),
    "other rsa": lambda: RSAKey.generate_key(2048),
    "p256": lambda: ECKey.generate_key("P-256"),
    "p384": lambda: ECKey.generate_key("P-384"),
    "p521": lambda: ECKey.generate_key("P-521"),
    "k256": lambda: ECKey.generate_key("secp256k1"),
    "ed25519": lambda: OKPKey.generate_key("Ed25519"),
    "ed448": lambda: OKPKey.generate_key("Ed448"),
}

# Which key signs by which algorithm.
SIGNERS = {
    "RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
    "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed25519", "Ed25519": "ed25519",
}  # fmt: skip


@functools.cache
def key(kind: str) -> Key:
    """The one key of its kind in this run."""
    return KINDS[kind]()


def public(kind: str, **more: Any) -> dict[str, Any]:
    """Its public half as a JWK, by the name of its kind."""
    return {**key(kind).as_dict(private=False), "kid": kind, **more}


def key_set(*jwks: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": jwks}).encode()


EVERY_KEY = ("rsa", "p256", "p384", "p521", "ed25519")


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims; what is changed to None is left out."""
    good = {
        "iss": ISSUER, "aud": AUDIENCE, "iat": SECOND - 10, "nbf": SECOND - 10, "exp": SECOND + 3_600, "tid": "contoso",
        "sub": "0f3c", "preferred_username": "ann@contoso.com", "scp": "Investigation.read",
    }  # fmt: skip
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def encoded(part: bytes | str) -> str:
    raw = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(
    body: Mapping[str, Any] | str | bytes | None = None,
    *,
    kind: str = "rsa",
    alg: str = "RS256",
    header: Mapping[str, Any] | str | None = None,
    secret: bytes | None = None,
    **more: Any,
) -> str:
    """A compact JWT, signed by what `kind` names, whatever it says. `more` goes into its header; `header` replaces it."""
    head = header if header is not None else {"alg": alg, "typ": "JWT", "kid": kind, **more}
    said = claims() if body is None else body
    signed = ".".join(encoded(each if isinstance(each, str | bytes) else json.dumps(each)) for each in (head, said))
    return f"{signed}.{encoded(secret if secret is not None else signature(signed, kind, alg))}"


def signature(signed: str, kind: str, alg: str) -> bytes:
    name = "Ed25519" if alg == "EdDSA" else alg
    return JWSRegistry.algorithms[name].sign(signed.encode(), key(kind))


@dataclass
class Server:
    """What answers at each path: the body of a 200, or a function that is given the request. `asked` is every path in turn."""

    url: str
    pages: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, *kinds: str, issuer: str | None = None) -> None:
        """A discovery document, and the keys that it leads to."""
        document = {
            "issuer": issuer or self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        self.pages["/.well-known/openid-configuration"] = json.dumps(document).encode()
        self.pages["/keys"] = key_set(*map(public, kinds))

    def fail(self) -> None:
        self.pages.clear()

    @property
    def fetches(self) -> int:
        return self.asked.count("/keys")


@contextmanager
def serving() -> Iterator[Server]:
    """An issuer's server on this machine; what it does not know is a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            page = issuer.pages.get(self.path.partition("?")[0])
            if callable(page):
                page(self)
                return
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        do_POST = do_GET  # noqa: N815  the standard library's spelling

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        issuer = Server(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
