"""The script `acme.js` is served with the security headers, and loaded with the page."""

from additions.application import application

with application() as (ask, _):
    script = ask("GET", "/ui/acme.js")
    assert (script.status, script.body) == (200, b"export const acme = 1;\n")
    assert "default-src 'none'" in script.headers["content-security-policy"]
    assert b'href="/ui/acme.js"' in ask("GET", "/").body
