"""The built-in connectors. Each file in this folder is one: a mapping file (`.toml`), or Python if a mapping is not enough.
`verbs/` has the verbs of those in Python.

Other packages add connectors as entry points, users as mapping files in a folder.
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules

from casbah.errors import BadMappingError
from casbah.ingest.contract import Connector
from casbah.ingest.mapping.mapped import connector
from casbah.ingest.verbs import VerbOf, VerbsOfApps, VerbTable

GROUP = "casbah.connectors"
SUFFIX = ".toml"


def connectors(folder: Path | None = None) -> dict[str, Connector]:
    """Every connector by name, in alphabetical order. One from another package, or a mapping file in `folder`, replaces the
    built-in connector of that name. Raises BadMappingError.
    """
    custom = () if folder is None else _mapped(folder)
    built_in = (*_own(), *_mapped(Path(__file__).parent, trusted=True))
    by_name = {source.name: source for source in (*built_in, *_installed(), *custom)}
    of_apps = verbs_of_apps(by_name.values())
    return {name: source if source.verb else replace(source, verb=of_apps) for name, source in sorted(by_name.items())}


def record_verbs(folder: Path | None = None) -> VerbOf:
    """The verbs of records whose source is not known, from the tables of the connectors that know their app. `folder` as for
    `connectors`. Raises BadMappingError.
    """
    return verbs_of_apps(connectors(folder).values())


def verbs_of_apps(sources: Iterable[Connector]) -> VerbOf:
    """The verbs of records whose source is not known, from these connectors."""
    return VerbsOfApps((source.apps, source.verb) for source in sources if source.verb)


def _own() -> Iterator[Connector]:
    for module in iter_modules(__path__):
        source = _checked(import_module(f"{__name__}.{module.name}").CONNECTOR, module.name)
        verbs = Path(__file__).parent / "verbs" / f"{module.name}{SUFFIX}"
        yield replace(source, verb=VerbTable(tomllib.loads(verbs.read_text("utf-8")))) if verbs.exists() else source


def _mapped(folder: Path, *, trusted: bool = False) -> Iterator[Connector]:
    """The connectors of mapping files, each named after its file."""
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadMappingError(f"{file}: cannot be read: {error}") from None
        yield connector(text, name=file.stem, origin=str(file), trusted=trusted)


def _installed() -> Iterator[Connector]:
    for point in entry_points(group=GROUP):
        yield _checked(point.load(), point.value)


def _checked(candidate: object, where: str) -> Connector:
    if not isinstance(candidate, Connector):
        raise TypeError(f"{where} is not a casbah.ingest.contract.Connector")
    return candidate
