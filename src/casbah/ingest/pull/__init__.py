"""Pulls new events from vendors' APIs at intervals."""
