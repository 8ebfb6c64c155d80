"""The documents as a website."""
