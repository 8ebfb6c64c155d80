"""Exports of query results to files: columns, formats, and the background writer."""
