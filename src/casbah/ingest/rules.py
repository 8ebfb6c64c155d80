"""What rules say (`contract.Rule`), and how a connector in Python decides by its own."""

from collections.abc import Sequence

from casbah.ingest.contract import ReadingRule
from casbah.ingest.fields import Fields

ADMIN, NOT_ADMIN = "administrative", "not administrative"
IMPERSONATED, NOT_IMPERSONATED = "impersonated", "not impersonated"
OUTCOME, USER = "outcome", "user"


def decided(rules: Sequence[ReadingRule], fields: Fields, says: str) -> bool:
    """Whether the first rule that holds for an event is one that says so."""
    return next((rule.says == says for rule in rules if rule.holds(fields)), False)
