"""The peers: who is measured."""
