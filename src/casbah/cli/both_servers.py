"""Sends the same query to MDCA and to Casbah."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from casbah.activity.language import FILTERS
from casbah.cli.connection import Api
from casbah.cli.page_difference import Failed, Refused, ServerAnswer
from casbah.cli.query_set import ComparedQuery, Filters, Scope, Values, narrowed, spelled, values_in
from casbah.client import AuthenticationError, BadRequestError, Casbah, ClientError, NotFoundError, ServerError
from casbah.client.page import ACTIVITIES, EXTENSION, Page, Record, page_of
from casbah.client.request import Call, Operation
from casbah.errors import ServerRefusedError

_SECONDS_PER_MINUTE = 60.0
_ADVICE = {
    AuthenticationError: "use a token of MDCA's portal that is valid",
    NotFoundError: "there is no Activities API at the address of --mdca",
}
_SENT = 2
"""How many values of a filter are sent in one query."""


@dataclass(slots=True)
class Pace:
    """Spreads requests evenly. `clock` returns seconds, `sleep` waits for seconds."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    due: float = 0.0

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        now = self.clock()
        if now < self.due:
            self.sleep(self.due - now)
        self.due = max(now, self.due) + _SECONDS_PER_MINUTE / self.per_minute


@dataclass(frozen=True, slots=True)
class BothServers:
    """MDCA through the client, which waits when it is throttled, and Casbah as the store's owner."""

    mdca: Casbah
    casbah: Api
    pace: Pace

    def of_mdca(self, query: ComparedQuery) -> ServerAnswer:
        """MDCA's answer. Raises ServerRefusedError if it does not answer, or refuses the token."""
        self.pace.wait()
        try:
            return self.mdca.activities.runner.run(_page(query.body))
        except BadRequestError as error:
            return Refused(error.detail or str(error))
        except ServerError as error:
            return Failed(str(error))
        except ClientError as error:
            advice = _ADVICE.get(type(error))
            answered = f"MDCA answered {error.status}: {error.detail or 'no reason'}; {advice}"
            raise ServerRefusedError(answered if advice else str(error)) from None

    def of_casbah(self, query: ComparedQuery) -> ServerAnswer:
        """Casbah's answer."""
        answer = self.casbah.ask("POST", ACTIVITIES, json=query.body, allow=[httpx.codes.BAD_REQUEST])
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return Refused(str(answer.json()["detail"]))
        return page_of(answer.json())

    def stored_values(self, scope: Scope) -> Values:
        """Values of each filter within a scope: frequent ones, but not the most frequent if there are others, because a
        condition that nearly everything meets shows little.
        """
        names = [row.name for row in FILTERS.values() if row.countable]
        body = {"filters": scope.filters, "facets": names, "limit": 1 + _SENT}
        answer = self.casbah.ask("POST", f"{EXTENSION}facets", json=body).json()
        counted = {facet["filter"]: [count["value"] for count in facet["values"]] for facet in answer["facets"]}
        sent = {name: self._spelled(scope, name, values[1:] or values) for name, values in counted.items()}
        return {**sent, **values_in(self._record(scope.filters, skip=answer["total"] // 2))}

    def _spelled(self, scope: Scope, name: str, values: Sequence[Any]) -> list[Any]:
        return [spelled(value, self._record(narrowed(scope.filters, name, "eq", [value]) or {})) for value in values]

    def _record(self, filters: Filters, *, skip: int = 0) -> Record:
        """A record that matches; empty if nothing does."""
        answer = self.casbah.ask("POST", ACTIVITIES, json={"filters": filters, "limit": 1, "skip": skip})
        return next(iter(page_of(answer.json())), {})


def _page(body: dict[str, Any]) -> Operation[Page]:
    return page_of((yield Call("POST", ACTIVITIES, body)))
