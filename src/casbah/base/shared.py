"""What the processes of a server share in memory. Each object is an argument of a process that this one starts."""

import ctypes
from collections.abc import Sequence
from multiprocessing import get_context
from typing import Any


class SharedFlag:
    """A `threading.Event` across processes: set once, for all of them."""

    def __init__(self) -> None:
        self._value: Any = get_context("spawn").RawValue(ctypes.c_bool)

    def is_set(self) -> bool:
        """Whether it is set."""
        return bool(self._value.value)

    def set(self) -> None:
        """Set it. It cannot be cleared."""
        self._value.value = True


class SharedCount:
    """How often something has happened. Only one thread of one process at a time may count."""

    def __init__(self) -> None:
        self._value: Any = get_context("spawn").RawValue(ctypes.c_uint64)

    @property
    def value(self) -> int:
        """The count."""
        return int(self._value.value)

    def add(self) -> None:
        """Add one."""
        self._value.value += 1


class SharedNumbers:
    """A number for each of `count` processes. Each writes its own, and all may read them."""

    def __init__(self, count: int) -> None:
        self._values: Any = get_context("spawn").RawArray(ctypes.c_double, count)

    def __getitem__(self, place: int) -> float:
        return float(self._values[place])

    def __setitem__(self, place: int, number: float) -> None:
        self._values[place] = number

    def all(self) -> Sequence[float]:
        """All numbers, by place."""
        return list(self._values)
