"""The field `city` is extracted, and both engines index it and expect it on disk."""

from casbah.activity.fields import FIELDS, values
from casbah.activity.record import Reading
from casbah.store.embedded import schema
from casbah.store.opensearch import templates
from making import record

field = FIELDS["city"]
assert values(field, Reading(record(1, location={"city": "Nürnberg"}))) == ("nürnberg",)
assert values(field, Reading(record(1))) == ()
assert any("city" in line for line in schema.fingerprint())
assert any("city" in line for line in templates._fingerprint())
assert "city" in templates._template(replicas=0)["mappings"]["properties"]
