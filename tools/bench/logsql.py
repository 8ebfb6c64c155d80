"""From a predicate to a LogsQL filter, over the fields of `tools.bench.columns`; see `peers.victorialogs_layout` for how they are stored.

A list is the text of a JSON array, which has a filter of its own; parts of its values are searched in `<name>_text`, where a
separator surrounds each value. Bloom filters of words serve every filter but the regular expression.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from casbah.activity import predicate as p
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.predicate import Predicate
from tools.bench.columns import COLUMNS, JOINED, SEPARATOR, Column

STREAM = ("service", "instance")
"""What the streams are of: the fields that have few values and that an activity keeps."""

EVERYTHING, NOTHING = "*", "!*"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAPPED, _AFTER_MAPPED, _END = 0xFFFF_0000_0000, 0x1_0000_0000_0000, 1 << 128


def render(predicate: Predicate) -> str:  # noqa: C901, PLR0911, PLR0912  one case a node
    """The filter that finds what `predicate` means. Raises NotImplementedError for what LogsQL has no filter for."""
    match predicate:
        case p.Everything() | p.All(()):
            return EVERYTHING
        case p.Any(()) | p.Terms(_, ()):
            return NOTHING
        case p.All(parts):
            return f"({' '.join(map(render, parts))})"
        case p.Any(parts):
            return _any(map(render, parts))
        case p.Not(part):
            return f"!({render(part)})"
        case p.Terms(field, values):
            return _terms(field, values)
        case p.Other(field, values):
            return _other(field, values)
        case p.Range():
            return _range(predicate)
        case p.Prefix(field, text):
            return _part(field, f"{quoted(SEPARATOR + text)}*", f"={quoted(text)}*")
        case p.Infix(field, text):
            return _part(field, f"*{quoted(text)}*", f"*{quoted(text)}*")
        case p.Suffix(field, text):
            return _part(field, f"*{quoted(text + SEPARATOR)}*", f"~{quoted(re.escape(text) + '$')}")
        case p.Present(field):
            return f"{_stored(field)}:*"
        case p.Words(words):
            return f"({' '.join(_phrase(f' {word} ') for word in dict.fromkeys(words))})"
        case p.Phrase(words, open_ended):
            text = " ".join(words)
            return f"{_phrase(f' {text}')}*" if open_ended else _phrase(f" {text} ")


def quoted(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)


def moment(milliseconds: int) -> str:
    """A time as filters take it."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _phrase(text: str) -> str:
    return f"_msg:{quoted(text)}"


def _any(parts: Iterable[str]) -> str:
    return f"({' or '.join(parts)})"


def _stored(field: Field) -> str:
    """The field that is there whenever this one has a value."""
    return {Column.NETWORK: "ip_first", Column.WORDS: "_msg"}.get(COLUMNS[field.name], field.name)


def _terms(field: Field, values: tuple[Value, ...]) -> str:
    listed = ",".join(quoted(str(value)) for value in values)
    if field.name == "date":
        return _any(_time(int(value), int(value) + 1) for value in values)
    if field.name in STREAM:
        return f"{{{field.name} in ({listed})}}"
    if COLUMNS[field.name] is Column.LIST:
        return f"{field.name}:json_array_contains_any({listed})"
    return f"{field.name}:in({listed})" if len(values) > 1 else f"{field.name}:={listed}"


def _other(field: Field, values: tuple[Value, ...]) -> str:
    """Only for fields with one value, where it is: has a value, and none of these."""
    if COLUMNS[field.name] is Column.LIST:
        raise NotImplementedError(f"LogsQL has no filter for a list with a value other than some ({field.name})")
    return f"({_stored(field)}:* !{_terms(field, values) if values else NOTHING})"


def _range(node: p.Range) -> str:
    """With bounds as the first number inside and the first one after it."""
    low = None if node.low is None else node.low + (not node.with_low)
    end = None if node.high is None else node.high + node.with_high
    if node.field.kind is Kind.ADDRESS:
        return _addresses(low or 0, _END if end is None else end)
    if node.field.name == "date":
        return _time(low, end)
    found = [f"{node.field.name}:{sign}{bound}" for sign, bound in ((">=", low), ("<", end)) if bound is not None]
    return f"({' '.join(found)})" if found else f"{node.field.name}:*"


def _time(low: int | None, end: int | None) -> str:
    """From `low` to before `end`, in ms."""
    found = [f"_time:{sign}{moment(bound)}" for sign, bound in ((">=", low), ("<", end)) if bound is not None]
    return f"({' '.join(found)})" if found else EVERYTHING


def _addresses(low: int, end: int) -> str:
    """An address is stored as IPv4 where it is one; the first one apart, because nearly all activities have just one."""
    found = [f"{name}:{span}" for span in _spans(low, end) for name in ("ip_first", "ip_rest.*")]
    return _any(found) if found else NOTHING


def _spans(low: int, end: int) -> Iterator[str]:
    for first, after in ((0, _MAPPED), (_AFTER_MAPPED, _END)):
        start, stop = max(low, first), min(end, after)
        if start < stop:
            yield f"ipv6_range({quoted(str(IPv6Address(start)))},{quoted(str(IPv6Address(stop - 1)))})"
    start, stop = max(low, _MAPPED) - _MAPPED, min(end, _AFTER_MAPPED) - _MAPPED
    if start < stop:
        yield f"ipv4_range({quoted(str(IPv4Address(start)))},{quoted(str(IPv4Address(stop - 1)))})"


def _part(field: Field, of_list: str, of_text: str) -> str:
    if COLUMNS[field.name] is not Column.LIST:
        return f"{field.name}:{of_text}"
    if field.name not in JOINED:
        raise NotImplementedError(f"LogsQL has no filter for a part of a value in a list ({field.name})")
    return f"{field.name}_text:{of_list}"
