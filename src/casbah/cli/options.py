"""Options shared by commands, and settings combined with the command line."""

import os
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Annotated

import typer
from typer.models import OptionInfo

from casbah import settings
from casbah.activity.search.moments import zone_named
from casbah.cli import profiles
from casbah.cli.profiles import URL, KnownServer
from casbah.errors import UnknownSettingError
from casbah.identity.permissions import DEFAULT_TENANT
from casbah.settings import PREFIX, SETTINGS, Settings
from casbah.store import format as store_format

Tenant = Annotated[str, typer.Option(help="The tenant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def setting(name: str) -> OptionInfo:
    """The option that sets a setting, with the help that the setting declares."""
    row = SETTINGS[name]
    option: OptionInfo = typer.Option(help=f"{row.help} ({row.variable}).", show_default=False)
    return option


def group(purpose: str) -> typer.Typer:
    """A group of commands, such as those of `casbah token`."""
    return typer.Typer(help=purpose, no_args_is_help=True, rich_markup_mode=None)


Store = Annotated[str | None, setting("store")]
Endpoint = Annotated[str | None, typer.Option(help="URL of the S3-compatible storage; default AWS.")]
Url = Annotated[
    str | None,
    typer.Option(help=f"A server's address, or its name in `casbah servers` ({URL}).", show_default=False),
]
Chosen = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting of docs/settings.md; repeatable."),
]
Conditions = Annotated[list[str] | None, typer.Option("--filter", help="NAME OPERATOR VALUE; repeatable.")]
Searches = Annotated[
    list[str] | None, typer.Option("--filter", help="A search such as 'user:ann*', or NAME OPERATOR VALUE; repeatable.")
]
Filters = Annotated[str | None, typer.Option(help="A filters object as JSON, or @FILE.")]
Search = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SEARCH]", help="What to find, such as 'user:ann* since:7d' (docs/search.md)."),
]
Zone = Annotated[
    str | None, typer.Option(help="The time zone of a search's times, such as Europe/Berlin. Default: UTC.")
]
LocalZone = Annotated[
    str | None,
    typer.Option(
        "--zone",
        help="The zone of times in CSV exports that have none, such as Europe/Berlin or +01:00. Default: refuse them.",
        show_default=False,
    ),
]
TENANT = DEFAULT_TENANT
_BEGUN = "lock"
"""The first file of a store. A folder with it may be a store whose creation was interrupted."""

_IGNORED = {"lost+found", "copies"}
"""Entries allowed in the folder of a new store: the file system's own, and the progress of `casbah copy`."""


def local_zone(name: str | None) -> tzinfo | None:
    """The zone that `--zone` names, if any. Raises typer.BadParameter."""
    if name is None:
        return None
    zone = zone_named(name) if name else None
    if zone is None:
        raise typer.BadParameter(
            f"expected the name of a time zone such as Europe/Berlin, or an offset such as +01:00, got {name!r}",
            param_hint="--zone",
        )
    return zone


def read_settings(**overrides: str | None) -> Settings:
    """The settings: `overrides`, else the environment, else the defaults."""
    return settings.read(os.environ, **overrides)


def existing(**overrides: str | None) -> Settings:
    """The settings of a command that never creates a store, so that a mistyped path is an error."""
    settings = read_settings(**overrides)
    require_store(settings, hint="--store")
    return settings


def target(*, store: str | None, url: str | None, new: bool = False) -> Settings | KnownServer:
    """What a command asks: --url or --store, else CASBAH_URL, CASBAH_STORE, the server of `casbah login`, the default store.

    `new`: the command creates a store where none exists.
    """
    if url is not None and store is not None:
        raise typer.BadParameter("a command asks either a server or a store", param_hint="--url and --store")
    address = url or (os.environ.get(URL) if store is None else None)
    if address:
        return profiles.server_at(address)
    if store is None and SETTINGS["store"].variable not in os.environ:
        known = profiles.load()
        if known.current is not None:
            return known.named(known.current)
    return (new_or_existing if new else existing)(store=store)


def new_or_existing(**overrides: str | None) -> Settings:
    """The settings of a command that creates a store where none exists.

    Raises typer.BadParameter for a folder with other files, which is probably a mistyped path.
    """
    settings = read_settings(**overrides)
    folder = settings.store
    if holds_store(settings):
        return settings
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is a file, not a folder; name the store's folder", param_hint="--store")
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    foreign = sorted(name for name in names - _IGNORED if not name.startswith("."))
    if foreign and _BEGUN not in names:
        raise typer.BadParameter(
            f"{folder} is not a store and not empty: it holds {foreign[0]!r}; "
            "name a store, or an empty folder for a new one",
            param_hint="--store",
        )
    return settings


def holds_store(settings: Settings) -> bool:
    """Whether a store exists, without opening it. Always true with a cluster, where only opening can tell."""
    return settings.cluster is not None or store_format.exists(settings.store)


def require_store(settings: Settings, *, hint: str) -> None:
    """Raises typer.BadParameter, which exits with 2, if there is no store. A cluster reports that itself."""
    folder = settings.store
    if not holds_store(settings):
        seen = "the folder is not a store" if folder.is_dir() else "not a folder" if folder.exists() else "not found"
        raise typer.BadParameter(
            f"no store at {folder}: {seen}; check {hint} and CASBAH_STORE. "
            "`casbah ingest`, `casbah serve` and `casbah token create` create a new store",
            param_hint=hint,
        )


def with_set(pairs: Sequence[str], options: Mapping[str, str | None]) -> dict[str, str | None]:
    """The settings of `--set`, overridden by `options`. Raises UnknownSettingError."""
    result: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        row = name.strip().lower().replace("-", "_").removeprefix(PREFIX.lower())
        if row not in SETTINGS or not equals:
            raise UnknownSettingError(name, tuple(SETTINGS))
        result[row] = value.strip()
    return {**result, **{name: value for name, value in options.items() if value is not None}}
