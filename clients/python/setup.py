"""Builds `casbah_client` from Casbah's own sources: the client, and the modules that it imports.

Only the name of the package differs, so that it can be installed beside Casbah.
"""

import re
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.errors import SetupError

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "casbah"
PACKAGE = "casbah_client"
FILES = ("py.typed", "base/__init__.py", "base/backoff.py", "client/*.py", "errors/*.py")
_IMPORT = re.compile(r"^(\s*(?:from|import) )casbah\b", re.MULTILINE)
# The version comes first, because the client imports it.
_EXPORTS = f"""
from {PACKAGE}.client import *  # noqa: E402
from {PACKAGE}.client import __all__ as __all__  # noqa: E402
"""


class Build(build_py):
    """Writes the modules of the package, with imports of `casbah` from the package, into the folder of the build."""

    def run(self) -> None:
        """Write them all."""
        texts = {file.relative_to(SOURCE): _renamed(file) for pattern in FILES for file in SOURCE.glob(pattern)}
        texts[Path("__init__.py")] = _renamed(SOURCE / "__init__.py") + _EXPORTS
        texts[Path("LICENSE")] = (ROOT / "LICENSE").read_text("utf-8")
        for name, text in texts.items():
            file = Path(self.build_lib, PACKAGE, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def get_source_files(self) -> list[str]:
        """No files of this folder."""
        return []


class NoSource(sdist):
    """A distribution of sources would lack them: they are outside of this folder."""

    def run(self) -> None:
        """Refuse it."""
        raise SetupError(
            "casbah-client is built from a checkout of Casbah; build the wheel alone: python -m build --wheel"
        )


def _renamed(file: Path) -> str:
    return _IMPORT.sub(rf"\1{PACKAGE}", file.read_text("utf-8"))


def _version() -> str:
    values: dict[str, str] = {}
    exec((SOURCE / "__init__.py").read_text("utf-8"), values)  # noqa: S102  our own file, which imports nothing
    return values["__version__"]


setup(version=_version(), packages=[PACKAGE], cmdclass={"build_py": Build, "sdist": NoSource})
