"""The sources that Casbah reads. One file in this folder is one connector; other packages bring theirs as
entry points.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from casbah.ingest.contract import Connector

GROUP = "casbah.connectors"


def connectors() -> dict[str, Connector]:
    """Every connector by name, in alphabetical order; one brought by another package stands in for ours of
    that name.
    """
    found = {each.name: each for each in (*_own(), *_brought())}
    return dict(sorted(found.items()))


def _own() -> Iterator[Connector]:
    for module in iter_modules(__path__):
        yield _checked(import_module(f"{__name__}.{module.name}").CONNECTOR, module.name)


def _brought() -> Iterator[Connector]:
    for point in entry_points(group=GROUP):
        yield _checked(point.load(), point.value)


def _checked(found: object, where: str) -> Connector:
    if not isinstance(found, Connector):
        raise TypeError(f"{where} is not a casbah.ingest.contract.Connector")
    return found
