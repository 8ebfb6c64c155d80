"""What can be told from a value that an event brings, without asking anyone."""
