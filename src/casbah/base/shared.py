"""What the processes of a server share in memory: this process and those that it forks later.

The memory is anonymous. That of `multiprocessing` is in files of /dev/shm, which may be missing, full or not writable.
"""

import ctypes
import mmap
from collections.abc import Sequence
from typing import Any


class SharedFlag:
    """A `threading.Event` across processes: set once, for all of them."""

    def __init__(self) -> None:
        self._value: Any = _shared(ctypes.c_bool)

    def is_set(self) -> bool:
        """Whether it is set."""
        return bool(self._value.value)

    def set(self) -> None:
        """Set it. It cannot be cleared."""
        self._value.value = True


class SharedCount:
    """How often something has happened. Only one thread of one process at a time may count."""

    def __init__(self) -> None:
        self._value: Any = _shared(ctypes.c_uint64)

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
        self._values: Any = _shared(ctypes.c_double * count)

    def __getitem__(self, place: int) -> float:
        return float(self._values[place])

    def __setitem__(self, place: int, number: float) -> None:
        self._values[place] = number

    def all(self) -> Sequence[float]:
        """All numbers, by place."""
        return list(self._values)


def _shared(kind: Any) -> Any:
    """A value of that C type, zero at first."""
    return kind.from_buffer(mmap.mmap(-1, ctypes.sizeof(kind)))
