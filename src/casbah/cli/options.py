"""Options that several commands share, and settings with what was given on the command line."""

import os
from typing import Annotated

import typer

from casbah import settings
from casbah.identity.door import DEFAULT_TENANT
from casbah.settings import SETTINGS, Settings

Tenant = Annotated[str, typer.Option(help="Whose activities.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")]
Store = Annotated[str | None, typer.Option(help=f"{SETTINGS['store'].help} (CASBAH_STORE).", show_default=False)]
TENANT = DEFAULT_TENANT


def chosen(**given: str | None) -> Settings:
    """The settings: what was given, else the environment's, else the defaults."""
    return settings.read(os.environ, **given)
