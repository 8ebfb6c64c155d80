"""Links of the OpenAPI document: from an operation's answer to the operations that can follow it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a follow-up `operation`; its parameters or body are runtime expressions."""

    name: str
    operation: str
    help: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: Any = None

    @property
    def definition(self) -> dict[str, Any]:
        """The Link Object of the document."""
        return {
            "operationId": self.operation,
            "description": self.help,
            **({"parameters": dict(self.parameters)} if self.parameters else {}),
            **({"requestBody": self.body} if self.body is not None else {}),
        }


_FIRST, _SAME = "$response.body#/data/0/_id", "$request.path.pk"
LINKS: Mapping[str, tuple[Link, ...]] = {
    "list_activities": (
        Link("first", "fetch_activity", "Fetch the first activity of the page", (("pk", _FIRST),)),
        Link(
            "feedback",
            "give_feedback",
            "Give feedback on the first activity of the page",
            (("pk", _FIRST),),
            {"feedback": "Seen."},
        ),
        Link(
            "next",
            "list_activities",
            "The next page of a scan",
            body={"isScan": True, "filters": "$response.body#/nextQueryFilters"},
        ),
    ),
    "fetch_activity": (
        Link("feedback", "give_feedback", "Give feedback on it", (("pk", _SAME),), {"feedback": "Seen."}),
        Link("given", "list_feedback", "The feedback on it", (("pk", _SAME),)),
    ),
    "give_feedback": (Link("given", "list_feedback", "All feedback on it", (("pk", _SAME),)),),
    "create_range": (Link("delete", "delete_range", "Delete it", (("range", "$response.body"),)),),
    "begin_export": (
        Link("look", "show_export", "Check its state", (("export", "$response.body#/id"),)),
        Link("delete", "delete_export", "Delete it", (("export", "$response.body#/id"),)),
    ),
    "create_token": (Link("revoke", "revoke_token", "Revoke it", (("token", "$response.body#/id"),)),),
}
"""Links by the operation whose answer they start from."""
