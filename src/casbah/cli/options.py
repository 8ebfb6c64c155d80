"""Options that several commands share, and settings with what was given on the command line."""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from casbah import compose, settings
from casbah.errors import UnknownSettingError
from casbah.identity.authenticator import DEFAULT_TENANT
from casbah.settings import PREFIX, SETTINGS, Settings

Tenant = Annotated[str, typer.Option(help="Whose activities.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")]
Store = Annotated[str | None, typer.Option(help=f"{SETTINGS['store'].help} (CASBAH_STORE).", show_default=False)]
Chosen = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting of docs/settings.md; may stand several times."),
]
TENANT = DEFAULT_TENANT
_BEGUN = "lock"
"""The first file of a store; a folder with it may be one whose making was interrupted."""

_NO_HINDRANCE = {"lost+found", "copies"}
"""What may be where a store is made: what a file system has, and how far `casbah copy` got."""


def chosen(**given: str | None) -> Settings:
    """The settings: what was given, else the environment's, else the defaults."""
    return settings.read(os.environ, **given)


def existing(**given: str | None) -> Settings:
    """The settings of a command that reads: it never creates a store, so that a mistyped path is an error."""
    settings = chosen(**given)
    require_store(settings, hint="--store")
    return settings


def new_or_existing(**given: str | None) -> Settings:
    """The settings of a command that makes a store where there is none.

    Raises typer.BadParameter for a folder with other things in it, which is a mistyped path.
    """
    settings = chosen(**given)
    folder = settings.store
    if compose.holds_store(settings):
        return settings
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is a file, not a folder; name the store's folder", param_hint="--store")
    names = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    foreign = sorted(name for name in names - _NO_HINDRANCE if not name.startswith("."))
    if foreign and _BEGUN not in names:
        raise typer.BadParameter(
            f"{folder} has no store in it and is not empty: it holds {foreign[0]!r}; "
            "name a store, or an empty folder for a new one",
            param_hint="--store",
        )
    return settings


def require_store(settings: Settings, *, hint: str) -> None:
    """Raises typer.BadParameter, which exits with 2, where the settings name no store. A cluster says so itself."""
    folder = settings.store
    if not compose.holds_store(settings):
        seen = "it has no store in it" if folder.is_dir() else "it is not a folder" if folder.exists() else "not found"
        raise typer.BadParameter(
            f"no store at {folder}: {seen}; check {hint} and CASBAH_STORE. "
            "`casbah ingest`, `casbah serve` and `casbah token create` make a new store",
            param_hint=hint,
        )


def named(pairs: Sequence[str], given: Mapping[str, str | None]) -> dict[str, str | None]:
    """`given`, and under it the settings that `--set` names. Raises UnknownSettingError."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        row = name.strip().lower().replace("-", "_").removeprefix(PREFIX.lower())
        if row not in SETTINGS or not equals:
            raise UnknownSettingError(name, tuple(SETTINGS))
        found[row] = value.strip()
    return {**found, **{name: value for name, value in given.items() if value is not None}}
