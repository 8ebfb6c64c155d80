"""`make docs`: writes the generated pages and sections of `docs/`, and the client's `operators` and `where`, from the tables.

With `--check`, only reports which are not current.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.docs.client import operators, where
from tools.docs.pages import PAGES, SECTIONS

_FOLDER = Path("docs")
_NOTE = "<!-- Written by `make docs` from the tables in src/casbah; change those. -->\n\n"
_BEGIN = "<!-- Written by `make docs` from {origin} -->"
_END = "<!-- End of what `make docs` writes. -->"
MODULES: dict[str, Callable[[], str]] = {
    "src/casbah/client/operators.py": operators,
    "src/casbah/client/where.py": where,
}


def main(arguments: list[str]) -> int:
    """Write the files. With `--check`, only report stale ones and return 1."""
    files = {f"{_FOLDER}/{name}": _NOTE + page() for name, page in PAGES.items()}
    files |= {name: module() for name, module in MODULES.items()}
    for name, sections in SECTIONS.items():
        files[f"{_FOLDER}/{name}"] = _with_sections(_text(f"{_FOLDER}/{name}"), sections)
    stale = [name for name, text in files.items() if _text(name) != text]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"{name} is not current; `make docs` writes it\n")
        return 1 if stale else 0
    for name in stale:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(files[name], encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


def _with_sections(text: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The page with its generated sections current; each is named by the file or folder that it is made from."""
    for origin, section in sections.items():
        begin = re.escape(_BEGIN.format(origin=origin))
        content = section()
        text = re.sub(f"({begin}\n).*?({_END})", lambda marks: f"{marks[1]}{content}{marks[2]}", text, flags=re.DOTALL)  # noqa: B023
    return text


def _text(name: str) -> str:
    file = Path(name)
    return file.read_text(encoding="utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
