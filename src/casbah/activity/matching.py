"""The meaning: does a record match a predicate? Plain Python, from the record alone, sharing no code with an engine."""

from casbah.activity.fields import phrases, values
from casbah.activity.predicate import (
    All,
    Any,
    Everything,
    Infix,
    Not,
    Other,
    Phrase,
    Predicate,
    Prefix,
    Present,
    Range,
    Suffix,
    Terms,
    Words,
)
from casbah.activity.record import Reading, Record


def matches(predicate: Predicate, record: Record) -> bool:
    """Whether `record` is among the activities that `predicate` asks for."""
    return _holds(predicate, Reading(record))


def _holds(predicate: Predicate, reading: Reading) -> bool:  # noqa: C901, PLR0911, PLR0912  one case a node
    match predicate:
        case Everything():
            return True
        case All(parts):
            return all(_holds(part, reading) for part in parts)
        case Any(parts):
            return any(_holds(part, reading) for part in parts)
        case Not(part):
            return not _holds(part, reading)
        case Terms(field, wanted):
            return any(value in wanted for value in values(field, reading))
        case Other(field, known):
            return any(value not in known for value in values(field, reading))
        case Range(field):
            return any(_within(predicate, value) for value in values(field, reading))
        case Prefix(field, text):
            return any(str(value).startswith(text) for value in values(field, reading))
        case Infix(field, text):
            return any(text in str(value) for value in values(field, reading))
        case Suffix(field, text):
            return any(str(value).endswith(text) for value in values(field, reading))
        case Present(field):
            return bool(values(field, reading))
        case Words(words):
            return set(words) <= {word for phrase in phrases(reading) for word in phrase}
        case Phrase(words, open_ended):
            return any(_occurs(words, phrase, open_ended=open_ended) for phrase in phrases(reading))


def _within(bounds: Range, value: str | int) -> bool:
    if not isinstance(value, int):
        raise AssertionError(f"{bounds.field.name} holds no numbers")
    low, high = bounds.low, bounds.high
    above = low is None or value > low or (bounds.with_low and value == low)
    below = high is None or value < high or (bounds.with_high and value == high)
    return above and below


def _occurs(words: tuple[str, ...], phrase: tuple[str, ...], *, open_ended: bool) -> bool:
    size = len(words)
    for start in range(len(phrase) - size + 1):
        window = phrase[start : start + size]
        if window == words:
            return True
        if open_ended and window[:-1] == words[:-1] and window[-1].startswith(words[-1]):
            return True
    return False
