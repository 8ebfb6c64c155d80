"""The command line with all its commands, for typer's CliRunner."""

from casbah.cli import application

app = application()
