"""Looking after a store: its audit trail, backups, retention, and what people save in it."""
