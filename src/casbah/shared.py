"""What the processes of a server share in memory: a flag, a count. Each is an argument of a process that this one starts."""

import ctypes
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
        """Set it, for ever."""
        self._value.value = True


class SharedCount:
    """How often something has happened, for one thread of one process to count."""

    def __init__(self) -> None:
        self._value: Any = get_context("spawn").RawValue(ctypes.c_uint64)

    @property
    def value(self) -> int:
        """The count."""
        return int(self._value.value)

    def add(self) -> None:
        """Add one."""
        self._value.value += 1
