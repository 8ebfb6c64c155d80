"""The root of every error that Casbah raises on purpose."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class CasbahError(Exception):
    """The root; `status` and `headers` are those of the response. Those with one message have it as `text`."""

    status = 500
    text = ""
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        """For `pickle`, which would call the class with the message; most constructors take other arguments."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[CasbahError], args: tuple[Any, ...], attributes: dict[str, Any]) -> CasbahError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
