"""A house on a socket: listening, and the server that answers there."""

import socket

import uvicorn
from starlette.types import ASGIApp

from casbah.errors import OperatorError
from casbah.settings import Settings

_SECONDS_TO_FINISH = 30


class AddressTakenError(OperatorError):
    """The address cannot be listened on."""


def listening(settings: Settings) -> socket.socket:
    """A socket that listens already: whoever connects from now on is answered once the server runs."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        raise AddressTakenError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port"
        ) from None


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: ASGIApp) -> uvicorn.Server:
    """A server of the application, not yet running."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            server_header=False,
            log_config=None,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )
