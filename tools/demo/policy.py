"""Simulates a policy engine: the policies that some activities match, their alerts, and the actions taken."""

from collections.abc import Mapping
from typing import Any

from tools.demo.dice import Dice
from tools.demo.operation import Operation
from tools.demo.people import Seat

POLICIES = tuple(f"0000ca5b0000000000000c{n:02x}" for n in range(1, 9))
ACTIONS = (
    "block", "proxy", "BypassProxy", "encrypt", "decrypt", "verified", "encryptionFailed", "protect", "verify",
)  # fmt: skip
_ALERTS = 250
_RISKY_ADDRESS = 0.35
_SECOND_POLICY = 0.2
_ALERTED = 0.2
_ACTED_ON = 0.35


def with_policies(operation: Operation, seat: Seat, source: str, chance: Dice) -> Mapping[str, Any]:
    """The extra keys of a seat, for a few activities with policies. The result is shared: do not modify it."""
    extra = seat.extras[source]
    risk = operation.risk + _RISKY_ADDRESS * seat.address.risky
    if chance.random() >= risk:
        return extra
    policies = [chance.pick(POLICIES)]
    if chance.random() < _SECOND_POLICY:
        policies = list(dict.fromkeys([*policies, chance.pick(POLICIES)]))
    matched: dict[str, Any] = {**extra, "policies": policies}
    if chance.random() < _ALERTED:
        matched["alertIds"] = [f"0000ca5b00000000000a{chance.below(_ALERTS):04x}"]
    if chance.random() < _ACTED_ON:
        matched["takenActions"] = [chance.pick(ACTIONS)]
    return matched
