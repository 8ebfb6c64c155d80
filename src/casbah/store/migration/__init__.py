"""Stores of older formats, rewritten in the format that this version reads (docs/decisions/0013)."""
