"""Forwards stored activities to webhooks and syslog collectors."""
