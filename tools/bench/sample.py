"""Values that occur in the data, for the query set to ask for: some records of some weeks are read, always the same."""

import random
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import Any, Self

import orjson

from casbah.activity.fields import FIELDS, phrases, values
from casbah.activity.record import Reading
from tools.bench.data import UNTIL, Data, read

_EVERY_WEEK, _OF_A_WEEK = 5, 250
_COMMON, _MIDDLING = 0.25, (0.01, 0.05)


class Sample:
    """What values there are. `n` numbers the choices: the same `n` chooses the same value in every run on the same data."""

    def __init__(self, records: Iterable[bytes], *, seed: int, until: int = UNTIL) -> None:
        self.until = until
        """When the newest activity there is happened, or a little later."""
        self._chance = random.Random(seed)
        self._readings = [Reading(orjson.loads(record)) for record in records]
        self._chance.shuffle(self._readings)
        self._values: dict[str, list[Any]] = {}

    @classmethod
    def of(cls, data: Data) -> Self:
        """A sample of all of the data's time."""
        return cls(
            (line for part in data.parts[::_EVERY_WEEK] for line in islice(read(part), _OF_A_WEEK)), seed=data.seed
        )

    def value(self, name: str, n: int) -> Any:
        """A value of a field, each equally likely however common it is."""
        if name not in self._values:
            found = sorted({value for r in self._readings for value in values(FIELDS[name], r)})
            if not found:
                raise LookupError(f"no record of the sample has a value of {name}")
            self._chance.shuffle(found)
            self._values[name] = found
        return self._values[name][n % len(self._values[name])]

    def reading(self, n: int, *names: str) -> Reading:
        """A record that has values of all those fields."""
        found = [r for r in self._readings if all(values(FIELDS[name], r) for name in names)]
        return found[n % len(found)]

    def of_record(self, n: int, *names: str) -> list[Any]:
        """The first values of those fields in a record that has all of them."""
        reading = self.reading(n, *names)
        return [values(FIELDS[name], reading)[0] for name in names]

    def address(self, n: int) -> str:
        """An IPv4 address."""
        found = [r for r in self._readings for value in values(FIELDS["ip"], r) if "." in value]
        return str(next(value for value in values(FIELDS["ip"], found[n % len(found)]) if "." in value))

    def moment(self, n: int) -> int:
        """When something happened."""
        return int(self.of_record(n, "date")[0])

    def rare_word(self, n: int) -> str:
        """A word of one sampled record."""
        found = [word for word, count in self._counts.items() if count == 1 and len(word) > 6]
        return sorted(found)[n * len(found) // 64 % len(found)]

    def common_word(self, n: int) -> str:
        """A word of a good part of all records, though not of nearly all."""
        return self._between(n, _COMMON, 0.9)

    def middling_word(self, n: int) -> str:
        """A word of one record in thirty or so."""
        return self._between(n, *_MIDDLING)

    def phrase(self, n: int, length: int) -> list[str]:
        """Words that stand next to each other somewhere."""
        reading = self.reading(n, "user_name")
        long = [phrase for phrase in phrases(reading) if len(phrase) >= length]
        return list(long[n % len(long)][:length])

    def _between(self, n: int, minimum: float, maximum: float) -> str:
        size = len(self._readings)
        found = sorted(word for word, count in self._counts.items() if minimum * size < count < maximum * size)
        return found[(n * 7) % len(found)]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(word for r in self._readings for word in {word for phrase in phrases(r) for word in phrase})
