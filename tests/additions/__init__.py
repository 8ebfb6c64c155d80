"""What the table "To add X, edit Y" of ARCHITECTURE.md promises, proven on a copy of the package."""
