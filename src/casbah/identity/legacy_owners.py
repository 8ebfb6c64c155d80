"""Finds the token ids of owners that earlier versions stored by name."""

from casbah.activity.tenant import NOBODY
from casbah.identity.name import LOCAL
from casbah.identity.token import Tokens


class LegacyOwners:
    """Maps an owner's name to the id of a token. Thread-safe."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def __call__(self, name: str, tenant: str, at: int) -> str:
        """The id of the only token with that name at `at` (ms), revoked ones included; else NOBODY.

        The local key always had the name `local`. Tokens created after `at` do not count, so lookups are cached.
        """
        known = self._known.get((name, tenant))
        if known is None:
            every = self._tokens.all()
            known = [(token.created, token.id) for token in every if (token.name, token.tenant) == (name, tenant)]
            self._known[name, tenant] = known
        ids = [token_id for created, token_id in known if created <= at]
        if name == LOCAL:
            return NOBODY if ids else LOCAL
        return ids[0] if len(ids) == 1 else NOBODY
