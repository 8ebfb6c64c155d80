"""What every other package may use: no business rules."""
