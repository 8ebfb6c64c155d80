"""Countries by name and code (being written: the whole of ISO 3166-1 follows)."""


def code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code."""
    return {"united states": "US"}.get(text.lower(), text.upper() if len(text) == 2 and text.isalpha() else None)
