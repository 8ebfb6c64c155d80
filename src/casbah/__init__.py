"""Casbah: the open, self-hosted activity log for cloud apps."""

__version__ = "0.1.0"
