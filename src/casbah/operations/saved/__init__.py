"""Saved queries: private ones, those shared within a tenant, and suggested ones."""
