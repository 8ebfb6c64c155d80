"""Queries that people keep: their own, those shared within a tenant, and those that everybody is offered."""
