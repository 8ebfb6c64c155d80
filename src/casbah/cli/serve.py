"""casbah serve."""

import signal
import socket
import sys
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from casbah import compose
from casbah.cli import options
from casbah.cli.connection import announced
from casbah.errors import OperatorError
from casbah.settings import Settings

_SECONDS_TO_FINISH = 30


class AddressTakenError(OperatorError):
    """The address cannot be listened on."""


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on (CASBAH_HOST).")] = None,
    port: Annotated[str | None, typer.Option(help="The port; 0 takes any free one (CASBAH_PORT).")] = None,
    store: options.Store = None,
    throttle: Annotated[
        str | None, typer.Option(help="Requests a tenant may make, such as 30/minute (CASBAH_THROTTLE).")
    ] = None,
    mimic: Annotated[
        str | None, typer.Option(help="Be as narrow as another server, to test clients against: mdca (CASBAH_MIMIC).")
    ] = None,
    chosen: options.Chosen = None,
) -> None:
    """Serve the API until interrupted.

    Examples: casbah serve --port 9000; casbah serve --mimic mdca --set throttle=off --set mimic_fail=502:0.1
    """
    given = {"host": host, "port": port, "store": store, "throttle": throttle, "mimic": mimic}
    settings = options.chosen(**options.named(chosen or (), given))
    with compose.opened(settings) as house, listening(settings) as listener:
        url, server = address(listener), server_of(house.app)
        stop_on_signals(server)
        with announced(settings.store, url=url, key=house.local_key):
            sys.stderr.write(f"casbah: serving {url} from {settings.store}\n")
            server.run(sockets=[listener])


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


def stop_on_signals(server: uvicorn.Server) -> None:
    """Let SIGTERM and SIGINT stop the server once requests under way are finished, from now on.

    uvicorn heeds them only while it runs. One that comes a moment earlier must not be lost, and the one that uvicorn
    raises again once it has stopped must not end the process: the store is yet to be closed.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
