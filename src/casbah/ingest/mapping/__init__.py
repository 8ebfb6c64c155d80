"""Sources as data: a mapping file says where an event has what a record needs, and no Python is written for it."""
