"""A stream of chunks that are made one at a time, for instance by decompressing another stream."""

import io
from collections.abc import Iterator

_BUFFER = 1 << 20


class ChunkStream(io.RawIOBase):
    """The bytes of some chunks, one after the other."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._ready = b""

    @classmethod
    def buffered(cls, chunks: Iterator[bytes], *, size: int = _BUFFER) -> io.BufferedReader:
        """The stream with a buffer of `size` bytes."""
        return io.BufferedReader(cls(chunks), size)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` from the next chunk that is not empty. Raises what making it raises."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed's buffer protocol needs 3.12
        while not self._ready and (chunk := next(self._chunks, None)) is not None:
            self._ready = chunk
        data, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(data)] = data
        return len(data)
