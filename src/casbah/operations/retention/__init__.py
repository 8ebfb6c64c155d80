"""How long activities are kept, what must be kept, and what is deleted."""
