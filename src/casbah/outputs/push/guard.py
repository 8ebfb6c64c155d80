"""Blocks connections to private addresses unless they are allowed.

A name is resolved once, and the checked address is the one connected to, which defeats DNS rebinding. Redirects are not
followed.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

_SECONDS = 20.0
_CARRIES_IPV4 = tuple(
    (ipaddress.IPv6Network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped (RFC 4291)
        ("64:ff9b::/96", 0),  # NAT64 (RFC 6052)
        ("2002::/16", 80),  # 6to4 (RFC 3056)
    )
)
"""Networks whose addresses embed an IPv4 address, and the number of bits after it."""

_NOT_PUBLIC = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "::/96",  # IPv4-compatible, withdrawn (RFC 4291)
            "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
            "64:ff9b:1::/48",  # NAT64 of the local network (RFC 8215)
            "2001::/32",  # Teredo (RFC 4380)
            "5f00::/16",  # segment routing (RFC 9602)
            "fec0::/10",  # site-local, withdrawn (RFC 3879)
        ),
    )
)
"""Networks that some versions of Python consider global, but that can reach private addresses."""


class ForbiddenAddressError(OSError):
    """The destination is a private address."""


def connected(host: str, port: int, *, private: bool, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Connect to a host. Raises OSError; ForbiddenAddressError if no address is permitted."""
    failure: OSError = ForbiddenAddressError(f"{host} has no address")
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=kind):
        if not (private or is_public(str(address[0]))):
            failure = ForbiddenAddressError(
                f"{host} is {address[0]}, a private address; allow_private = true permits it"
            )
            continue
        connection = socket.socket(family, kind)
        connection.settimeout(_SECONDS)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        return connection
    raise failure


def is_public(text: str) -> bool:
    """Whether an address is public: not private, link-local, loopback, reserved or multicast.

    An IPv6 address that embeds an IPv4 address is classified by the latter.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        carries = next((shift for network, shift in _CARRIES_IPV4 if address in network), None)
        if carries is not None:
            address = ipaddress.IPv4Address(int(address) >> carries & 0xFFFF_FFFF)
        elif any(address in network for network in _NOT_PUBLIC) or _is_isatap(int(address)):
            return False
    return address.is_global and not address.is_multicast


def _is_isatap(number: int) -> bool:
    """Whether this is an ISATAP address, which embeds a host's IPv4 address (RFC 5214)."""
    return number >> 32 & 0xFFFF_FFFF in (0x5EFE, 0x0200_5EFE)


class Guarded(httpcore.SyncBackend):
    """httpcore's network backend with the check of addresses."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  ours is fixed
        local_address: str | None = None,  # noqa: ARG002  not used
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  not used
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        from httpcore._backends.sync import SyncStream  # noqa: PLC0415  the only way to pass it our own socket

        try:
            return SyncStream(connected(host, port, private=self._private))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


def trusting(file: str) -> ssl.SSLContext:
    """A TLS context that trusts the certificates of `file` or, if empty, the system's."""
    return ssl.create_default_context(cafile=file or None)
