"""Records in the form that a peer reads, made in two processes beside the bench, two weeks at a time."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tools.bench.data import Data, read

Form = Callable[[bytes, int], bytes]
"""A record and its number of storing, to the bytes of one row."""

_TOGETHER = 2


def prepared(data: Data, form: Form, *, folder: Path) -> Iterator[Path]:
    """A file a week, which is removed once the next one is asked for. Nothing is made while the caller works."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        ProcessPoolExecutor(_TOGETHER, mp_context=get_context("spawn")) as pool,
    ):
        Path(scratch).chmod(0o755)
        first = 0
        weeks = list(zip(data.parts, data.sizes, strict=True))
        for start in track(range(0, len(weeks), _TOGETHER), "loading", console=Console(stderr=True)):
            jobs = []
            for part, count in weeks[start : start + _TOGETHER]:
                jobs.append(pool.submit(_write, form, part, first, Path(scratch) / part.stem))
                first += count
            for file in [job.result() for job in jobs]:
                yield file
                file.unlink()


def blocks(rows: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Rows joined to blocks of about `size` bytes."""
    held: list[bytes] = []
    length = 0
    for row in rows:
        held.append(row)
        length += len(row)
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    if held:
        yield b"".join(held)


def _write(form: Form, part: Path, first: int, target: Path) -> Path:
    with target.open("wb") as file:
        file.writelines(form(record, number) for number, record in enumerate(read(part), first))
    return target
