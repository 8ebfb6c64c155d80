"""A house on a socket."""
