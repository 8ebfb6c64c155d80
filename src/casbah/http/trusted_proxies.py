"""Client address and scheme from trusted reverse proxies. From any other peer, their headers are ignored."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from casbah.activity.address import canonical, key, spans
from casbah.errors import ForwardedHeaderError

_SCHEMES = ("http", "https")


class TrustedProxies:
    """The trusted proxies' networks. `address in proxies` tests membership.

    `Forwarded` (RFC 7239) is ignored: by default, proxies that send it pass on what clients wrote there.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._spans = tuple(span for network in networks for span in spans(network))

    def __contains__(self, address: object) -> bool:
        if not self._spans or not isinstance(address, str) or (plain := canonical(address)) is None:
            return False
        number = key(plain)
        return any(first <= number <= last for first, last in self._spans)

    def apply(self, scope: Scope) -> None:
        """Set the client's address and scheme in `scope` if a trusted proxy sent the request. Raises ForwardedHeaderError."""
        peer = scope.get("client")
        if peer is None or peer[0] not in self:
            return
        headers = Headers(scope=scope)
        address = self._client(headers.getlist("x-forwarded-for"))
        if address is not None:
            scope["client"] = (address, 0)  # The port is unknown.
        schemes = [value.strip().lower() for value in headers.getlist("x-forwarded-proto")]
        if len(schemes) > 1 or not set(schemes) <= set(_SCHEMES):
            raise ForwardedHeaderError("X-Forwarded-Proto", ", ".join(schemes), "http or https, once")
        if schemes:
            scope["scheme"] = schemes[0]

    def _client(self, values: Sequence[str]) -> str | None:
        """The last address that is not a trusted proxy; the first one if all are trusted.

        Each proxy appends the peer it saw, so anything before that address may be forged.
        """
        address = None
        for text in reversed([part.strip() for value in values for part in value.split(",") if part.strip()]):
            address = canonical(text)
            if address is None:
                raise ForwardedHeaderError("X-Forwarded-For", text, "addresses, separated by commas")
            if address not in self:
                break
        return address
