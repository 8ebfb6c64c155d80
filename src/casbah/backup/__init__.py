"""Copies of everything, made while the server runs, checked, and put back."""
