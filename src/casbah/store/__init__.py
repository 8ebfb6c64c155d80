"""The activity store: one interface, one package per engine."""
