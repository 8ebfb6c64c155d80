"""Sending what is stored on: to webhooks, and to collectors of syslog."""
