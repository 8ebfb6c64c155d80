"""A mutation: one text of one file, what replaces it, and the tests that should notice."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTED = Path(__file__).with_name("mutations.toml")
_KEYS = {"name", "file", "text", "replacement", "tests", "why"}


class BadMutationError(Exception):
    """A row of the list that cannot be applied to the tree. The message says which one and why."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """`text` occurs in `file` exactly once. `tests` are arguments of pytest; at least one fails if it becomes `replacement`."""

    name: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    why: str

    def mutated(self, tree: Path) -> str:
        """The file's content with the replacement. Raises BadMutationError."""
        content = (tree / self.file).read_text(encoding="utf-8")
        if (count := content.count(self.text)) != 1:
            raise BadMutationError(
                f"{self.name}: its text occurs {count} times in {self.file}, not once: {self.text!r}"
            )
        return content.replace(self.text, self.replacement)

    def apply(self, tree: Path) -> None:
        """Change the file in a copy of the tree."""
        mutated = self.mutated(tree)
        (tree / self.file).write_text(mutated, encoding="utf-8")


def read(listed: Path, tree: Path) -> list[Mutation]:
    """The mutations of a TOML file, each of which can be applied to `tree`. Raises BadMutationError."""
    rows = tomllib.loads(listed.read_text(encoding="utf-8"))["mutation"]
    mutations = [_mutation(row) for row in rows]
    names = [mutation.name for mutation in mutations]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadMutationError(f"two mutations have the name {repeated[0]!r}")
    for mutation in mutations:
        _check(mutation, tree)
    return mutations


def _mutation(row: dict[str, Any]) -> Mutation:
    if set(row) != _KEYS:
        raise BadMutationError(f"a mutation has {', '.join(sorted(_KEYS))}; this one has {', '.join(sorted(row))}")
    return Mutation(**{**row, "tests": tuple(row["tests"])})


def _check(mutation: Mutation, tree: Path) -> None:
    if not (tree / mutation.file).is_file():
        raise BadMutationError(f"{mutation.name}: there is no file {mutation.file}")
    if mutation.mutated(tree) == (tree / mutation.file).read_text(encoding="utf-8"):
        raise BadMutationError(f"{mutation.name}: its replacement is its text")
    if not mutation.tests:
        raise BadMutationError(f"{mutation.name}: no test should notice it")
    for test in mutation.tests:
        if not (tree / test.partition("::")[0]).exists():
            raise BadMutationError(f"{mutation.name}: there is no test {test}")
