"""Who did what in Casbah itself, as activities beside all others."""
