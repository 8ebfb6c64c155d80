"""The root of every error that Casbah raises on purpose."""

from collections.abc import Mapping
from typing import Any


class CasbahError(Exception):
    """The root; `status` and `headers` are those of the response."""

    status = 500

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that belong to this error."""
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        """For `pickle`, which would call the class with the message; most constructors take other arguments."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[CasbahError], args: tuple[Any, ...], attributes: dict[str, Any]) -> CasbahError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
