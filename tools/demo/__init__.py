"""Generates the demo data: events as three sources would log them."""
