"""docs/sources.md: its list is whole, and its example does what it says."""

import re
import typing
from pathlib import Path

import msgspec

from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Event
from casbah.ingest.mapping import file
from casbah.ingest.mapping.mapped import connector

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
EXAMPLE = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_every_source_is_listed() -> None:
    listed = TEXT.partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE) == list(connectors())


def test_the_example_is_a_source() -> None:
    assert EXAMPLE is not None
    acme = connector(EXAMPLE.group(1), name="acme", origin="acme.toml")
    event = {
        "acme_event": "e1",
        "at": "2026-01-02T03:04:05Z",
        "action": "session.login",
        "actor": {"email": "a@contoso.com", "id": 7},
        "status": "denied",
        "reason": "no seat",
        "ip": "192.0.2.1",
        "deal": {"id": 1, "name": "Big"},
    }
    assert acme.recognizes(event)
    (draft,) = acme.drafts(Event(b"{}", event))
    keys = draft.keys  # type: ignore[union-attr]
    assert keys["description"] == "Failed log on (Failure message: no seat)"
    assert keys["failedUserData"] == {"userName": "a@contoso.com"}


def test_every_key_of_a_mapping_file_is_explained() -> None:
    parts = [file.MappingFile, *(var for var in vars(file).values() if _is_part(var))]
    names = {field.encode_name for part in parts for field in msgspec.structs.fields(part)}
    assert {name for name in names if not re.search(rf"`\[*{name}\b|\b{name}`|`{name}`", TEXT)} == set()
    assert all(name in TEXT for name in typing.get_args(file.Category))
    assert all(name in TEXT for name in typing.get_args(file.Type))


def _is_part(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, msgspec.Struct)
