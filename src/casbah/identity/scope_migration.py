"""One-time migration: tokens and sessions with `Admin.manage` get the scopes it used to include.

It runs when a version that knows those scopes first opens a store, and then stores an entry next to the tokens: a token
created later has exactly the scopes that it was given.
"""

from casbah.base.key_value import KeyValueStore, Value
from casbah.identity.permissions import FORMERLY_ADMIN, Permission

TOKEN, SESSION = "token", "session"
_NAMESPACE, _DONE = "permissions", "separated"


def migrate_scopes(key_values: KeyValueStore) -> None:
    """Give stored tokens and sessions with `Admin.manage` the scopes that it used to include, unless that has been done.

    After a crash it runs again. Several servers may run it at once: each checks again after listing the entries whether
    another has finished, so entries created after that are not changed.
    """
    if _done(key_values):
        return
    listed = [(namespace, entry.name) for namespace in (TOKEN, SESSION) for entry in key_values.all(namespace)]
    if _done(key_values):
        return
    for namespace, name in listed:
        _give(key_values, namespace, name)
    key_values.put(_NAMESPACE, _DONE, {})


def _done(key_values: KeyValueStore) -> bool:
    return key_values.get(_NAMESPACE, _DONE) is not None


def _give(key_values: KeyValueStore, namespace: str, name: str) -> None:
    while (kept := key_values.get(namespace, name)) is not None:
        value = _with_former_scopes(kept.value)
        if value == kept.value or key_values.put(namespace, name, value, over=kept):
            return


def _with_former_scopes(value: Value) -> Value:
    scopes = value["scopes"]
    if not set(Permission.ADMINISTER.value) <= set(scopes):
        return value
    return {**value, "scopes": [*scopes, *(scope for scope in FORMERLY_ADMIN if scope not in scopes)]}
