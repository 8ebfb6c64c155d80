"""The product's own server on a free port, with a store of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from casbah import compose, settings
from casbah.cli.serve import address, listening, server_of
from casbah.compose import House


@contextmanager
def serving(folder: Path, **given: str) -> Iterator[tuple[str, House]]:
    """The URL of a running server, and its house."""
    chosen = settings.read({}, store=str(folder), port="0", **given)
    with compose.opened(chosen) as house, listening(chosen) as listener:
        server = server_of(house)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address(listener), house
        finally:
            server.should_exit = True
            thread.join()
