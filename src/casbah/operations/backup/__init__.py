"""Backups: made while the server runs, verified, and restored."""
