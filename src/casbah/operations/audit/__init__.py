"""The audit trail: who did what in Casbah itself, stored as activities."""
