"""The language: what an activity's fields are, what filters and operators mean. Standard library only."""
