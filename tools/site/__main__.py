"""`make site`: builds the documents as static pages whose search needs no other server, in `dist/site`.

The pages keep their folders, so every link between them stays as it is. docs/README.md, the index, gives the navigation.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COPIED = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "compose.yaml",
    "deploy",
    "docs",
    "scenarios/README.md",
    "clients/python/README.md",
)
"""The pages, and the files and folders that they link to."""

_INDEX = Path("docs/README.md")
_SOURCES, _SITE = "sources", "site"
_TARGET = Path("dist/site")
_SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PAGE = re.compile(r"\]\(([\w./-]+\.md)\)")  # a link to a part of a page is not where it belongs


def main(target: Path = _TARGET) -> int:
    """Build the site. Returns the exit code of the builder, which fails on a link that leads nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in COPIED:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copyfile
            copied = work / _SOURCES / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            copy(name, copied)
        (work / "mkdocs.yml").write_text(json.dumps(configuration()))
        builder = Path(sys.executable).with_name("zensical")
        code = subprocess.run([builder, "build", "--strict"], cwd=work, check=False).returncode
        if code == 0:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(work / _SITE, target)
    return code


def configuration() -> dict[str, Any]:
    """The builder's configuration. It is written as JSON, which is YAML as well."""
    return {
        "site_name": "Casbah",
        "docs_dir": _SOURCES,
        "site_dir": _SITE,
        "use_directory_urls": False,
        "nav": [{"Casbah": "README.md"}, {"Documentation": str(_INDEX)}, *navigation(_INDEX)],
        # No font, and nothing else, from another server.
        "theme": {"font": False, "features": ["navigation.sections", "navigation.top", "search.highlight"]},
        "plugins": ["search"],
    }


def navigation(index: Path) -> list[dict[str, list[str]]]:
    """The pages of each section of the index, in its order, each in the first section that lists it by kind."""
    listed: set[str] = set()
    sections = []
    for title, text in _SECTION.findall(index.read_text(encoding="utf-8")):
        if "| Question |" in text:
            continue
        pages = [_page(index, link) for link in _PAGE.findall(text)]
        fresh = [page for page in dict.fromkeys(pages) if page not in listed]
        listed.update(fresh)
        sections.append({title: fresh})
    return sections


def _page(index: Path, link: str) -> str:
    """The path of a linked page, from the repository's folder."""
    return (index.parent / link).resolve().relative_to(Path.cwd()).as_posix()


if __name__ == "__main__":
    sys.exit(main())
