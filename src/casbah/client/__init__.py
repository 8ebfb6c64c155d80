"""The Python client: `Casbah` and `AsyncCasbah` over httpx, filters as typed conditions in `where`.

It speaks the Activities API, so it also works against MDCA. It needs httpx but neither Casbah's server nor its store.
Guide: `docs/client.md`.
"""

from casbah.client import where
from casbah.client.condition import Condition
from casbah.client.connection import AsyncCasbah, Casbah
from casbah.client.errors import (
    AuthenticationError,
    BadRequestError,
    ClientError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServerError,
    ThrottledError,
    UnreachableError,
    UsageError,
)
from casbah.client.page import Changes, Page
from casbah.client.retry import Retry

__all__ = [
    "AsyncCasbah",
    "AuthenticationError",
    "BadRequestError",
    "Casbah",
    "Changes",
    "ClientError",
    "Condition",
    "NotFoundError",
    "Page",
    "PermissionDeniedError",
    "ProtocolError",
    "Retry",
    "ServerError",
    "ThrottledError",
    "UnreachableError",
    "UsageError",
    "where",
]
