"""What processes of a server share: one sees what another that it forked has written."""

import os
from collections.abc import Callable

from casbah.base.shared import SharedCount, SharedFlag, SharedNumbers


def forked(act: Callable[[], None]) -> None:
    """Let another process do this."""
    process = os.fork()
    if process == 0:
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(process, 0)


def test_a_flag() -> None:
    flag = SharedFlag()
    assert not flag.is_set()
    forked(flag.set)
    assert flag.is_set()


def test_a_count() -> None:
    count = SharedCount()
    count.add()
    forked(count.add)
    assert count.value == 2


def test_numbers() -> None:
    numbers = SharedNumbers(3)
    numbers[0] = 0.5
    forked(lambda: numbers.__setitem__(2, 1.5))
    assert numbers.all() == [0.5, 0.0, 1.5]
