"""The sources that Casbah reads. One file in this folder is one connector: a mapping (`.toml`), or Python where an event
needs more than that. Other packages bring theirs as entry points, users theirs as mapping files in a folder.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

from casbah.errors import BadMappingError
from casbah.ingest.contract import Connector
from casbah.ingest.mapping.mapped import connector

GROUP = "casbah.connectors"
SUFFIX = ".toml"


def connectors(folder: Path | None = None) -> dict[str, Connector]:
    """Every connector by name, in alphabetical order; one brought by another package, or by a mapping file in `folder`,
    stands in for ours of that name. Raises BadMappingError.
    """
    brought = () if folder is None else _mapped(folder)
    found = {each.name: each for each in (*_own(), *_mapped(Path(__file__).parent), *_brought(), *brought)}
    return dict(sorted(found.items()))


def _own() -> Iterator[Connector]:
    for module in iter_modules(__path__):
        yield _checked(import_module(f"{__name__}.{module.name}").CONNECTOR, module.name)


def _mapped(folder: Path) -> Iterator[Connector]:
    """The connectors of mapping files, each named after its file."""
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadMappingError(f"{file}: cannot be read: {error}") from None
        yield connector(text, name=file.stem, origin=str(file))


def _brought() -> Iterator[Connector]:
    for point in entry_points(group=GROUP):
        yield _checked(point.load(), point.value)


def _checked(found: object, where: str) -> Connector:
    if not isinstance(found, Connector):
        raise TypeError(f"{where} is not a casbah.ingest.contract.Connector")
    return found
