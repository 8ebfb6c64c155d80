"""What of the wire contract only the bytes' comings and goings show."""

import json

from casbah import compose, settings
from scenarios.inprocess import Asker

MANY = 1_300
PIECE = 500


def test_a_page_past_its_limit_is_sent_in_pieces(tmp_path):
    """A page that one millisecond fills may be of any size, so no piece of it holds more than a few hundred records."""
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        pieces = []

        async def watched(scope, receive, send):
            async def noted(message):
                pieces.append(message.get("body", b"").count(b'"_id"'))
                await send(message)

            await house.app(scope, receive, noted)

        ask = Asker(watched, house.local_key)
        lines = [json.dumps({"_id": f"a{number}", "timestamp": 1, "appId": 1}) for number in range(MANY)]
        assert ask("POST", "/api/ext/v1/activities?source=mdca", "\n".join(lines).encode()).json["stored"] == MANY
        pieces.clear()
        page = ask("POST", "/api/v1/activities/", b'{"isScan": true}').json
    assert (len(page["data"]), page["hasNext"], sum(pieces)) == (MANY, False, MANY)
    assert max(pieces) <= PIECE
