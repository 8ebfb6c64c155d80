"""Takes the place of a server in `casbah ingest --dry-run`: answers as one with an empty store would, and stores nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import httpx

from casbah.activity.forms import form_of
from casbah.activity.new_activity import second_id
from casbah.activity.tenant import TenantId
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record
from casbah.cli.connection import Api
from casbah.settings import Settings

_DIGEST_BYTES = 16


@contextmanager
def connected(settings: Settings, *, tenant: str) -> Iterator[Api]:
    """An API that takes encoded new activities alone (`wire_encoding`). It opens no store and no connection."""
    TenantId(tenant)
    yield Api(_Counter().answer, settings)


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counts activities that repeat, as a store would. Keeps two digests per activity: about 300 bytes in all."""

    _taken: set[bytes] = field(default_factory=set)
    _lossy: dict[str, int] = field(default_factory=dict)
    """The ranks of forms that carry less, by id."""

    def answer(self, method: str, path: str, *, content: bytes, **options: Any) -> httpx.Response:  # noqa: ARG002
        """The answer to a batch of encoded new activities, one per line."""
        new = [self._is_new(jsontext.parse_object(line)) for line in content.split(b"\n") if line]
        repeated = [number for number, is_new in enumerate(new, 1) if not is_new]
        return httpx.Response(
            httpx.codes.OK,
            json={"stored": sum(new), "duplicates": len(repeated), "refused": [], "duplicateLines": repeated},
        )

    def _is_new(self, activity: Mapping[str, Any]) -> bool:
        """Whether a store would keep an activity: the same event is not kept twice, another one of the same id is, and so is a
        copy that carries more. Copies are taken to agree.
        """
        activity_id, digest = activity["id"], activity["digest"]
        record = jsontext.parse_object(activity["record"].encode())
        rank = form.rank if (form := form_of(record)) else 0
        if digest is None and not rank and (own := digest_of_record(record)) is not None:
            self._take("event", activity_id, own)  # A record that Casbah exported: its event may follow.
        if digest is not None and not self._take("event", activity_id, digest):
            return False
        is_free = self._take("id", activity_id)
        if is_free or rank < self._lossy.get(activity_id, 0):
            self._lossy.pop(activity_id, None)
            if rank:
                self._lossy[activity_id] = rank
            return True
        second = None if rank or activity_id in self._lossy else second_id(activity_id, digest)
        return second is not None and self._take("id", second)

    def _take(self, *names: str) -> bool:
        """Whether a name was free; from now on it is taken."""
        text = "\0".join(names).encode("utf-8", "surrogatepass")
        key = blake2b(text, digest_size=_DIGEST_BYTES).digest()
        free = key not in self._taken
        self._taken.add(key)
        return free
