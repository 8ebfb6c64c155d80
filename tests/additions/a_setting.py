"""The setting `coffee_breaks` is read, shown and documented."""

import pytest
from tools.docs import pages
from typer.testing import CliRunner

from casbah import settings
from casbah.errors import BadSettingError
from command_line import app

assert settings.read({}).coffee_breaks == 3
assert settings.read({"CASBAH_COFFEE_BREAKS": "7"}).coffee_breaks == 7
assert settings.read({"CASBAH_COFFEE_BREAKS": "7"}, coffee_breaks="8").coffee_breaks == 8
with pytest.raises(BadSettingError, match="CASBAH_COFFEE_BREAKS"):
    settings.read({"CASBAH_COFFEE_BREAKS": "many"})

assert "| `CASBAH_COFFEE_BREAKS` |" in pages.settings()
shown = CliRunner().invoke(app, ["settings", "coffee", "--json"])
assert "CASBAH_COFFEE_BREAKS" in shown.output
