"""Errors on their way to another process, and as texts."""

import pickle

import pytest

from casbah.errors import (
    BadValueError,
    BodyTooLargeError,
    CasbahError,
    StoreClosedError,
    ThrottledError,
    UnwritableError,
)


@pytest.mark.parametrize(
    "error",
    [
        UnwritableError(),
        StoreClosedError(),
        BodyTooLargeError(7, "CASBAH_MAX_BODY"),
        ThrottledError(3, {"X-Left": "0"}),
        BadValueError("user.username", "eq", "a string", 7),
        CasbahError("plain"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_in_another_process(error):
    same = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (type(same), str(same), same.status, same.headers) == (type(error), str(error), error.status, error.headers)
    assert vars(same) == vars(error)
