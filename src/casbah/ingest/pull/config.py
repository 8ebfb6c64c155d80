"""The config file of pull sources, read strictly. docs/pull.md explains how to write one."""

import os
from collections.abc import Mapping
from pathlib import Path

from casbah.base import toml_file
from casbah.errors import clip
from casbah.ingest.pull.clouds import CLOUDS
from casbah.ingest.pull.entry import BadPullFileError, PullEntry, Secret, span
from casbah.ingest.pull.registry import KINDS


def read(path: Path) -> dict[str, PullEntry]:
    """The pullers of a file, by name. Raises BadPullFileError."""
    entries = toml_file.read(path, PullEntry, error=BadPullFileError)
    for name, entry in entries.items():
        _check(f"{path}: [{name}]", entry)
    return entries


def secret(name: str, entry: PullEntry, environment: Mapping[str, str] = os.environ) -> Secret:
    """The puller's secret; empty if its kind has none. Raises BadPullFileError, which says where it was expected."""
    if not KINDS[entry.kind].secret:
        return Secret("")
    if entry.secret_file:
        try:
            return Secret(Path(entry.secret_file).expanduser().read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise BadPullFileError(f"[{name}] secret_file: cannot be read: {type(error).__name__}") from None
    variable = entry.secret_env or f"CASBAH_PULL_{name.upper().replace('-', '_')}_SECRET"
    if not environment.get(variable):
        raise BadPullFileError(f"[{name}] has no secret: set {variable}, or name a file with secret_file")
    return Secret(environment[variable].strip())


def _check(place: str, entry: PullEntry) -> None:
    kind = KINDS.get(entry.kind)
    if kind is None:
        raise BadPullFileError(f"{place} kind: expected one of {', '.join(KINDS)}, got {clip(entry.kind)}")
    lacking = [key for key in kind.needs if not getattr(entry, key)]
    if kind.any_of and not any(getattr(entry, key) for key in kind.any_of):
        lacking.append(", or ".join(kind.any_of))
    if lacking:
        raise BadPullFileError(f"{place} {entry.kind} needs {', '.join(lacking)}")
    if not kind.secret and (unused := [key for key in ("secret_env", "secret_file") if getattr(entry, key)]):
        raise BadPullFileError(f"{place} {' and '.join(unused)}: {entry.kind} takes no secret")
    if entry.cloud not in CLOUDS:
        raise BadPullFileError(f"{place} cloud: expected one of {', '.join(CLOUDS)}, got {clip(entry.cloud)}")
    for key in ("since", "every", *(("overlap",) if entry.overlap else ())):
        try:
            span(getattr(entry, key))
        except ValueError as error:
            raise BadPullFileError(f"{place} {key}: {error}") from None
    if entry.url and not entry.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise BadPullFileError(f"{place} url: expected an https:// address, because credentials are sent")
