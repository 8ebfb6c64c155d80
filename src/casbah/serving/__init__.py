"""Serving the application on a socket."""
