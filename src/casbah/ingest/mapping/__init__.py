"""Mapping files: connectors defined in TOML instead of Python."""
