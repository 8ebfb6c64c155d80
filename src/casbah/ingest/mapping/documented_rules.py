"""The rules of a mapping file, for docs/sources.md: its patterns for flags and outcomes, each with the reason that it gives."""

from collections.abc import Iterator, Sequence

from casbah.ingest.contract import ReadingRule
from casbah.ingest.mapping.file import MappingFile, OutcomePart, When
from casbah.ingest.mapping.parts import EXCEPT, OPERATION, listed
from casbah.ingest.rules import ADMIN, IMPERSONATED, OUTCOME, USER


def rules_of(file: MappingFile) -> Iterator[ReadingRule]:
    """One rule for each reason."""
    reasons = file.reasons
    rows = (
        (ADMIN, _flag(file.flags.admin), reasons.admin),
        (IMPERSONATED, _flag(file.flags.impersonated), reasons.impersonated),
        (OUTCOME, _outcome(file.outcome), reasons.outcome),
        (USER, f"the first of {_codes(listed(file.user.name))}", reasons.user),
    )
    return (ReadingRule(says, when, reason) for says, when, reason in rows if reason)


def _flag(when: When) -> str:
    if isinstance(when, bool):
        return "always" if when else "never"
    conditions = [_patterns(path, listed(globs)) for path, globs in when.items() if not path.startswith(EXCEPT)]
    exceptions = [_patterns(path[1:], listed(globs)) for path, globs in when.items() if path.startswith(EXCEPT)]
    return "; or ".join(conditions) + ("; except " if exceptions else "") + "; ".join(exceptions)


def _patterns(path: str, globs: Sequence[str]) -> str:
    return f"{'the operation' if path == OPERATION else _codes([path])} is {_codes(globs)}"


def _outcome(part: OutcomePart | None) -> str:
    if part is None:
        return "none"
    rows = (("success", part.success), ("failure", part.failure))
    results = [f"{result} if {_codes(listed(part.of))} is {_codes(globs)}" for result, globs in rows if globs]
    fixed = [f"{result} for {_codes([operation])}" for operation, result in part.operations.items()]
    return "; ".join([*fixed, *results])


def _codes(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)
