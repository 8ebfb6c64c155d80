"""The built-in connectors. Each file in this folder is one: a mapping file (`.toml`), or Python if a mapping is not enough.

Other packages add connectors as entry points, users as mapping files in a folder.
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
    """Every connector by name, in alphabetical order. One from another package, or a mapping file in `folder`, replaces the
    built-in connector of that name. Raises BadMappingError.
    """
    custom = () if folder is None else _mapped(folder)
    built_in = (*_own(), *_mapped(Path(__file__).parent))
    by_name = {source.name: source for source in (*built_in, *_installed(), *custom)}
    return dict(sorted(by_name.items()))


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


def _installed() -> Iterator[Connector]:
    for point in entry_points(group=GROUP):
        yield _checked(point.load(), point.value)


def _checked(candidate: object, where: str) -> Connector:
    if not isinstance(candidate, Connector):
        raise TypeError(f"{where} is not a casbah.ingest.contract.Connector")
    return candidate
