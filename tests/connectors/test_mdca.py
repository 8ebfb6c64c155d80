import json
from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "mdca" / "mdca_activity_records.json"


def test_real_records_keep_their_bytes(golden):
    text, records = FILE.read_bytes(), json.loads(FILE.read_bytes())
    found = golden("mdca/mdca_activity_records.json")
    assert [each.id for each in found] == [record["_id"] for record in records]
    assert [each.created for each in found] == [record["created"] for record in records]
    assert [each.timestamp for each in found] == [record["timestamp"] for record in records]
    assert all(each.adds == () and each.digest is None for each in found)
    assert found[0].record in text


def test_a_list_of_entities_becomes_an_object_and_nothing_else_changes(golden):
    for each, original in zip(golden("mdca/mdca_activity_records.json"), json.loads(FILE.read_bytes()), strict=True):
        record = json.loads(each.record)
        entities = original["entityData"]
        if type(entities) is list:
            entities = {str(position): entity for position, entity in enumerate(entities)}
        assert record == {**original, "entityData": entities}
        assert list(record) == list(original)
