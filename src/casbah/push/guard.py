"""Which addresses may be connected to: none of this network's own, unless that is allowed.

A name is looked up once and the address that was checked is the one that is connected to: a name that means something else a
moment later (DNS rebinding) gains nothing. Redirects are not followed.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

_SECONDS = 20.0


class ForbiddenAddressError(OSError):
    """A destination is an address of this network's own."""


def connected(host: str, port: int, *, private: bool, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket to a host. Raises OSError; ForbiddenAddressError where all it could be is forbidden."""
    wrong: OSError = ForbiddenAddressError(f"{host} has no address")
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=kind):
        if not (private or is_public(str(address[0]))):
            wrong = ForbiddenAddressError(f"{host} is {address[0]}, a private address; allow_private = true permits it")
            continue
        made = socket.socket(family, kind)
        made.settimeout(_SECONDS)
        try:
            made.connect(address)
        except OSError as found:
            made.close()
            wrong = found
            continue
        return made
    raise wrong


def is_public(text: str) -> bool:
    """Whether an address is one of the internet at large: not private, link-local, loopback, reserved or multicast."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return bool(inner.is_global and not inner.is_multicast and address.is_global)


class Guarded(httpcore.SyncBackend):
    """httpcore's own network, with that in between."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  ours is the same for all
        local_address: str | None = None,  # noqa: ARG002  nobody asks for one
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  nobody asks for any
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        from httpcore._backends.sync import SyncStream  # noqa: PLC0415  the only way to hand it a socket of one's own

        try:
            return SyncStream(connected(host, port, private=self._private))
        except TimeoutError as wrong:
            raise httpcore.ConnectTimeout(str(wrong)) from wrong
        except OSError as wrong:
            raise httpcore.ConnectError(str(wrong)) from wrong


def trusting(file: str) -> ssl.SSLContext:
    """What TLS trusts: what the system does, or the certificates of a file."""
    return ssl.create_default_context(cafile=file or None)
