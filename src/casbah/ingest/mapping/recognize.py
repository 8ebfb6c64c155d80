"""Recognizes a source's events by the `recognize` key of a mapping file: alternative lists of requirements."""

from collections.abc import Mapping, Sequence
from typing import Any

from casbah.ingest.mapping.paths import BadPathError
from casbah.ingest.mapping.values import Requirement


class Recognition:
    """Whether an event, with its keys folded by `fold`, meets all requirements of one of the lists.

    `marks` are the top-level keys that each list requires; empty if some list has no fixed key.
    """

    __slots__ = ("_lists", "marks")

    def __init__(self, lists: Sequence[Sequence[str]]) -> None:
        """Raises BadPathError."""
        self._lists = [_List(tuple(map(Requirement.of, sources))) for sources in lists]
        if not self._lists or not all(requirements.present for requirements in self._lists):
            raise BadPathError("[recognize] each list names at least one path that an event has")
        marks = dict.fromkeys(requirements.marks for requirements in self._lists)
        self.marks = tuple(marks) if all(marks) else ()

    def __call__(self, event: Mapping[str, Any]) -> bool:
        keys = event.keys()
        return any(
            requirements.marks <= keys and all(one.met(event) for one in requirements.all)
            for requirements in self._lists
        )


class _List:
    """Requirements that must all be met."""

    __slots__ = ("all", "marks", "present")

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self.all = requirements
        self.present = any(not one.absent for one in requirements)
        self.marks = frozenset(one.compared.path.top for one in requirements if not one.absent) - {""}
