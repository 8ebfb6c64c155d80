"""Which steps show which rule of the wire contract: `scenarios/coverage.yaml`, and the statements of the specification."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.scenario import FOLDER, Scenario, loaded

FILE = FOLDER / "coverage.yaml"
ROOT = FOLDER.parent
_ALL = "all"
_ITEM = re.compile(r"- |\d+\. ")
_RULER = re.compile(r"\|[-|: ]+\|")
_AMENDMENT = re.compile(r"- \*\*(A\d+)\. [^*]+\*\*(?: \([^)]*\))?[.:]? (.+)")


@dataclass(frozen=True)
class Rule:
    """One rule: how sure it is (D, C, R, O), what of the specification it covers, the steps that show it as (file, name).

    `amendments` are quotes too, by the amendment they are from. A rule that is `superseded` by an amendment no longer holds; it
    keeps its quotes, so that every statement of the specification is accounted for, and nothing shows it.
    """

    section: str
    rule: str
    sure: Sequence[str]
    quotes: Sequence[str]
    steps: Sequence[tuple[str, str]]
    tests: Sequence[str] = field(default_factory=tuple)
    amendments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    superseded: str = ""


def rules(scenarios: Sequence[Scenario], path: Path = FILE) -> list[Rule]:
    names = {scenario.file: [step.name for step in scenario.steps] for scenario in scenarios}
    return [
        Rule(**{**row, "section": part["section"], "steps": tuple(_steps(row.get("steps", {}), names))})
        for part in loaded(path)["sections"]
        for row in part["rules"]
    ]


def later(path: Path = FILE) -> list[str]:
    """The amendments that are not built yet."""
    return list(loaded(path)["later"])


def statements(text: str) -> Iterator[tuple[str, str]]:
    """Each statement of a specification, as (number of its section, statement): a row of a table, or a clause of a sentence.

    What stands before the first section says how to read the rest, and is none.
    """
    section = ""
    for block in _blocks(text):
        if block.startswith("#"):
            section = block.removeprefix("## ").partition(".")[0] if block.startswith("## ") else ""
        elif section:
            yield from ((section, clause) for clause in _clauses(block))


def amendments(text: str) -> Iterator[tuple[str, str]]:
    """Each statement of the amendments, as (amendment, statement): a clause of what follows the amendment's title."""
    for match in filter(None, map(_AMENDMENT.fullmatch, _blocks(text))):
        yield from ((match[1], clause) for clause in _clauses(match[2]))


def defined(test: str) -> bool:
    """Whether a test named as pytest names it, `tests/x/test_y.py::test_z`, is there."""
    path, _, name = test.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    return any(
        isinstance(each, ast.FunctionDef) and each.name == name for each in ast.parse(file.read_text("utf-8")).body
    )


def _steps(given: Mapping[str, object], names: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for file, wanted in given.items():
        chosen = names.get(file, ["(there is no such file)"]) if wanted == _ALL else wanted
        if not isinstance(chosen, list):
            raise ValueError(f"{FILE.name}: the steps of {file} are a list of names, or `{_ALL}`")
        yield from ((file, name) for name in chosen)


def _blocks(text: str) -> Iterator[str]:
    """Titles, rows of tables without their heads, items and paragraphs, each on one line."""
    lines = [line.strip() for line in text.splitlines()]
    block = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if block and (not line or line[0] in "#|" or _ITEM.match(line)):
            yield block
            block = ""
        if line[:1] in ("#", "|"):
            if not _RULER.fullmatch(line) and not _RULER.fullmatch(following):
                yield line
        else:
            block = f"{block} {line}".strip()
    if block:
        yield block


def _clauses(block: str) -> Iterator[str]:
    """A row of a table as it is; a paragraph or item cut at full stops and semicolons, though not inside brackets or code."""
    if block.startswith("|"):
        yield block
        return
    depth, code, clause = 0, False, ""
    text = _ITEM.sub("", block, count=1) if _ITEM.match(block) else block
    for position, letter in enumerate(text):
        clause += letter
        code ^= letter == "`"
        depth += 0 if code else (letter in "([") - (letter in ")]")
        if letter in ".;" and not code and not depth and text[position + 1 : position + 2] in ("", " ", "*"):
            yield clause.strip(" *")
            clause = ""
    if clause.strip(" *"):
        yield clause.strip(" *")
