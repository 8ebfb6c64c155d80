"""The product's own server on a free port, with a store of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

from casbah import compose, settings
from casbah.cli.serve import address, listening, server_of
from casbah.compose import House
from scenarios.runner import Target
from scenarios.scenario import Scenario


@contextmanager
def serving(folder: Path, **given: str) -> Iterator[tuple[str, House]]:
    """The URL of a running server, and its house."""
    chosen = settings.read({}, store=str(folder), port="0", **given)
    with compose.opened(chosen) as house, listening(chosen) as listener:
        server = server_of(house.app)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address(listener), house
        finally:
            server.should_exit = True
            thread.join()


class Servers:
    """A server for each set of settings that files ask for; one whose store a file closes is that file's own."""

    def __init__(self, stack: ExitStack, folder: Callable[[], Path]) -> None:
        self._stack, self._folder = stack, folder
        self._running: dict[object, tuple[str, House]] = {}

    def target(self, scenario: Scenario) -> tuple[Target, Callable[[], None]]:
        """Where to play a file, and what to call when its seed is in."""
        closed = scenario.store == "closed"
        which = (tuple(sorted(scenario.settings.items())), closed and scenario.file)
        if which not in self._running:
            self._running[which] = self._stack.enter_context(serving(self._folder(), **scenario.settings))
        url, house = self._running[which]
        return Target(url, house.local_key), house.services.store.close if closed else lambda: None
