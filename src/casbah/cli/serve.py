"""casbah serve."""

import logging
import signal
import sys
from typing import Annotated

import typer
import uvicorn

from casbah import compose
from casbah.cli import options
from casbah.cli.connection import announced
from casbah.serving import address, listening, server_of, settle

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


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

    Example: casbah serve --port 9000

    To test clients against: casbah serve --mimic mdca --set throttle=off --set mimic_fail=502:0.1
    """
    given = {"host": host, "port": port, "store": store, "throttle": throttle, "mimic": mimic}
    settings = options.chosen(**options.named(chosen or (), given))
    logging.basicConfig(level=settings.log_level.upper(), format=_LINE)
    with compose.opened(settings) as house, listening(settings) as listener:
        url, server = address(listener), server_of(house.app)
        stop_on_signals(server)
        with announced(settings.store, url=url, key=house.local_key):
            sys.stderr.write(f"casbah: serving {url} from {settings.store}\n")
            settle()
            server.run(sockets=[listener])


def stop_on_signals(server: uvicorn.Server) -> None:
    """Let SIGTERM and SIGINT stop the server once requests under way are finished, from now on.

    uvicorn heeds them only while it runs. One that comes a moment earlier must not be lost, and the one that uvicorn
    raises again once it has stopped must not end the process: the store is yet to be closed.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
