"""What came of one cycle."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many acts were acknowledged, refused and left without an answer; why; and what is wrong."""

    kind: str
    seed: int
    done: int
    refused: int
    unanswered: int
    reasons: Sequence[str]
    wrong: Sequence[str]


def collected(look: Callable[[], Iterable[str]]) -> list[str]:
    """What looking finds. A state that cannot be read is a finding too."""
    found: list[str] = []
    try:
        found.extend(look())
    except Exception as error:  # noqa: BLE001  whatever it is, that is what is wrong
        found.append(described(error))
    return found


def described(error: Exception) -> str:
    """An exception in words."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:1_000]}"
